//! Functions for texts, numbers and the log.

use alloc::string::{String, ToString};

use insights_sdk::{json, log};
use rhai::{Dynamic, FLOAT};

use crate::arguments::{Arguments, CallResult, number, number_text, text};
use crate::functions::Does;

/// Maximum number of decimal places of `round`.
const MOST_PLACES: FLOAT = 15.0;

/// Calls a function that needs no batch.
pub(crate) fn call(does: Does, given: &Arguments<'_, '_>) -> CallResult {
    match does {
        Does::StartsWith => test(given, |text, part| text.starts_with(part)),
        Does::EndsWith => test(given, |text, part| text.ends_with(part)),
        Does::Contains => test(given, |text, part| text.contains(part)),
        Does::Like => test(given, like),
        Does::Replace => replace(given),
        Does::Before => cut(given, |text, part| text.split_once(part).map_or(text, |(before, _)| before)),
        Does::After => cut(given, |text, part| text.split_once(part).map_or("", |(_, after)| after)),
        Does::Lower => made(given, str::to_ascii_lowercase),
        Does::Upper => made(given, str::to_ascii_uppercase),
        Does::Length => Ok(number(given.text(0)?.map(|text| text.chars().count() as FLOAT))),
        Does::Text => as_text(given),
        Does::Number => Ok(number(given.text(0)?.and_then(|text| parse(&text)))),
        Does::Min => pair(given, FLOAT::min),
        Does::Max => pair(given, FLOAT::max),
        Does::Round => round(given),
        Does::Abs => Ok(number(given.number(0)?.map(FLOAT::abs))),
        _ => {
            let message = as_text(given)?;
            log::info(message.as_immutable_string_ref().as_deref().map_or("absent", |text| text.as_str()));
            Ok(Dynamic::UNIT)
        }
    }
}

/// Applies a test to two texts; the result is false if the first is absent.
fn test(given: &Arguments<'_, '_>, holds: impl FnOnce(&str, &str) -> bool) -> CallResult {
    let whole = given.text(0)?;
    let part = given.name(1)?;
    Ok(whole.is_some_and(|whole| holds(&whole, &part)).into())
}

/// Returns true if the text matches the pattern; each `*` matches any text.
pub(crate) fn like(text: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

fn cut(given: &Arguments<'_, '_>, keep: impl for<'t> FnOnce(&'t str, &str) -> &'t str) -> CallResult {
    let whole = given.text(0)?;
    let part = given.name(1)?;
    Ok(text(whole.as_deref().map(|whole| keep(whole, &part))))
}

fn made(given: &Arguments<'_, '_>, make: impl FnOnce(&str) -> String) -> CallResult {
    Ok(given.text(0)?.map_or(Dynamic::UNIT, |text| make(&text).into()))
}

fn replace(given: &Arguments<'_, '_>) -> CallResult {
    let whole = given.text(0)?;
    let (part, with) = (given.name(1)?, given.name(2)?);
    if part.is_empty() {
        return Err("argument 2 must not be empty".to_string());
    }
    Ok(whole.map_or(Dynamic::UNIT, |whole| whole.as_str().replace(part.as_str(), &with).into()))
}

fn as_text(given: &Arguments<'_, '_>) -> CallResult {
    let value = given.value(0);
    if let Ok(number) = value.as_float() {
        return Ok(number_text(number).into());
    }
    if let Ok(flag) = value.as_bool() {
        return Ok(text(Some(if flag { "true" } else { "false" })));
    }
    Ok(text(given.text(0)?.as_deref()))
}

/// Parses a JSON number, optionally with a leading `+`.
fn parse(text: &str) -> Option<FLOAT> {
    let text = text.trim();
    json::parse(text.strip_prefix('+').unwrap_or(text)).ok()?.as_f64()
}

fn pair(given: &Arguments<'_, '_>, choose: impl FnOnce(FLOAT, FLOAT) -> FLOAT) -> CallResult {
    let (left, right) = (given.number(0)?, given.number(1)?);
    Ok(number(left.zip(right).map(|(left, right)| choose(left, right))))
}

/// Rounds to a number of decimal places, halves away from zero.
fn round(given: &Arguments<'_, '_>) -> CallResult {
    let (value, places) = (given.number(0)?, given.number(1)?.unwrap_or(0.0));
    if !(0.0..=MOST_PLACES).contains(&places) {
        return Err("argument 2 must be a number from 0 to 15".to_string());
    }
    let scale = (0..places as u32).fold(1.0, |scale: FLOAT, _| scale * 10.0);
    Ok(number(value.map(|value| nearest(value * scale) / scale)))
}

/// Implements `f64::round`, which `core` does not have on all targets.
fn nearest(value: FLOAT) -> FLOAT {
    // 2^52: from here on every `f64` is an integer.
    const WHOLE: FLOAT = 4_503_599_627_370_496.0;
    if value.abs() >= WHOLE || value.is_nan() {
        return value;
    }
    let whole = (value.abs() + 0.5) as u64 as FLOAT;
    whole.copysign(value)
}
