//! The query of a listener: what it wants.

use insightd_pipeline::Location;

/// Bytes a second that a listener gets by default, and at most.
const RATE_BYTES: u64 = 4 << 20;
const MAX_RATE_BYTES: u64 = 64 << 20;
const KEYS: &str = "at, pipeline, slot, when, type, namespace, pod, metric, every, ticks, rate_bytes, redact";

/// The parsed query. Filters that are absent match all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Query {
    /// `true` for batches, `false` for events.
    pub(super) batches: bool,
    pipeline: Option<String>,
    /// `transform-1`, `output-1`. Without it, batches are those that the outputs get.
    slot: Option<String>,
    /// `Some(true)` for what leaves the slot, `Some(false)` for what enters it, `None` for both.
    is_after: Option<bool>,
    /// Type of events, or type or kind of entities.
    pub(super) kind: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) pod: Option<String>,
    pub(super) metric: Option<String>,
    /// Only every tick of that number.
    pub(super) every: u64,
    /// Number of ticks after which the response ends.
    pub(super) ticks: Option<u64>,
    pub(super) rate_bytes: u64,
    /// Replaces values of labels and annotations by hashes, as `record --redact` does.
    pub(super) redact: bool,
}

impl Default for Query {
    fn default() -> Self {
        Self {
            batches: false,
            pipeline: None,
            slot: None,
            is_after: None,
            kind: None,
            namespace: None,
            pod: None,
            metric: None,
            every: 1,
            ticks: None,
            rate_bytes: RATE_BYTES,
            redact: false,
        }
    }
}

impl Query {
    /// Parses the query of a request: `at=batches&pod=web`.
    ///
    /// # Errors
    /// Returns the text for the client if a key is unknown or a value is invalid.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut query = Self::default();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decode(value).ok_or_else(|| format!("{key}: invalid percent encoding"))?;
            query.set(key, value)?;
        }
        if query.redact && !query.batches {
            return Err("redact: only batches can be redacted; events are what the sinks get".into());
        }
        Ok(query)
    }

    fn set(&mut self, key: &str, value: String) -> Result<(), String> {
        match key {
            "at" => self.batches = choice(key, &value, "events", "batches")?,
            "pipeline" => self.pipeline = Some(value),
            "slot" => self.slot = Some(value),
            "when" => self.is_after = Some(choice(key, &value, "before", "after")?),
            "type" => self.kind = Some(value),
            "namespace" => self.namespace = Some(value),
            "pod" => self.pod = Some(value),
            "metric" => self.metric = Some(value),
            "every" => self.every = number(key, &value, u64::MAX)?,
            "ticks" => self.ticks = Some(number(key, &value, u64::MAX)?),
            "rate_bytes" => self.rate_bytes = number(key, &value, MAX_RATE_BYTES)?,
            "redact" => self.redact = choice(key, &value, "false", "true")?,
            _ => return Err(format!("unknown key `{key}`; known are {KEYS}")),
        }
        Ok(())
    }

    /// Returns true if a batch at this location is wanted.
    pub(super) fn wants_batch(&self, at: &Location<'_>) -> bool {
        let is_here = match &self.slot {
            Some(slot) => {
                *slot == at.to_string() && self.is_after.is_none_or(|is_after| is_after == at.is_after)
            }
            // An output has no batch behind it: what it gets is where the last stage is left.
            None => at.is_last && at.is_after != at.is_output,
        };
        self.batches && is_here && self.wants_pipeline(at)
    }

    /// Returns true if events at this location are wanted.
    pub(super) fn wants_events(&self, at: &Location<'_>) -> bool {
        let is_here = self.slot.as_ref().is_none_or(|slot| *slot == at.to_string());
        !self.batches && is_here && self.wants_pipeline(at)
    }

    fn wants_pipeline(&self, at: &Location<'_>) -> bool {
        self.pipeline.as_ref().is_none_or(|pipeline| pipeline == at.pipeline)
    }
}

