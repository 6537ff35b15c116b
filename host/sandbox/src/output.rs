//! Validation of component output against the contract and the host's limits.

use insights_batch::{Columns, Limits as SinkLimits, Payloads};

use crate::error::CallError;
use crate::limits::CallLimits;
use crate::slice::DESCRIPTOR;
use crate::text::{ERROR_BYTES, clip};

/// Bounds of a route, which has a few keys of the sink. CloudWatch Logs accepts names of at most 512 characters, each up to 4
/// bytes in UTF-8.
const ROUTE_PAIRS: usize = 16;
const ROUTE_TEXT_BYTES: usize = 4 * 512;
const CONTENT_TYPE_BYTES: usize = 128;
/// Bytes of an event beside its body: a row of the columns `route` (4), `time_unix_ms` (8) and `ends` (4).
const EVENT_BYTES: usize = 16;

/// Validates the result of a transform. `input` is the batch it was called with.
pub(crate) fn check_columns(limits: &CallLimits, input: &Columns, output: &Columns) -> Result<(), CallError> {
    let same = input.scope == output.scope
        && input.scope_id == output.scope_id
        && input.time_unix_ms == output.time_unix_ms
        && input.interval_ms == output.interval_ms;
    if !same {
        let reason = "scope, scope-id, time-unix-ms and interval-ms belong to the tick and must not change";
        return Err(CallError::Output(reason.to_owned()));
    }
    output.check().map_err(|error| CallError::Output(clip(&error.to_string(), ERROR_BYTES)))?;
    check_count(limits, input, output)
}

/// Bounds entities and descriptors: each costs formatters time, a descriptor once per slice.
fn check_count(limits: &CallLimits, input: &Columns, output: &Columns) -> Result<(), CallError> {
    let over = |what: &str, count: usize, max: usize| {
        Err(CallError::Limit(format!("returned {count} {what}; the limit for this input is {max}")))
    };
    let (count, max) = (output.entity_count(), limits.output_entities(input.entity_count()));
    if count > max {
        return over("entities", count, max);
    }
    // Counting descriptors is rarely necessary: usually there are fewer entities than descriptors are allowed.
    if count > limits.output_base_descriptors {
        let (count, max) = (descriptors(output), limits.output_descriptors(descriptors(input)));
        if count > max {
            return over("metric descriptors", count, max);
        }
    }
    Ok(())
}

fn descriptors(columns: &Columns) -> usize {
    columns.entities.kind.iter().filter(|&&kind| columns.string(kind) == DESCRIPTOR).count()
}

/// Returns the size of the events: without their columns, many tiny events would cost almost nothing.
fn payload_bytes(payloads: &Payloads) -> usize {
    payloads.body.len().saturating_add(payloads.ends.len().saturating_mul(EVENT_BYTES))
}

/// Payloads of all slices of a batch, validated slice by slice.
pub(crate) struct Collected<'a> {
    limits: &'a CallLimits,
    sink: SinkLimits,
    all: Payloads,
}

impl<'a> Collected<'a> {
    pub(crate) fn new(limits: &'a CallLimits, sink: SinkLimits) -> Self {
        Self { limits, sink, all: Payloads::default() }
    }

    /// Validates the payloads of one slice and appends them.
    pub(crate) fn add(&mut self, part: Payloads) -> Result<(), CallError> {
        self.check(&part)?;
        if self.all.ends.is_empty() {
            self.all = part;
            return Ok(());
        }
        if part.ends.is_empty() {
            return Ok(());
        }
        if part.content_type != self.all.content_type {
            let (first, other) = (&self.all.content_type, &part.content_type);
            return Err(CallError::Output(format!("content types {first:?} and {other:?} in one batch")));
        }
        let Payloads { routes, route, time_unix_ms, ends, body, .. } = part;
        let indices = self.merge_routes(routes)?;
        let known = |&route: &u32| indices.get(route as usize).copied();
        self.all.route.extend(route.iter().filter_map(known));
        self.all.time_unix_ms.extend(time_unix_ms);
        // No overflow: `check` has bounded the sum.
        let base = self.all.body.len() as u32;
        self.all.ends.extend(ends.iter().map(|&end| base + end));
        self.all.body.extend(body);
        Ok(())
    }

