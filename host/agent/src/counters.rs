//! What the agent counts about itself.

/// Counts since the start. One thread writes; it hands out copies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Ticks that ran.
    pub ticks: u64,
    /// Multiples of the interval that no tick ran for, because the one before took too long or the clock was
    /// moved.
    pub ticks_left_out: u64,
    /// How late the last tick began, milliseconds.
    pub lateness_ms: u64,
    /// The latest that any began, milliseconds.
    pub lateness_max_ms: u64,
    /// How long the last tick took from the first read to the last flush, microseconds.
    pub tick_us: u64,
    /// The longest that any took, microseconds.
    pub tick_max_us: u64,
    /// Time between the first and the last read of the last sample, microseconds.
    pub spread_us: u64,
    /// The longest of any sample, microseconds.
    pub spread_max_us: u64,
    /// Running containers that had no cgroup at the last sample.
    pub containers_without_cgroup: u64,
    /// Things that could not be read.
    pub read_problems: u64,
    /// Labels and annotations of the node's pods that the last sample left out, because their pod has too many.
    pub labels_left_out: u64,
    /// Calls of components that failed.
    pub component_failures: u64,
    /// Batches that ended at a transform with `on_failure: drop`.
    pub batches_dropped: u64,
    /// Batches that no formatter could format.
    pub batches_unformatted: u64,
    /// Events written to sinks.
    pub events: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Events that are lost, by cause.
    pub lost: Lost,
}

/// Events that formatters made and nobody got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Their route was not granted.
    pub route_refused: u64,
    /// The tick had as many routes as its output may have.
    pub too_many_routes: u64,
    /// The tick had as many bytes as its output may have.
    pub too_many_bytes: u64,
    /// The sink could not write them.
    pub sink: u64,
    /// They speak for the cluster, and this agent's lead ended before they could go out.
    pub lead_lost: u64,
}

/// What went through one output or into one sink since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Events that went on.
    pub events: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Events that did not.
    pub lost: Lost,
    /// Times that something went wrong, whether or not events were lost.
    pub errors: u64,
}

impl Lost {
    /// Both together.
    pub fn add(&mut self, other: Self) {
        self.route_refused += other.route_refused;
        self.too_many_routes += other.too_many_routes;
        self.too_many_bytes += other.too_many_bytes;
        self.sink += other.sink;
        self.lead_lost += other.lead_lost;
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.by_cause().iter().map(|(_, events)| events).sum()
    }

    /// Each cause by its word in metrics.
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
    /// Batches and events that did not get as far as a sink, other than by the bounds of an output.
    pub fn undelivered(&self) -> u64 {
        self.batches_unformatted + self.batches_dropped + self.lost.lead_lost
    }

    /// Notes a tick: how late it began, how long it took.
    pub fn ticked(&mut self, lateness_ms: u64, tick_us: u64) {
        self.ticks += 1;
        self.lateness_ms = lateness_ms;
        self.lateness_max_ms = self.lateness_max_ms.max(lateness_ms);
        self.tick_us = tick_us;
        self.tick_max_us = self.tick_max_us.max(tick_us);
    }

    /// Notes a sample.
    pub fn sampled(&mut self, spread_us: u64, problems: u64) {
        self.spread_us = spread_us;
        self.spread_max_us = self.spread_max_us.max(spread_us);
        self.read_problems += problems;
    }

    /// One line of the log.
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
