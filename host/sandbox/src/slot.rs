//! One place in a pipeline: the component that runs there, what takes over when it fails, and what is counted.

mod halve;
mod health;
mod run;
mod stats;

use std::sync::Arc;

use insights_sdk::state::{Changes, State};
use insights_sdk::{Columns, Limits as SinkLimits, Payloads};

use crate::budget::{Budget, Stop};
use crate::component::{Component, Kind};
use crate::limits::Limits;

use halve::Progress;
pub use halve::without;
use health::Health;
use run::Aside;
pub use stats::{Stats, VersionStats};

/// What happens to a batch when a component fails on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// The version before takes over, and if there is none, or it fails as well, the built-in of that name. When all fail
    /// and the data of one pod is the reason, it is set aside. At last as [`OnFailure::Skip`].
    #[default]
    LastGood,
    /// A transform's input goes on as it is. An output has nothing to go on with: as [`OnFailure::Drop`].
    Skip,
    /// The batch ends here.
    Drop,
}

/// How a slot runs.
#[derive(Clone, Debug)]
pub struct SlotConfig {
    /// Name in log lines and metrics.
    pub name: String,
    /// Configuration of the component, JSON; `{}` where the operator wrote none.
    pub config: String,
    /// What happens on failure.
    pub on_failure: OnFailure,
    /// So many failures in a row, and a component is given up: it is tried again after some batches, and later and later as
    /// long as it fails. A trap is enough by itself.
    pub max_failures: u32,
}

/// What became of a batch in a transform's slot.
#[derive(Debug)]
pub enum Processed {
    /// A component made this of it. It may not have been the current one: see [`Slot::stats`].
    Done(Columns),
    /// All failed; this is the input, untouched.
    Skipped(Columns),
    /// The batch ends here.
    Dropped,
}

/// A place in a pipeline. Used by one thread at a time.
#[derive(Debug)]
pub struct Slot {
    config: SlotConfig,
    /// Newest first; what is given up is marked, not removed: its state stays visible, and it is tried again.
    versions: Vec<Version>,
    aside: Vec<Aside>,
    /// A search for odd data that is not over.
    search: Option<Progress>,
    stats: Stats,
    /// Batches in a row for which no version worked.
    down: u64,
    since_unix_ms: u64,
}

/// Where a version came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Given with [`Slot::new`].
    Current,
    /// It was current in the slot before, and its last call there was good.
    LastGood,
    /// Embedded in the agent.
    Builtin,
}

impl Origin {
    /// Word for logs and metrics.
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
    /// JSON. A version from before has the one that it had then.
    config: Arc<str>,
    origin: Origin,
    health: Health,
    proven: bool,
}

impl Version {
    fn new(component: Component, config: Arc<str>, origin: Origin) -> Self {
        Self { component, config, origin, health: Health::default(), proven: false }
    }
}

impl Slot {
    /// A slot that runs `component`; `builtin` takes over when it fails, unless it is the same one.
    pub fn new(config: SlotConfig, component: Component, builtin: Option<Component>) -> Self {
        let builtin = builtin.filter(|builtin| builtin.sha256() != component.sha256());
        let text: Arc<str> = config.config.as_str().into();
        let mut versions = vec![Version::new(component, Arc::clone(&text), Origin::Current)];
        versions.extend(builtin.map(|builtin| Version::new(builtin, text, Origin::Builtin)));
        let stats = Stats::default();
        Self { config, versions, aside: Vec::new(), search: None, stats, down: 0, since_unix_ms: 0 }
    }

    /// Takes the place of `before`: what worked there last takes over when this one's version fails, with the configuration
    /// that it had there. What is counted goes on; data that was set aside is tried again.
    pub fn succeed(&mut self, before: &Self) {
        self.go_on_counting(before);
        let Some(current) = self.versions.first() else { return };
        let is_same = |version: &&Version| {
            version.component.sha256() == current.component.sha256() && version.config == current.config
        };
        if before.versions.first().is_some_and(|version| is_same(&version)) {
            self.since_unix_ms = before.since_unix_ms;
        }
        let mut good =
            before.versions.iter().filter(|v| v.proven && !v.health.is_bad() && v.origin != Origin::Builtin);
        if let Some(good) = good.find(|version| !is_same(version)) {
            let good = Version::new(good.component.clone(), Arc::clone(&good.config), Origin::LastGood);
            self.versions.retain(|version| version.origin != Origin::LastGood);
            self.versions.insert(1, good);
        }
    }

