//! Bounds within which the result of a new bundle must be.

/// Bounds of change, as shares of the running bundle's result; infinite means unbounded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// Fewer events.
    pub events_less: f64,
    /// More events.
    pub events_more: f64,
    /// More bytes.
    pub bytes_more: f64,
    /// Metric names that disappear.
    pub metrics_less: f64,
    /// Metric names that appear.
    pub metrics_more: f64,
    /// Declared metrics that disappear.
    pub declared_less: f64,
    /// More series: metrics with the values of their dimensions.
    pub series_more: f64,
    /// More CPU time.
    pub cpu_more: f64,
}

impl Bounds {
    /// No bounds.
    pub const NONE: Self = Self {
        events_less: f64::INFINITY,
        events_more: f64::INFINITY,
        bytes_more: f64::INFINITY,
        metrics_less: f64::INFINITY,
        metrics_more: f64::INFINITY,
        declared_less: f64::INFINITY,
        series_more: f64::INFINITY,
        cpu_more: f64::INFINITY,
    };
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            events_less: 0.5,
            events_more: 0.5,
            bytes_more: 1.0,
            metrics_less: 0.5,
            metrics_more: 1.0,
            declared_less: 0.5,
            series_more: 1.0,
            cpu_more: 2.0,
        }
    }
}
