//! Functions for gauges and counters of entities.

use insights_sdk::{Batch, Counter, Unit};
use rhai::Dynamic;

use crate::arguments::{Arguments, CallResult, number};
use crate::functions::Does;

/// Calls a function for gauges and counters; returns `None` if `does` is something else.
pub(crate) fn call(does: Does, batch: &Batch, given: &Arguments<'_, '_>) -> Option<CallResult> {
    Some(match does {
        Does::Gauge => gauge(batch, given),
        Does::Counter => counter(batch, given, |counter| Some(counter.current as f64)),
        Does::Rate => counter(batch, given, Counter::per_second),
        Does::Delta => counter(batch, given, Counter::delta),
        Does::Sum => sum(batch, given),
        Does::Publish => publish(batch, given),
        Does::SetGauge => set_gauge(batch, given),
        _ => return None,
    })
}

fn gauge(batch: &Batch, given: &Arguments<'_, '_>) -> CallResult {
    let found = given.entity(0, batch)?;
    let name = given.name(1)?;
    Ok(number(found.and_then(|found| found.gauge(name.as_str()))))
}

fn counter(
    batch: &Batch,
    given: &Arguments<'_, '_>,
    value: impl FnOnce(&Counter) -> Option<f64>,
) -> CallResult {
    let found = given.entity(0, batch)?;
    let name = given.name(1)?;
    Ok(number(found.and_then(|found| found.counter(name.as_str())).and_then(|counter| value(&counter))))
}

/// Sums a gauge over the entities that have it; absent if none has.
fn sum(batch: &Batch, given: &Arguments<'_, '_>) -> CallResult {
    let Some(list) = given.list(0)? else { return Ok(Dynamic::UNIT) };
    let name = batch.name(&given.name(1)?);
    let values = list.entities(batch).filter_map(|found| found.gauge(name));
    Ok(number(values.reduce(|sum, value| sum + value)))
}

/// Publishes a gauge. An absent value removes what was published under the name before.
fn publish(batch: &Batch, given: &Arguments<'_, '_>) -> CallResult {
    let found = given.entity(0, batch)?;
    let name = given.name(1)?;
    let value = given.number(2)?;
    let unit = given.text(3)?;
    if let Some(problem) = published_name_problem(&name) {
        return Err(problem.into());
    }
    let unit = match &unit {
        None => Unit::None,
        Some(unit) => Unit::parse(unit).ok_or_else(|| unit_problem(unit))?,
    };
    if let Some(found) = found {
        found.publish(name.as_str(), value.unwrap_or(f64::NAN), unit);
    }
    Ok(Dynamic::UNIT)
}

fn set_gauge(batch: &Batch, given: &Arguments<'_, '_>) -> CallResult {
    let found = given.entity(0, batch)?;
    let name = given.name(1)?;
    let value = given.number(2)?;
    if let Some(found) = found {
        found.set_gauge(name.as_str(), value.unwrap_or(f64::NAN));
    }
    Ok(Dynamic::UNIT)
}

/// Returns why a metric cannot be published under this name, or `None` if it can.
pub(crate) fn published_name_problem(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("a published name must not be empty");
    }
    name.contains('.').then_some(
        "a published name must not contain a dot; use set_gauge for values that only later stages read",
    )
}

/// Returns the error text for an unknown unit.
#[cold]
pub(crate) fn unit_problem(unit: &str) -> alloc::string::String {
    [
        "unknown unit ",
        unit,
        "; expected a unit of CloudWatch, such as Percent, Count, Bytes, Bytes/Second or Seconds",
    ]
    .concat()
}
