//! What CloudWatch takes; what is beyond it would make the service refuse the metrics of an event.

/// Characters of a metric's name, and of a namespace.
pub(crate) const NAME_CHARS: usize = 1024;
/// Metrics of one directive.
pub(crate) const DIRECTIVE_METRICS: usize = 100;
/// Dimensions of one set.
pub(crate) const SET_KEYS: usize = 30;
const KEY_CHARS: usize = 250;
const VALUE_CHARS: usize = 1024;

/// Whether an attribute of that name can be a dimension.
pub(crate) fn is_dimension_key(key: &str) -> bool {
    !key.is_empty() && !key.starts_with(':') && fits(key, KEY_CHARS)
}

/// Whether an attribute of that value can be a dimension. An empty or blank one cannot: CloudWatch refuses it.
pub(crate) fn is_dimension_value(value: &str) -> bool {
    !value.trim_start().is_empty() && fits(value, VALUE_CHARS)
}

/// Whether a figure of that name can be a metric.
pub(crate) fn is_metric_name(name: &str) -> bool {
    !name.is_empty() && fits(name, NAME_CHARS)
}

/// Whether a text has at most so many characters.
pub(crate) fn fits(text: &str, chars: usize) -> bool {
    text.len() <= chars || text.bytes().filter(|byte| byte & 0xc0 != 0x80).count() <= chars
}
