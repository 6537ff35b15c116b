//! Metric declarations: selection of metrics and their dimensions.

pub(crate) mod preset;

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use insights_sdk::Batch;

use crate::order::sorted;
use crate::origin::Origin;
use crate::selector::Selector;
use crate::watch::Values;

/// A text from the configuration or from a preset.
pub(crate) type Text = Cow<'static, str>;

/// Attribute names in byte order, without duplicates.
pub(crate) type Set = Vec<Text>;

/// All declarations of the configuration.
#[derive(Debug, Default)]
pub(crate) struct Declarations {
    /// The declarations, in the order of configuration.
    list: Vec<Declaration>,
    /// Selected plain metric names with their declaration; sorted by [`Declarations::finish`].
    names: Vec<(String, u32)>,
    /// All other selectors, with their declaration.
    selectors: Vec<(Selector, u32)>,
    /// Every attribute that occurs in a set; sorted by [`Declarations::finish`], without duplicates.
    dimensions: Vec<Text>,
    conditional: bool,
    /// Number of the declarations that add dimension sets; those behind them take sets away.
    adding: u32,
}

#[derive(Debug, Default)]
struct Declaration {
    sets: Vec<Set>,
    only: Only,
    /// Conditions; unless empty, at least one has to match.
    matchers: Vec<Matcher>,
}

/// Events that a default declaration is restricted to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Only {
    #[default]
    Any,
    /// All events except those of Fargate.
    Others,
    /// Events of Fargate.
    Fargate,
    /// Events of batches that may contain cluster events.
    Cluster,
    /// Tasks of ECS. Their containers have metrics of the same names.
    Tasks,
    /// Containers of ECS tasks.
    Containers,
}

/// A condition on attributes of the event.
#[derive(Debug)]
pub(crate) struct Matcher {
    /// Positions of the watched attributes.
    pub(crate) labels: Vec<usize>,
    /// Separator between the joined values.
    pub(crate) separator: String,
    pub(crate) selector: Selector,
}

impl Declarations {
    /// Begins another declaration; later additions belong to it. Those that take sets away must come last.
    pub(crate) fn begin(&mut self, takes_away: bool) {
        self.list.push(Declaration::default());
        self.adding += u32::from(!takes_away);
    }

    /// Restricts the last declaration to some events.
    pub(crate) fn only(&mut self, only: Only) {
        if let Some(declaration) = self.list.last_mut() {
            declaration.only = only;
        }
    }

    /// Adds a dimension set to the last declaration.
    pub(crate) fn add_set(&mut self, set: Set) {
        let set = sorted(set, &Ord::cmp);
        self.dimensions.extend_from_slice(&set);
        let sets = self.list.last_mut().map(|declaration| &mut declaration.sets);
        if let Some(sets) = sets.filter(|sets| !sets.contains(&set)) {
            sets.push(set);
        }
    }

    /// Adds a metric name to the last declaration.
    pub(crate) fn add_name(&mut self, name: String) {
        self.names.push((name, self.last()));
    }

    /// Adds a selector to the last declaration.
    pub(crate) fn add_selector(&mut self, selector: Selector) {
        match selector {
            Selector::Texts(texts) => texts.into_iter().for_each(|text| self.add_name(text)),
            selector => self.selectors.push((selector, self.last())),
        }
    }

    /// Adds a condition to the last declaration.
    pub(crate) fn add_matcher(&mut self, matcher: Matcher) {
        self.conditional = true;
        if let Some(declaration) = self.list.last_mut() {
            declaration.matchers.push(matcher);
        }
    }

    /// Sorts the indexes; to be called once after the last addition and before any query.
    pub(crate) fn finish(&mut self) {
        self.names = sorted(core::mem::take(&mut self.names), &Ord::cmp);
        self.dimensions = sorted(core::mem::take(&mut self.dimensions), &Ord::cmp);
    }

    /// Returns true if no declarations that add sets are configured: then all gauges become metrics, with all attributes as
    /// dimensions.
    pub(crate) fn is_empty(&self) -> bool {
        self.adding == 0
    }

    /// Returns true if a declaration takes sets away.
    pub(crate) fn takes_away(&self, declaration: u32) -> bool {
        declaration >= self.adding
    }

    /// Returns true if an attribute can be a dimension.
    pub(crate) fn is_dimension(&self, name: &str) -> bool {
        self.is_empty() || self.dimensions.binary_search_by(|known| (**known).cmp(name)).is_ok()
    }

    /// Returns the declarations that select a metric, in ascending order; those for clusters only if `may_speak`.
    pub(crate) fn of_metric(&self, name: &str, may_speak: bool) -> Vec<u32> {
        let first = self.names.partition_point(|(known, _)| known.as_str() < name);
        let same = self.names[first..].iter().take_while(|(known, _)| *known == name);
        let mut found: Vec<u32> = same.map(|&(_, declaration)| declaration).collect();
        let selected = self.selectors.iter().filter(|(selector, _)| selector.matches(name));
        found.extend(selected.map(|&(_, declaration)| declaration));
        let holds = |at: u32| {
            self.list.get(at as usize).is_some_and(|found| may_speak || found.only != Only::Cluster)
        };
        found.retain(|&declaration| holds(declaration));
        sorted(found, &Ord::cmp)
    }

    /// Returns true if a declaration is meant for events of this origin.
    pub(crate) fn is_for(&self, declaration: u32, origin: Origin) -> bool {
        match self.list.get(declaration as usize).map(|declaration| declaration.only) {
            Some(Only::Others) => origin != Origin::Fargate,
            Some(Only::Fargate) => origin == Origin::Fargate,
            Some(Only::Tasks) => origin == Origin::EcsTask,
            Some(Only::Containers) => origin == Origin::EcsContainer,
            _ => true,
        }
    }

    pub(crate) fn sets(&self, declaration: u32) -> &[Set] {
        self.list.get(declaration as usize).map_or(&[], |declaration| &declaration.sets)
    }

    /// Writes a bit set of the declarations that do not apply to an event to `out`; `out` stays empty if all declarations
    /// always apply.
    pub(crate) fn excluded(&self, batch: &Batch, values: &Values, out: &mut Vec<u32>, scratch: &mut String) {
        out.clear();
        if !self.conditional {
            return;
        }
        out.resize(self.list.len().div_ceil(32), 0);
        for (at, declaration) in self.list.iter().enumerate() {
            let matchers = &declaration.matchers;
            if !matchers.is_empty() && !matchers.iter().any(|matcher| matcher.holds(batch, values, scratch)) {
                out[at / 32] |= 1 << (at % 32);
            }
        }
    }

    fn last(&self) -> u32 {
        self.list.len().saturating_sub(1) as u32
    }
}

impl Matcher {
    fn holds(&self, batch: &Batch, values: &Values, joined: &mut String) -> bool {
        joined.clear();
        for (at, &label) in self.labels.iter().enumerate() {
            if at > 0 {
                joined.push_str(&self.separator);
            }
            joined.push_str(values.get(label).copied().flatten().map_or("", |value| batch.text(value)));
        }
        self.selector.matches(joined)
    }
}
