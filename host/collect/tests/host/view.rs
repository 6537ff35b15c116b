//! Read access to a batch.

use insightd_collect::{Collector, HostRoot, Report, Settings};
use insights_batch::{Builder, Columns};

pub(crate) struct View {
    pub(crate) batch: Columns,
    pub(crate) report: Report,
}

/// One entity of a batch, by its position.
#[derive(Clone, Copy)]
pub(crate) struct EntityView<'v> {
    batch: &'v Columns,
    index: u32,
}

pub(crate) fn settings() -> Settings {
    Settings { node_name: "n1".to_owned(), ..Settings::default() }
}

pub(crate) fn collector(root: impl AsRef<std::path::Path>) -> Collector {
    Collector::new(HostRoot::open(root).unwrap(), settings()).unwrap()
}

pub(crate) fn sample(collector: &mut Collector) -> View {
    let clock = collector.root().clock();
    let mut builder = Builder::new("node", "n1", clock.unix_ms, 60_000);
    let report = collector.sample(&mut builder);
    View { batch: builder.finish(), report }
}

impl View {
    pub(crate) fn of_kind<'v>(&'v self, kind: &str) -> Vec<EntityView<'v>> {
        let seen =
            (0..self.batch.entity_count() as u32).map(|index| EntityView { batch: &self.batch, index });
        seen.filter(|entity| entity.kind() == kind).collect()
    }

    pub(crate) fn find(&self, kind: &str, id: &str) -> Option<EntityView<'_>> {
        self.of_kind(kind).into_iter().find(|entity| entity.id() == id)
    }

    pub(crate) fn node(&self) -> EntityView<'_> {
        self.find("node", "n1").unwrap()
    }

    pub(crate) fn no_problems(&self) {
        assert_eq!(self.report.problems, []);
    }
}

impl<'v> EntityView<'v> {
    pub(crate) fn kind(self) -> &'v str {
        self.batch.string(self.batch.entities.kind[self.index as usize])
    }

    pub(crate) fn id(self) -> &'v str {
        self.batch.string(self.batch.entities.id[self.index as usize])
    }

    pub(crate) fn parent(self) -> Option<EntityView<'v>> {
        let parent = self.batch.entities.parent[self.index as usize];
        (parent != insights_batch::columns::NO_PARENT)
            .then_some(EntityView { batch: self.batch, index: parent })
    }

    pub(crate) fn children(self, kind: &str) -> Vec<EntityView<'v>> {
        let all = (0..self.batch.entity_count() as u32).map(|index| EntityView { batch: self.batch, index });
        let below = |one: &EntityView<'_>| one.parent().is_some_and(|parent| parent.index == self.index);
        all.filter(|one| below(one) && one.kind() == kind).collect()
    }

    pub(crate) fn attribute(self, key: &str) -> Option<&'v str> {
        let rows = &self.batch.attributes;
        let row = (0..rows.key.len())
            .find(|&row| rows.entity[row] == self.index && self.batch.string(rows.key[row]) == key)?;
        Some(self.batch.string(rows.value[row]))
    }

    pub(crate) fn gauge(self, name: &str) -> Option<f64> {
        let rows = &self.batch.gauges;
        let row = (0..rows.name.len())
            .find(|&row| rows.entity[row] == self.index && self.batch.string(rows.name[row]) == name)?;
        Some(rows.value[row])
    }

    /// Returns the current reading, and the previous one with the nanoseconds in between.
    pub(crate) fn counter(self, name: &str) -> Option<(u64, Option<(u64, u64)>)> {
        let rows = &self.batch.counters;
        let row = (0..rows.name.len())
            .find(|&row| rows.entity[row] == self.index && self.batch.string(rows.name[row]) == name)?;
        let previous = (rows.elapsed_ns[row] > 0).then_some((rows.previous[row], rows.elapsed_ns[row]));
        Some((rows.current[row], previous))
    }

    pub(crate) fn current(self, name: &str) -> Option<u64> {
        self.counter(name).map(|(current, _)| current)
    }

    /// Returns the names of all values.
    pub(crate) fn value_names(self) -> Vec<&'v str> {
        let (gauges, counters) = (&self.batch.gauges, &self.batch.counters);
        let of = |entities: &[u32], names: &[u32]| {
            let rows = entities.iter().zip(names).filter(|(entity, _)| **entity == self.index);
            rows.map(|(_, &name)| self.batch.string(name)).collect::<Vec<_>>()
        };
        let mut names = of(&gauges.entity, &gauges.name);
        names.extend(of(&counters.entity, &counters.name));
        names
    }
}
