//! The counts of a recording's payloads: by source, so that each is extrapolated by its own time.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sha2::{Digest as _, Sha256};

use super::quantity::{Quantities, Source};

/// Maximum number of distinct series; a full node has some thousands.
const MAX_SERIES: usize = 4_000_000;
/// Maximum number of distinct names: types, namespaces, metrics, dimension sets, labels, of all kinds together.
const MAX_NAMES: usize = 1_000_000;

/// Dimensions whose values do not tell nodes apart. A series with no other one is that of all nodes together.
const SHARED: [&str; 6] =
    ["ClusterName", "Namespace", "Service", "LaunchType", "TaskDefinitionFamily", "ServiceName"];

/// The kinds of groups by which counts are broken down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Type of EMF events.
    Type,
    /// Kubernetes namespace.
    Namespace,
    /// Metric.
    Metric,
    /// Dimension set of EMF.
    Dimensions,
    /// Member of EMF events, or attribute of OTLP.
    Label,
}

impl Kind {
    /// All kinds.
    pub(super) const ALL: [Self; 5] =
        [Self::Type, Self::Namespace, Self::Metric, Self::Dimensions, Self::Label];
}

/// A number of events or data points, and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Count {
    pub(super) items: u64,
    pub(super) bytes: u64,
}

/// Counts by source.
pub(super) type Counts = BTreeMap<usize, Count>;

/// Identity of a series: the hash of all that makes it distinct.
pub(super) type SeriesId = [u8; 16];

/// The groups of a series.
#[derive(Debug, Default)]
pub(super) struct Series {
    /// Its groups by [`Kind`], such as the types of the events that declare it.
    pub(super) groups: [BTreeSet<u32>; Kind::ALL.len()],
    /// True if each node has its own.
    pub(super) is_per_node: bool,
}

/// Counts of one format.
#[derive(Debug, Default)]
pub(super) struct Section {
    /// All events or data points.
    pub(super) total: Counts,
    /// Payloads as they are sent; for EMF the same as `total` without the 26 bytes for each event.
    pub(super) payloads: Counts,
    /// By kind and name.
    pub(super) groups: [HashMap<u32, Counts>; Kind::ALL.len()],
    /// The distinct series.
    pub(super) series: HashMap<SeriesId, Series>,
}

/// All counts of a recording.
#[derive(Debug, Default)]
pub(super) struct Usage {
    pub(super) sources: Vec<Source>,
    by_scope: HashMap<(String, String), usize>,
    current: usize,
    names: Vec<String>,
    by_name: HashMap<String, u32>,
    /// Log events.
    pub(super) emf: Section,
    /// Export requests.
    pub(super) otlp: Section,
    /// Payloads of other formats.
    pub(super) other: Counts,
    /// Payloads of `application/x-protobuf` that are not export requests; they are in `other`.
    pub(super) undecoded: u64,
    /// By sink and content type.
    pub(super) outputs: BTreeMap<(String, String), Counts>,
    /// True once a bound was exceeded: the counts are not whole.
    pub(super) is_full: bool,
}

impl Usage {
    /// Begins a batch of a source.
    pub(super) fn begin(&mut self, scope: &str, id: &str, interval_ms: u64) {
        let key = (scope.to_owned(), id.to_owned());
        let index = *self.by_scope.entry(key).or_insert_with(|| {
            self.sources.push(Source { scope: scope.into(), id: id.into(), batches: 0, covered_ms: 0 });
            self.sources.len() - 1
        });
        if let Some(source) = self.sources.get_mut(index) {
            source.batches += 1;
            source.covered_ms = source.covered_ms.saturating_add(interval_ms);
        }
        self.current = index;
    }

    /// Returns the number of a name.
    pub(super) fn name(&mut self, name: &str) -> u32 {
        if let Some(known) = self.by_name.get(name) {
            return *known;
        }
        if self.names.len() >= MAX_NAMES {
            self.is_full = true;
            return 0;
        }
        let number = self.names.len() as u32;
        self.names.push(name.to_owned());
        self.by_name.insert(name.to_owned(), number);
        number
    }

    /// Returns the text of a number of [`Usage::name`].
    pub(super) fn text(&self, number: u32) -> &str {
        self.names.get(number as usize).map_or("", String::as_str)
    }

    /// Returns true if the batches of the current source are those of one node of many.
    fn is_of_node(&self) -> bool {
        self.sources.get(self.current).is_none_or(Source::is_per_node)
    }

    /// Adds to counts for the current source.
    pub(super) fn add(&mut self, counts: impl FnOnce(&mut Self) -> &mut Counts, items: u64, bytes: u64) {
        let current = self.current;
        let count = counts(self).entry(current).or_default();
        count.items += items;
        count.bytes += bytes;
    }