    /// Since when the version that it was made for is in its place, in ticks' time; 0 where nobody said.
    pub fn since_unix_ms(&self) -> u64 {
        self.since_unix_ms
    }

    /// Says it.
    pub fn set_since(&mut self, unix_ms: u64) {
        self.since_unix_ms = unix_ms;
    }

    /// Takes over what was counted in `other`.
    pub fn go_on_counting(&mut self, other: &Self) {
        self.stats = other.stats.clone();
        self.search = None;
    }

    /// Name in log lines and metrics.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// What is configured.
    pub fn config(&self) -> &SlotConfig {
        &self.config
    }

    /// What it is: that of all its versions.
    pub fn kind(&self) -> Option<Kind> {
        self.versions.first().map(|version| version.component.kind())
    }

    /// What was counted since the slot was made.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// What runs at present, and its configuration: the first version that is not given up.
    pub fn effective(&self) -> Option<(&Component, &str)> {
        let version = self.versions.iter().find(|version| !version.health.is_bad())?;
        Some((&version.component, &version.config))
    }

    /// Whether the version that the slot was made for is given up.
    pub fn has_failed(&self) -> bool {
        self.versions.first().is_some_and(|version| version.health.is_bad())
    }

    /// The versions in the order in which they are tried, and whether each is marked bad.
    pub fn versions(&self) -> impl Iterator<Item = VersionStats<'_>> {
        self.versions.iter().map(|version| VersionStats {
            component: &version.component,
            origin: version.origin,
            bad: version.health.is_bad(),
            failures: version.health.failures(),
            retry_in: version.health.retry_in(self.stats.batches),
        })
    }

    /// Runs a transform over a batch.
    pub fn process(&mut self, columns: Columns) -> Processed {
        self.process_with(columns, None).0
    }

    /// As [`Slot::process`], for a slot that is granted a state. The changes are those of the version whose result this is;
    /// none where the batch was skipped or dropped.
    pub fn process_with(&mut self, columns: Columns, state: Option<&State>) -> (Processed, Changes) {
        let budget = self.budget(&Stop::default());
        self.process_within(columns, state, &budget)
    }

    /// As [`Slot::process_with`], with the time that is left of a budget.
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

    /// Runs a formatter over a batch. None when all failed: there is nothing to deliver.
    pub fn format(&mut self, columns: &Columns, limits: &SinkLimits) -> Option<Payloads> {
        self.format_with(columns, limits, None).map(|(payloads, _)| payloads)
    }

    /// As [`Slot::format`], for a slot that is granted a state.
    pub fn format_with(
        &mut self,
        columns: &Columns,
        limits: &SinkLimits,
        state: Option<&State>,
    ) -> Option<(Payloads, Changes)> {
        let budget = self.budget(&Stop::default());
        self.format_within(columns, limits, state, &budget)
    }

    /// As [`Slot::format_with`], with the time that is left of a budget.
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

    /// Returns a budget for a batch, which begins now, by the limits of its components.
    pub fn budget(&self, stop: &Stop) -> Budget {
        let default = Limits::default();
        let limits = self.versions.first().map_or(&default, |version| version.component.limits());
        Budget::new(limits, stop)
    }

    /// Returns the number of batches in a row for which no version worked; 0 where the last one went well.
    pub fn down(&self) -> u64 {
        self.down
    }

    /// Whether the version that is tried next remembers anything.
    pub fn uses_state(&self) -> bool {
        self.versions
            .iter()
            .find(|version| !version.health.is_bad())
            .is_some_and(|version| version.component.uses_state())
    }

    /// What is set aside at present: `pod UID`, or kind and id of an entity below the node.
    pub fn aside(&self) -> impl Iterator<Item = &str> {
        self.aside.iter().map(|aside| &*aside.name)
    }
}
