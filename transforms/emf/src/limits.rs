//! Limits of CloudWatch. The service rejects the metrics of an event that exceeds them.

/// Maximum number of characters of a metric name, and of a namespace.
pub(crate) const NAME_CHARS: usize = 1024;
/// Maximum number of characters of a log group or log stream name.
pub(crate) const LOG_NAME_CHARS: usize = 512;
/// Maximum number of metrics of one directive.
pub(crate) const DIRECTIVE_METRICS: usize = 100;
/// Maximum number of dimensions of one set.
pub(crate) const SET_KEYS: usize = 30;
const KEY_CHARS: usize = 250;
const VALUE_CHARS: usize = 1024;

/// Returns true for ASCII text without control characters. CloudWatch accepts no other in names of metrics and namespaces, and
/// in keys and values of dimensions.
pub(crate) fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Returns true if an attribute with this name can be a dimension.
pub(crate) fn is_dimension_key(key: &str) -> bool {
    !key.starts_with(':') && key.len() <= KEY_CHARS && is_shown(key)
}

/// Returns true if this value can be the value of a dimension. CloudWatch rejects empty and blank values.
pub(crate) fn is_dimension_value(value: &str) -> bool {
    value.len() <= VALUE_CHARS && is_shown(value)
}

/// Returns true if a gauge with this name can be a metric.
pub(crate) fn is_metric_name(name: &str) -> bool {
    name.len() <= NAME_CHARS && is_shown(name)
}

/// Returns true for a valid custom namespace. Those that begin with `AWS/` are reserved for AWS services.
pub(crate) fn is_namespace(name: &str) -> bool {
    !name.starts_with(':') && !name.starts_with("AWS/") && is_metric_name(name)
}

/// Returns true for a printable text that is not blank.
fn is_shown(text: &str) -> bool {
    is_printable(text) && text.bytes().any(|byte| byte != b' ')
}
