//! Events of a batch: one for each family, more if it is too large for one.

use alloc::string::String;
use alloc::vec::Vec;

use insightd_series::{Family, Group, Kind, Point, Series};
use insights_sdk::json::{integer_text, write_number};
use insights_sdk::{Limits, Payloads, log};

use crate::text::{push_help, push_value};

/// Media type of the events.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4";

/// Writes all families. `timestamp` is added to each sample.
pub(crate) fn write(series: &Series<'_>, timestamp: Option<u64>, time: u64, limits: &Limits) -> Payloads {
    let mut writer = Writer {
        payloads: Payloads::new(CONTENT_TYPE),
        limit: limits.max_event_bytes as usize,
        time,
        timestamp,
        header: Vec::new(),
        start: 0,
        dropped: 0,
    };
    for group in series.groups() {
        writer.family(&group);
    }
    if writer.dropped > 0 {
        let (count, limit) = (integer_text(writer.dropped), integer_text(u64::from(limits.max_event_bytes)));
        log::error(&[&count, " samples dropped: each alone is larger than ", &limit, " bytes"].concat());
    }
    writer.payloads
}

struct Writer {
    payloads: Payloads,
    limit: usize,
    time: u64,
    timestamp: Option<u64>,
    /// `# HELP` and `# TYPE` of the family.
    header: Vec<u8>,
    /// Start of the current event in the body.
    start: usize,
    dropped: u64,
}

impl Writer {
    fn family(&mut self, group: &Group<'_, '_>) {
        self.header.clear();
        push_header(&mut self.header, group.family);
        self.start = self.payloads.body.len();
        group.points(&mut |point| self.sample(point));
        self.end();
    }

    fn sample(&mut self, point: &Point<'_, '_>) {
        let before = self.payloads.body.len();
        if before == self.start {
            self.payloads.body.extend_from_slice(&self.header);
        }
        let sample = self.payloads.body.len();
        push_sample(&mut self.payloads.body, point, self.timestamp);
        if self.payloads.body.len() - self.start <= self.limit {
            return;
        }
        if before == self.start {
            self.payloads.body.truncate(before);
            self.dropped += 1;
            return;
        }
        // The sample is the first one of another event of this family.
        let bytes = self.payloads.body.split_off(sample);
        self.end();
        if self.header.len() + bytes.len() > self.limit {
            self.dropped += 1;
            return;
        }
        self.payloads.body.extend_from_slice(&self.header);
        self.payloads.body.extend_from_slice(&bytes);
    }

    fn end(&mut self) {
        if self.payloads.body.len() > self.start {
            self.payloads.commit(&[], self.time);
            self.start = self.payloads.body.len();
        }
    }
}

fn push_header(out: &mut Vec<u8>, family: &Family<'_>) {
    let kind: &[u8] = match family.kind {
        Kind::Counter => b" counter\n",
        Kind::Gauge | Kind::UpDown => b" gauge\n",
    };
    out.extend_from_slice(b"# HELP ");
    out.extend_from_slice(family.name.as_bytes());
    out.push(b' ');
    push_help(out, family.help);
    out.extend_from_slice(b"\n# TYPE ");
    out.extend_from_slice(family.name.as_bytes());
    out.extend_from_slice(kind);
}

fn push_sample(out: &mut Vec<u8>, point: &Point<'_, '_>, timestamp: Option<u64>) {
    out.extend_from_slice(point.family.name.as_bytes());
    let open = out.len();
    point.prometheus_labels(&mut String::new(), &mut |name, value| {
        out.push(if out.len() == open { b'{' } else { b',' });
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"=\"");
        push_value(out, value);
        out.push(b'"');
    });
    if out.len() > open {
        out.push(b'}');
    }
    out.push(b' ');
    write_number(out, point.value);
    if let Some(time) = timestamp {
        out.push(b' ');
        out.extend_from_slice(integer_text(time).as_bytes());
    }
    out.push(b'\n');
}