    /// Adds to a group of log events.
    pub(super) fn add_emf(&mut self, kind: Kind, name: u32, items: u64, bytes: u64) {
        self.add(|usage| usage.emf.groups[kind as usize].entry(name).or_default(), items, bytes);
    }

    /// Adds to a group of data points.
    pub(super) fn add_otlp(&mut self, kind: Kind, name: u32, items: u64, bytes: u64) {
        self.add(|usage| usage.otlp.groups[kind as usize].entry(name).or_default(), items, bytes);
    }

    /// Counts a series of EMF with its groups, if it is new; `dimensions` are the names of its dimensions.
    pub(super) fn add_metric(&mut self, id: SeriesId, groups: &[(Kind, u32)], dimensions: &[&str]) {
        let is_shared = dimensions.iter().all(|name| SHARED.contains(name));
        let is_per_node = self.is_of_node() && !is_shared;
        self.is_full |= add_series(&mut self.emf, id, groups, is_per_node);
    }

    /// Counts a series of OTLP with its groups, if it is new.
    pub(super) fn add_point(&mut self, id: SeriesId, groups: &[(Kind, u32)]) {
        let is_per_node = self.is_of_node();
        self.is_full |= add_series(&mut self.otlp, id, groups, is_per_node);
    }

    /// Returns a count as that of a day of `nodes` nodes: items and bytes.
    pub(super) fn day(&self, counts: &Counts, nodes: u32) -> (f64, f64) {
        let mut day = (0.0, 0.0);
        for (source, count) in counts {
            let factor = self.sources.get(*source).map_or(0.0, |source| source.factor(nodes));
            day.0 += count.items as f64 * factor;
            day.1 += count.bytes as f64 * factor;
        }
        day
    }

    /// Returns the billed quantities of `nodes` nodes.
    pub(super) fn quantities(&self, nodes: u32) -> Quantities {
        Quantities {
            series: self.emf.series.values().map(|series| series.weight(nodes)).sum(),
            log_bytes: self.day(&self.emf.total, nodes).1,
            otlp_bytes: self.day(&self.otlp.total, nodes).1,
        }
    }
}

impl Series {
    /// Returns the number of series that this one stands for.
    pub(super) fn weight(&self, nodes: u32) -> f64 {
        if self.is_per_node { f64::from(nodes) } else { 1.0 }
    }
}

/// Adds a series; returns true if there is no room for it.
fn add_series(section: &mut Section, id: SeriesId, groups: &[(Kind, u32)], is_per_node: bool) -> bool {
    if section.series.len() >= MAX_SERIES && !section.series.contains_key(&id) {
        return true;
    }
    let series = section.series.entry(id).or_default();
    series.is_per_node |= is_per_node;
    for (kind, name) in groups {
        series.groups[*kind as usize].insert(*name);
    }
    false
}

/// Returns the identity of parts that together are distinct.
pub(super) fn identity<'p>(parts: impl Iterator<Item = &'p [u8]>) -> SeriesId {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    let mut id = SeriesId::default();
    id.copy_from_slice(&digest[..16]);
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_source_is_extrapolated_by_its_own_time() {
        let mut usage = Usage::default();
        usage.begin("node", "a", 60_000);
        usage.add(|usage| &mut usage.emf.total, 1, 100);
        usage.begin("node", "a", 60_000);
        usage.add(|usage| &mut usage.emf.total, 1, 300);
        usage.begin("cluster", "c", 30_000);
        usage.add(|usage| &mut usage.emf.total, 2, 10);
        // a: 2 events and 400 bytes in 2 minutes, 720 times a day; c: in half a minute, 2,880 times.
        assert_eq!(usage.day(&usage.emf.total, 1), (1_440.0 + 5_760.0, 288_000.0 + 28_800.0));
        assert_eq!(usage.day(&usage.emf.total, 2), (2_880.0 + 5_760.0, 576_000.0 + 28_800.0));
    }

    #[test]
    fn series_without_a_node_are_not_multiplied() {
        let mut usage = Usage::default();
        usage.begin("node", "a", 60_000);
        for (part, dimensions) in
            [("a", &["ClusterName", "Namespace"][..]), ("b", &["ClusterName", "PodName"])]
        {
            for _ in 0..2 {
                usage.add_metric(identity([part.as_bytes()].into_iter()), &[], dimensions);
            }
        }
        usage.begin("cluster", "c", 60_000);
        usage.add_metric(identity([&b"c"[..]].into_iter()), &[], &["ClusterName", "PodName"]);
        assert_eq!((usage.quantities(1).series, usage.quantities(10).series), (3.0, 12.0));
    }
}
