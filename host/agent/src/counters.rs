//! Counters of the agent's own work.

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
    /// Batches that ended at a transform with `on_failure: drop`.
    pub batches_dropped: u64,
    /// Batches that no formatter could format.
    pub batches_unformatted: u64,
    /// Events written to sinks.
    pub events: u64,
    /// Bytes of these events.
    pub bytes: u64,
    /// Lost events, by cause.
    pub lost: Lost,
}

/// Events that formatters made and no sink delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Events whose route is not granted.
    pub route_refused: u64,
    /// Events over the output's limit of routes a tick.
    pub too_many_routes: u64,
    /// Events over the output's limit of bytes a tick.
    pub too_many_bytes: u64,
    /// Events that the sink could not write.
    pub sink: u64,
    /// Cluster events of an agent that lost the lead before they were delivered.
    pub lead_lost: u64,
}

/// Traffic of one output or one sink since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Delivered events.
    pub events: u64,
    /// Bytes of these events.
    pub bytes: u64,
    /// Lost events.
    pub lost: Lost,
    /// Errors, with or without loss of events.
    pub errors: u64,
}

impl Lost {
    /// Adds the counts of `other`.
    pub fn add(&mut self, other: Self) {
        self.route_refused += other.route_refused;
        self.too_many_routes += other.too_many_routes;
        self.too_many_bytes += other.too_many_bytes;
        self.sink += other.sink;
        self.lead_lost += other.lead_lost;
    }

    /// Returns the number of lost events of all causes.
    pub fn total(&self) -> u64 {
        self.by_cause().iter().map(|(_, events)| events).sum()
    }

    /// Returns the count of each cause with its name in metrics.
    pub fn by_cause(&self) -> [(&'static str, u64); 5] {
        let Self { route_refused, too_many_routes, too_many_bytes, sink, lead_lost } = *self;
        [
            ("route_refused", route_refused),
            ("too_many_routes", too_many_routes),
            ("too_many_bytes", too_many_bytes),
            ("sink", sink),
            ("lead_lost", lead_lost),
        ]
    }
}

impl Counters {
    /// Returns the number of batches and events that reached no sink for a reason other than the quota of an output.
    pub fn undelivered(&self) -> u64 {
        self.batches_unformatted + self.batches_dropped + self.lost.lead_lost
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
        tracing::info!(
            ticks = self.ticks,
            ticks_left_out = self.ticks_left_out,
            lateness_max_ms = self.lateness_max_ms,
            tick_max_us = self.tick_max_us,
            spread_max_us = self.spread_max_us,
            read_problems = self.read_problems,
            component_failures = self.component_failures,
            batches_dropped = self.batches_dropped,
            batches_unformatted = self.batches_unformatted,
            events = self.events,
            bytes = self.bytes,
            lost_route_refused = self.lost.route_refused,
            lost_too_many_routes = self.lost.too_many_routes,
            lost_too_many_bytes = self.lost.too_many_bytes,
            lost_sink = self.lost.sink,
            lost_lead_lost = self.lost.lead_lost,
            "{message}"
        );
    }
}
