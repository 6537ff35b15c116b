//! The quantities that are billed, and their extrapolation from a recording.

/// Milliseconds of a day.
const DAY_MS: f64 = 86_400_000.0;
/// Hours of a month, as AWS's pricing calculator counts.
pub(super) const MONTH_HOURS: f64 = 730.0;

/// Billed quantities. Bytes are those of a day.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Quantities {
    /// CloudWatch metrics.
    pub(super) series: f64,
    /// Bytes of log events, with 26 for each event.
    pub(super) log_bytes: f64,
    /// Billed bytes of OTLP data points.
    pub(super) otlp_bytes: f64,
}

impl Quantities {
    /// Returns the quantity of a month of which this is a day.
    pub(super) fn of_month(of_day: f64) -> f64 {
        of_day * (MONTH_HOURS / 24.0)
    }

    /// Returns these without a part.
    pub(super) fn minus(&self, part: &Self) -> Self {
        Self {
            series: self.series - part.series,
            log_bytes: self.log_bytes - part.log_bytes,
            otlp_bytes: self.otlp_bytes - part.otlp_bytes,
        }
    }
}

/// The batches of one node or cluster.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Source {
    /// Kind of scope, such as `node`.
    pub(super) scope: String,
    /// Name of the node or cluster.
    pub(super) id: String,
    /// Number of batches.
    pub(super) batches: u64,
    /// Sum of the intervals of the batches, milliseconds: the time that the recording stands for.
    pub(super) covered_ms: u64,
}

impl Source {
    /// Returns true if there is one such source for each node, and not one for all.
    pub(super) fn is_per_node(&self) -> bool {
        self.scope != "cluster"
    }

    /// Returns the number by which a count of the recording becomes that of a day of `nodes` nodes.
    pub(super) fn factor(&self, nodes: u32) -> f64 {
        if self.covered_ms == 0 {
            return 0.0;
        }
        let nodes = if self.is_per_node() { f64::from(nodes) } else { 1.0 };
        DAY_MS / self.covered_ms as f64 * nodes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_becomes_a_day() {
        let source =
            |scope: &str, covered_ms| Source { scope: scope.into(), id: "a".into(), batches: 1, covered_ms };
        // One tick a minute: 1,440 a day, whatever number of them was recorded.
        assert_eq!(source("node", 60_000).factor(1), 1_440.0);
        assert_eq!(source("node", 10 * 60_000).factor(1), 144.0);
        assert_eq!(source("node", 60_000).factor(3), 4_320.0);
        // There is one cluster, however many nodes there are.
        assert_eq!(source("cluster", 60_000).factor(3), 1_440.0);
        assert_eq!(source("node", 0).factor(1), 0.0);
    }
}
