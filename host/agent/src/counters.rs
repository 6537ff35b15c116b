//! Counters of the agent's own work.

use insightd_pipeline::Lost;

/// Counts since the start. One thread writes them and hands out copies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Completed ticks.
    pub ticks: u64,
    /// Multiples of the interval without a tick, because the tick before took too long or the clock was set.
    pub ticks_left_out: u64,
    /// Lateness of the last tick, milliseconds.
    pub lateness_ms: u64,
    /// Greatest lateness of any tick, milliseconds.
    pub lateness_max_ms: u64,
    /// Duration of the last tick from the first read to the last flush, microseconds.
    pub tick_us: u64,
    /// Longest duration of any tick, microseconds.
    pub tick_max_us: u64,
    /// Time between the first and the last read of the last sample, microseconds.
    pub spread_us: u64,
    /// Longest such time of any sample, microseconds.
    pub spread_max_us: u64,
    /// Running containers without a cgroup at the last sample.
    pub containers_without_cgroup: u64,
    /// Items that could not be read.
    pub read_problems: u64,
    /// Labels and annotations of the node's pods that the last sample left out, because their pod has too many.
    pub labels_left_out: u64,
    /// Failed calls of components.
    pub component_failures: u64,
    /// Counters of the pipelines.
    pub pipelines: insightd_pipeline::Counters,
    /// Counters of all sinks together.
    pub sinks: SinkCounters,
}

/// Events that sinks wrote or lost since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SinkCounters {
    /// Events written.
    pub events: u64,
    /// Bytes of these events.
    pub bytes: u64,
    /// Events that could not be written.
    pub lost: u64,
}

impl Counters {
    /// Returns the number of batches and events that reached no sink for a reason other than the quota of an output.
    pub fn undelivered(&self) -> u64 {
        let pipelines = &self.pipelines;
        pipelines.batches_unformatted + pipelines.batches_dropped + pipelines.lost.lead_lost
    }

    /// Returns the lost events of pipelines and sinks, by cause.
    pub fn lost(&self) -> Lost {
        let mut lost = self.pipelines.lost;
        lost.sink += self.sinks.lost;
        lost
    }

    /// Records a tick: its lateness and its duration.
    pub fn ticked(&mut self, lateness_ms: u64, tick_us: u64) {
        self.ticks += 1;
        self.lateness_ms = lateness_ms;
        self.lateness_max_ms = self.lateness_max_ms.max(lateness_ms);
        self.tick_us = tick_us;
        self.tick_max_us = self.tick_max_us.max(tick_us);
    }

    /// Records a sample: its duration and the number of items that could not be read.
    pub fn sampled(&mut self, spread_us: u64, problems: u64) {
        self.spread_us = spread_us;
        self.spread_max_us = self.spread_max_us.max(spread_us);
        self.read_problems += problems;
    }

    /// Logs the counters in one line.
    pub fn log(&self, message: &'static str) {
        let lost = self.lost();
        tracing::info!(
            ticks = self.ticks,
            ticks_left_out = self.ticks_left_out,
            lateness_max_ms = self.lateness_max_ms,
            tick_max_us = self.tick_max_us,
            spread_max_us = self.spread_max_us,
            read_problems = self.read_problems,
            component_failures = self.component_failures,
            batches_dropped = self.pipelines.batches_dropped,
            batches_unformatted = self.pipelines.batches_unformatted,
            events = self.sinks.events,
            bytes = self.sinks.bytes,
            lost_route_refused = lost.route_refused,
            lost_too_many_routes = lost.too_many_routes,
            lost_too_many_bytes = lost.too_many_bytes,
            lost_sink = lost.sink,
            lost_lead_lost = lost.lead_lost,
            "{message}"
        );
    }
}
