//! Formatting of one batch.

use alloc::vec::Vec;
use core::hash::Hasher;

use insightd_series::{Family, Kind, Point, Series, Source, Subject};
use insights_sdk::json::integer_text;
use insights_sdk::{Batch, FxHasher, Limits, Payloads, log};

use crate::options::Options;
use crate::request::Requests;
use crate::resource::Resource;
use crate::scope::SOURCES;
use crate::{proto, scope};

/// Most bytes of a request that CloudWatch accepts.
const MAX_BYTES: usize = 1_000_000;
const NANOSECONDS: u64 = 1_000_000;

/// Objects with the same resource.
struct Described<'s, 'b> {
    hash: u64,
    attributes: Vec<u8>,
    subjects: Vec<&'s Subject<'b>>,
}

/// The common part of all points of an object.
struct Object {
    /// Start of its counters.
    start_unix_ms: Option<u64>,
    /// Fields of its labels.
    labels: Vec<u8>,
}

impl Object {
    fn new(subject: &Subject<'_>) -> Self {
        let mut labels = Vec::new();
        for (key, value) in &subject.labels {
            proto::attribute(&mut labels, 7, "", key, value);
        }
        Self { start_unix_ms: subject.start_unix_ms(), labels }
    }
}

/// Formats all requests of a batch.
pub(crate) fn run(options: &Options, batch: &Batch, limits: &Limits) -> Payloads {
    let series = Series::new(batch, options.dialect.table(), &options.selection);
    let (described, dropped) = describe(&series, batch, options);
    let max_bytes = MAX_BYTES.min(limits.max_event_bytes as usize);
    let mut requests = Requests::new(batch.time_unix_ms(), options.max_points, max_bytes);
    let (mut fields, mut point_fields, mut labels) = (Vec::new(), Vec::new(), Vec::new());
    for resource in &described {
        requests.resource(&resource.attributes);
        let objects: Vec<Object> = resource.subjects.iter().map(|subject| Object::new(subject)).collect();
        for source in SOURCES {
            fields.clear();
            scope::write(&mut fields, source, options);
            requests.scope(&fields);
            for family in series.families().iter().filter(|family| family.source == source) {
                if !resource.subjects.iter().any(|subject| family.on.contains(&subject.on)) {
                    continue;
                }
                begin(&mut requests, family, options);
                for (subject, object) in resource.subjects.iter().zip(&objects) {
                    // AWS's pipeline drops cAdvisor's rows with neither container nor pod.
                    if source == Source::Cadvisor && subject.pod.is_none() {
                        continue;
                    }
                    series.points(family, subject, &mut |point| {
                        point_fields.clear();
                        write_point(&mut point_fields, point, object, batch.time_unix_ms());
                        labels.clear();
                        for (key, value) in point.labels {
                            proto::attribute(&mut labels, 7, "", key, value);
                        }
                        requests.point(&[&point_fields, &object.labels, &labels]);
                    });
                }
            }
        }
    }
    series.report();
    report(dropped, requests.dropped, max_bytes);
    requests.finish()
}

/// Groups the objects by resource, in the order of the batch. Returns the number of labels that were left out as well.
fn describe<'s, 'b>(
    series: &'s Series<'b>,
    batch: &'b Batch,
    options: &'b Options,
) -> (Vec<Described<'s, 'b>>, usize) {
    let mut described: Vec<Described<'s, 'b>> = Vec::new();
    // Positions in `described`, sorted by hash.
    let mut sorted: Vec<usize> = Vec::new();
    let mut dropped = 0;
    for subject in series.subjects() {
        let resource = Resource::new(subject, batch, options);
        let mut attributes = Vec::new();
        resource.write(&mut attributes, options);
        let mut hasher = FxHasher::default();
        hasher.write(&attributes);
        let hash = hasher.finish();
        let at = sorted.partition_point(|&at| described[at].hash < hash);
        let mut same = sorted[at..].iter().copied().take_while(|&at| described[at].hash == hash);
        match same.find(|&at| described[at].attributes == attributes) {
            Some(at) => described[at].subjects.push(subject),
            None => {
                dropped += resource.dropped;
                sorted.insert(at, described.len());
                described.push(Described { hash, attributes, subjects: alloc::vec![subject] });
            }
        }
    }
    (described, dropped)
}

fn begin(requests: &mut Requests, family: &Family<'_>, options: &Options) {
    let description = if options.descriptions { family.help } else { "" };
    requests.metric(family.name, description, family.unit, family.kind);
}

/// Appends the fields of a point except its labels.
fn write_point(out: &mut Vec<u8>, point: &Point<'_, '_>, object: &Object, time_unix_ms: u64) {
    let is_counter = point.family.kind == Kind::Counter;
    if let Some(start) = object.start_unix_ms.filter(|_| is_counter) {
        proto::fixed(out, 2, start.saturating_mul(NANOSECONDS));
    }
    proto::fixed(out, 3, time_unix_ms.saturating_mul(NANOSECONDS));
    proto::double(out, 4, point.value);
}

fn report(labels: usize, points: u64, max_bytes: usize) {
    if labels > 0 {
        let text = " pod labels left out: more than 150 attributes of resource, scope and point";
        log::warn(&[&integer_text(labels as u64), text].concat());
    }
    if points > 0 {
        let (count, limit) = (integer_text(points), integer_text(max_bytes as u64));
        log::error(
            &[&count, " points dropped: each alone makes a request of more than ", &limit, " bytes"].concat(),
        );
    }
}