/// Returns false for the first of two words, and true for the second one.
fn choice(key: &str, value: &str, no: &str, yes: &str) -> Result<bool, String> {
    match value {
        _ if value == no => Ok(false),
        _ if value == yes => Ok(true),
        _ => Err(format!("{key}: expected {no} or {yes}")),
    }
}

fn number(key: &str, value: &str, max: u64) -> Result<u64, String> {
    let parsed = value.parse().ok().filter(|number| (1..=max).contains(number));
    parsed.ok_or_else(|| match max {
        u64::MAX => format!("{key}: expected a number, at least 1"),
        _ => format!("{key}: expected a number from 1 to {max}"),
    })
}

/// Decodes percent encoding.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(number: usize, is_output: bool, is_last: bool, is_after: bool) -> Location<'static> {
        Location { pipeline: "node", number, is_output, is_last, component: "builtin:emf", is_after }
    }

    #[test]
    fn filters_are_read() {
        assert_eq!(Query::parse(""), Ok(Query::default()));
        let text = "at=batches&pipeline=node&slot=transform-2&when=before&type=Pod&namespace=a%2Fb&pod=p%20q&metric=m&every=2&ticks=3&rate_bytes=4096&redact=true";
        let wanted = Query {
            batches: true,
            pipeline: Some("node".into()),
            slot: Some("transform-2".into()),
            is_after: Some(false),
            kind: Some("Pod".into()),
            namespace: Some("a/b".into()),
            pod: Some("p q".into()),
            metric: Some("m".into()),
            every: 2,
            ticks: Some(3),
            rate_bytes: 4096,
            redact: true,
        };
        assert_eq!(Query::parse(text), Ok(wanted));
    }

    #[test]
    fn mistakes_are_reported() {
        for (text, wanted) in [
            ("at=logs", "at: expected events or batches"),
            ("when=during", "when: expected before or after"),
            ("every=0", "every: expected a number, at least 1"),
            ("ticks=-1", "ticks: expected a number, at least 1"),
            ("rate_bytes=99999999999", "rate_bytes: expected a number from 1 to 67108864"),
            ("pod=%zz", "pod: invalid percent encoding"),
            ("pod=%f", "pod: invalid percent encoding"),
            ("pod=%ff", "pod: invalid percent encoding"),
            ("pods=a", "unknown key `pods`; known are at, pipeline"),
            ("redact=true", "redact: only batches can be redacted"),
        ] {
            let error = Query::parse(text).unwrap_err();
            assert!(error.starts_with(wanted), "{text}: {error}");
        }
    }

    #[test]
    fn batches_without_a_slot_are_those_that_outputs_get() {
        let query = Query::parse("at=batches").unwrap();
        assert!(query.wants_batch(&at(2, false, true, true)), "after the last stage");
        assert!(
            query.wants_batch(&at(1, true, true, false)),
            "before the first output of a chain without stages"
        );
        for other in [at(1, false, false, true), at(2, false, true, false), at(1, true, false, false)] {
            assert!(!query.wants_batch(&other), "{other:?}");
        }
        assert!(!query.wants_events(&at(1, true, false, true)));
        assert!(!Query::parse("at=batches&pipeline=x").unwrap().wants_batch(&at(2, false, true, true)));
    }

    #[test]
    fn a_slot_has_two_sides() {
        let both = Query::parse("at=batches&slot=transform-1").unwrap();
        let before = Query::parse("at=batches&slot=transform-1&when=before").unwrap();
        let (enters, leaves) = (at(1, false, false, false), at(1, false, false, true));
        assert!(both.wants_batch(&enters) && both.wants_batch(&leaves));
        assert!(before.wants_batch(&enters) && !before.wants_batch(&leaves));
        let events = Query::parse("slot=output-2").unwrap();
        assert!(
            events.wants_events(&at(2, true, false, true)) && !events.wants_events(&at(1, true, false, true))
        );
    }
}
