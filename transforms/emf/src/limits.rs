//! What CloudWatch takes; what is beyond it would make the service refuse the metrics of an event.

/// Characters of a metric's name, and of a namespace.
pub(crate) const NAME_CHARS: usize = 1024;
/// Characters of the name of a log group or stream.
pub(crate) const LOG_NAME_CHARS: usize = 512;
/// Metrics of one directive.
pub(crate) const DIRECTIVE_METRICS: usize = 100;
/// Dimensions of one set.
pub(crate) const SET_KEYS: usize = 30;
const KEY_CHARS: usize = 250;
const VALUE_CHARS: usize = 1024;

/// Returns true for ASCII text without control characters: CloudWatch takes no other in names of metrics and namespaces, and in
/// keys and values of dimensions.
pub(crate) fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Whether an attribute of that name can be a dimension.
pub(crate) fn is_dimension_key(key: &str) -> bool {
    !key.starts_with(':') && key.len() <= KEY_CHARS && is_shown(key)
}

/// Whether an attribute of that value can be a dimension. An empty or blank one cannot: CloudWatch refuses it.
pub(crate) fn is_dimension_value(value: &str) -> bool {
    value.len() <= VALUE_CHARS && is_shown(value)
}

/// Whether a figure of that name can be a metric.
pub(crate) fn is_metric_name(name: &str) -> bool {
    name.len() <= NAME_CHARS && is_shown(name)
}

/// Returns true for a namespace that metrics can be in. Those that begin with `AWS/` are the services' own.
pub(crate) fn is_namespace(name: &str) -> bool {
    !name.starts_with(':') && !name.starts_with("AWS/") && is_metric_name(name)
}

/// Returns true for a text that CloudWatch takes and that is not blank.
fn is_shown(text: &str) -> bool {
    is_printable(text) && text.bytes().any(|byte| byte != b' ')
}
