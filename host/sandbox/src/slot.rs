//! A pipeline slot: the configured component, its fallback versions, and their statistics.

mod bisect;
mod health;
mod run;
mod stats;

use std::sync::Arc;

use insights_batch::state::{Changes, State};
use insights_batch::{Columns, Limits as SinkLimits, Payloads};

use crate::budget::Budget;
use crate::component::Component;
use crate::description::Kind;
use crate::limits::CallLimits;
use crate::stop::Stop;

use bisect::SearchProgress;
pub use bisect::without_parts;
use health::Health;
use run::QuarantinedPart;
pub use stats::{SlotStats, VersionStats};

/// Policy for a batch on which a component fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// The previous version takes over; if it is missing or fails as well, the built-in of that name. If all versions fail
    /// and the data of some pods is the reason, those pods are quarantined. As a last resort like [`OnFailure::Skip`].
    #[default]
    LastGood,
    /// A transform's input is passed on unchanged. An output has no input to pass on: like [`OnFailure::Drop`].
    Skip,
    /// The batch is dropped.
    Drop,
}

/// Configuration of a slot.
#[derive(Clone, Debug)]
pub struct SlotConfig {
    /// Name in log messages and metrics.
    pub name: String,
    /// Configuration of the component as JSON; `{}` if the operator gave none.
    pub config: String,
    /// Policy on failure.
    pub on_failure: OnFailure,
    /// Consecutive failures after which a component is suspended. It is retried after some batches, with growing backoff as
    /// long as it fails. A single trap suspends it at once.
    pub max_failures: u32,
}

/// Result of a batch in a transform's slot.
#[derive(Debug)]
pub enum Processed {
    /// Output of one of the versions, not necessarily the current one: see [`Slot::stats`].
    Done(Columns),
    /// All versions failed; this is the unchanged input.
    Skipped(Columns),
    /// The batch is dropped.
    Dropped,
}

/// A slot of a pipeline. Used by one thread at a time.
#[derive(Debug)]
pub struct Slot {
    config: SlotConfig,
    /// Newest first. A suspended version is marked, not removed: its status stays visible, and it is retried.
    versions: Vec<Version>,
    quarantined: Vec<QuarantinedPart>,
    /// An unfinished search for offending data.
    search: Option<SearchProgress>,
    stats: SlotStats,
    /// Consecutive batches for which no version succeeded.
    failed_batches: u64,
    since_unix_ms: u64,
}

/// Origin of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The version passed to [`Slot::new`].
    Current,
    /// The version taken over from the preceding slot, where its last call succeeded.
    LastGood,
    /// The version embedded in the agent.
    Builtin,
}

impl Origin {
    /// Returns the name used in logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::LastGood => "last-good",
            Self::Builtin => "builtin",
        }
    }
}

#[derive(Debug)]
struct Version {
    component: Component,
    /// JSON. A version taken over from a preceding slot keeps its configuration.
    config: Arc<str>,
    origin: Origin,
    health: Health,
    has_succeeded: bool,
}

impl Version {
    fn new(component: Component, config: Arc<str>, origin: Origin) -> Self {
        Self { component, config, origin, health: Health::default(), has_succeeded: false }
    }
}

impl Slot {
    /// Creates a slot that runs `component`. `builtin` takes over on failure, unless it is the same component.
    pub fn new(config: SlotConfig, component: Component, builtin: Option<Component>) -> Self {
        let builtin = builtin.filter(|builtin| builtin.sha256() != component.sha256());
        let text: Arc<str> = config.config.as_str().into();
        let mut versions = vec![Version::new(component, Arc::clone(&text), Origin::Current)];
        versions.extend(builtin.map(|builtin| Version::new(builtin, text, Origin::Builtin)));
        let stats = SlotStats::default();
        Self {
            config,
            versions,
            quarantined: Vec::new(),
            search: None,
            stats,
            failed_batches: 0,
            since_unix_ms: 0,
        }
    }

    /// Replaces the slot `before`: its last version that worked takes over if this slot's version fails, with the configuration
    /// it had there. Statistics are continued; quarantined data is tried again.
    pub fn replace(&mut self, before: &Self) {
        self.continue_stats(before);
        let Some(current) = self.versions.first() else { return };
        let is_same = |version: &&Version| {
            version.component.sha256() == current.component.sha256() && version.config == current.config
        };
        if before.versions.first().is_some_and(|version| is_same(&version)) {
            self.since_unix_ms = before.since_unix_ms;
        }
        let mut good = before
            .versions
            .iter()
            .filter(|v| v.has_succeeded && !v.health.is_suspended() && v.origin != Origin::Builtin);
        if let Some(good) = good.find(|version| !is_same(version)) {
            let good = Version::new(good.component.clone(), Arc::clone(&good.config), Origin::LastGood);
            self.versions.retain(|version| version.origin != Origin::LastGood);
            self.versions.insert(1, good);
        }
    }

