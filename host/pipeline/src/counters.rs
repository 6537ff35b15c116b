//! Counters of pipelines: batches that ended early, and lost events.

/// Counts over all pipelines since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Batches that ended at a transform with `on_failure: drop`.
    pub batches_dropped: u64,
    /// Batches that no formatter could format.
    pub batches_unformatted: u64,
    /// Events that were lost before a sink got them, by cause; `sink` stays 0, and the owner of the sinks adds it.
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