    /// Returns the events of all slices.
    pub(crate) fn finish(self) -> Payloads {
        self.all
    }

    fn check(&self, part: &Payloads) -> Result<(), CallError> {
        let over = |reason: String| Err(CallError::Limit(reason));
        let max = self.limits.max_routes;
        if part.routes.len() > max {
            return over(format!("returned {} routes; the limit is {max}", part.routes.len()));
        }
        let bytes = payload_bytes(&self.all).saturating_add(payload_bytes(part));
        let max = self.limits.max_payload_bytes.min(u32::MAX as usize);
        if bytes > max {
            return over(format!("returned events of {bytes} bytes; the limit for a batch is {max}"));
        }
        part.check().map_err(|error| CallError::Output(clip(&error, ERROR_BYTES)))?;
        if part.content_type.len() > CONTENT_TYPE_BYTES {
            let bytes = part.content_type.len();
            let reason = format!("the content type has {bytes} bytes; the limit is {CONTENT_TYPE_BYTES}");
            return Err(CallError::Output(reason));
        }
        for (index, route) in part.routes.iter().enumerate() {
            let long = |text: &String| text.len() > ROUTE_TEXT_BYTES;
            if route.len() > ROUTE_PAIRS || route.iter().any(|(key, value)| long(key) || long(value)) {
                let reason = format!(
                    "route {index} has more than {ROUTE_PAIRS} pairs, or a key or value over \
                     {ROUTE_TEXT_BYTES} bytes"
                );
                return Err(CallError::Output(reason));
            }
        }
        self.check_events(part)
    }

    fn check_events(&self, part: &Payloads) -> Result<(), CallError> {
        let max = self.sink.max_event_bytes;
        let mut start = 0;
        for (row, &end) in part.ends.iter().enumerate() {
            let bytes = end - start;
            if bytes == 0 || bytes > max {
                let reason = format!("event {row} has {bytes} bytes; the sink accepts 1 to {max}");
                return Err(CallError::Output(reason));
            }
            start = end;
        }
        Ok(())
    }

    /// Maps the routes of a slice to indices in the merged list, and appends new ones.
    fn merge_routes(&mut self, routes: Vec<Vec<(String, String)>>) -> Result<Vec<u32>, CallError> {
        let mut indices = Vec::with_capacity(routes.len());
        for route in routes {
            let index = match self.all.routes.iter().position(|known| *known == route) {
                Some(index) => index,
                None => {
                    self.all.routes.push(route);
                    self.all.routes.len() - 1
                }
            };
            indices.push(index as u32);
        }
        let (routes, max) = (self.all.routes.len(), self.limits.max_routes);
        if routes > max {
            return Err(CallError::Limit(format!("returned {routes} routes; the limit is {max}")));
        }
        Ok(indices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Collects two slices of `events` events of one byte each.
    fn collect(events: usize, max_payload_bytes: usize) -> Result<Payloads, CallError> {
        let limits = CallLimits { max_payload_bytes, ..CallLimits::default() };
        let mut collected = Collected::new(&limits, SinkLimits::default());
        for _ in 0..2 {
            let mut part = Payloads::new("text/plain");
            (0..events).for_each(|_| part.push(&[("log_group", "/g")], 1, b"x"));
            collected.add(part)?;
        }
        Ok(collected.finish())
    }

    #[test]
    fn columns_of_tiny_events_count_towards_the_bound_of_a_batch() {
        assert_eq!(collect(100, 3400).unwrap().len(), 200);
        let error = collect(100, 3399).unwrap_err();
        assert!(matches!(error, CallError::Limit(_)), "{error}");
        let words = "returned events of 3400 bytes; the limit for a batch is 3399";
        assert!(error.to_string().contains(words), "{error}");
    }
}