    /// Returns the tick time since which the current version is in this slot, milliseconds since the Unix epoch; 0 if not set.
    pub fn since_unix_ms(&self) -> u64 {
        self.since_unix_ms
    }

    /// Sets the time returned by [`since_unix_ms`](Self::since_unix_ms).
    pub fn set_since(&mut self, unix_ms: u64) {
        self.since_unix_ms = unix_ms;
    }

    /// Takes over the statistics of `other` and abandons an unfinished search.
    pub fn continue_stats(&mut self, other: &Self) {
        self.stats = other.stats.clone();
        self.search = None;
    }

    /// Returns the name in log messages and metrics.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// Returns the configuration of the slot.
    pub fn config(&self) -> &SlotConfig {
        &self.config
    }

    /// Returns the kind of component, which all versions share.
    pub fn kind(&self) -> Option<Kind> {
        self.versions.first().map(|version| version.component.kind())
    }

    /// Returns the statistics since the slot was created, including those taken over from a preceding slot.
    pub fn stats(&self) -> &SlotStats {
        &self.stats
    }

    /// Returns the first version that is not suspended, and its configuration.
    pub fn effective(&self) -> Option<(&Component, &str)> {
        let version = self.versions.iter().find(|version| !version.health.is_suspended())?;
        Some((&version.component, &version.config))
    }

    /// Returns true if the current version is suspended.
    pub fn has_failed(&self) -> bool {
        self.versions.first().is_some_and(|version| version.health.is_suspended())
    }

    /// Returns the versions in the order in which they are tried, with their status.
    pub fn versions(&self) -> impl Iterator<Item = VersionStats<'_>> {
        self.versions.iter().map(|version| VersionStats {
            component: &version.component,
            origin: version.origin,
            suspended: version.health.is_suspended(),
            failures: version.health.failures(),
            retry_in: version.health.retry_in(self.stats.batches),
        })
    }

    /// Runs a transform over a batch.
    pub fn process(&mut self, columns: Columns) -> Processed {
        self.process_with(columns, None).0
    }

    /// Like [`Slot::process`], for a slot with access to a state. The changes are those of the version that made the result, and
    /// empty if the batch was skipped or dropped.
    pub fn process_with(&mut self, columns: Columns, state: Option<&State>) -> (Processed, Changes) {
        let budget = self.budget(&Stop::default());
        self.process_within(columns, state, &budget)
    }

    /// Like [`Slot::process_with`], within the remaining time of a budget.
    pub fn process_within(
        &mut self,
        columns: Columns,
        state: Option<&State>,
        budget: &Budget,
    ) -> (Processed, Changes) {
        let run = self.run(&columns, budget, &|component, config, columns, deadline| {
            component.process_until(config, columns, state, deadline)
        });
        match run {
            Some((done, changes)) => (Processed::Done(done), changes),
            None if self.config.on_failure == OnFailure::Drop => {
                self.stats.dropped += 1;
                (Processed::Dropped, Changes::default())
            }
            None => {
                self.stats.skipped += 1;
                (Processed::Skipped(columns), Changes::default())
            }
        }
    }

    /// Runs a formatter over a batch. Returns `None` if all versions failed and nothing can be delivered.
    pub fn format(&mut self, columns: &Columns, limits: &SinkLimits) -> Option<Payloads> {
        self.format_with(columns, limits, None).map(|(payloads, _)| payloads)
    }

    /// Like [`Slot::format`], for a slot with access to a state.
    pub fn format_with(
        &mut self,
        columns: &Columns,
        limits: &SinkLimits,
        state: Option<&State>,
    ) -> Option<(Payloads, Changes)> {
        let budget = self.budget(&Stop::default());
        self.format_within(columns, limits, state, &budget)
    }

    /// Like [`Slot::format_with`], within the remaining time of a budget.
    pub fn format_within(
        &mut self,
        columns: &Columns,
        limits: &SinkLimits,
        state: Option<&State>,
        budget: &Budget,
    ) -> Option<(Payloads, Changes)> {
        let formatted = self.run(columns, budget, &|component, config, columns, deadline| {
            component.format_until(config, columns, limits, state, deadline)
        });
        if formatted.is_none() {
            self.stats.dropped += 1;
        }
        formatted
    }

    /// Returns a budget for a batch that begins now, from the limits of the slot's components.
    pub fn budget(&self, stop: &Stop) -> Budget {
        let default = CallLimits::default();
        let limits = self.versions.first().map_or(&default, |version| version.component.limits());
        Budget::new(limits, stop)
    }

    /// Returns the number of consecutive batches for which no version succeeded; 0 if the last one succeeded.
    pub fn failed_batches(&self) -> u64 {
        self.failed_batches
    }

    /// Returns the names of quarantined parts: `pod UID`, or kind and id of an entity below the node.
    pub fn quarantined(&self) -> impl Iterator<Item = &str> {
        self.quarantined.iter().map(|part| &*part.name)
    }
}
