//! A batch as an author sees it: entities with attributes, gauges and counters, edited in place.

mod encode;
mod strings;
mod table;
mod tree;

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::{OnceCell, RefCell};
use core::fmt;

use crate::columns::{Columns, NO_PARENT};
use crate::counter::Counter;
use crate::entity::Entity;
use crate::hash::hash;
use crate::index::Index;
use crate::unit::Unit;

pub(crate) use strings::Strings;
pub(crate) use table::Table;
pub(crate) use tree::Tree;

/// Kind of the entities that describe published figures.
const DESCRIPTOR: &str = "metric";

/// A string of one batch, looked up once and then as cheap as a number. A name of one batch means nothing in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(pub(crate) u32);

/// Everything that the host knows about one scope (such as a node) at one time.
///
/// Entities are small handles into the batch that can be copied and kept as long as it is borrowed; edits go through
/// shared references, so a loop over pods may change the pods:
///
/// ```
/// # use insights_sdk::{Batch, Columns};
/// # let batch = Batch::from_columns(Columns::default());
/// for pod in batch.of_kind("pod") {
///     if let Some(namespace) = pod.attribute("pod.namespace") {
///         pod.set_attribute("team", namespace);
///     }
/// }
/// ```
pub struct Batch {
    pub(crate) scope: String,
    pub(crate) scope_id: String,
    pub(crate) time_unix_ms: u64,
    pub(crate) interval_ms: u64,
    pub(crate) strings: Strings,
    pub(crate) tree: RefCell<Tree>,
    pub(crate) attributes: RefCell<Table<u32>>,
    pub(crate) gauges: RefCell<Table<f64>>,
    pub(crate) counters: RefCell<Table<Counter>>,
    /// Per source: role and target.
    pub(crate) links: RefCell<Table<u32>>,
    /// The same by target: role and source.
    pub(crate) backlinks: RefCell<Table<u32>>,
    /// First entity of each kind and id; made on the first [`Batch::find`].
    by_identity: RefCell<Option<Index>>,
    /// Per name: the unit it was described with, plus one. Spares a lookup for each published figure.
    described: RefCell<Vec<u8>>,
    descriptor_kind: OnceCell<Name>,
    unit_key: OnceCell<Name>,
}

impl Batch {
    /// An empty batch. Components get theirs from the host; this is for tests.
    pub fn new(scope: &str, scope_id: &str, time_unix_ms: u64, interval_ms: u64) -> Self {
        let columns = Columns {
            scope: String::from(scope),
            scope_id: String::from(scope_id),
            time_unix_ms,
            interval_ms,
            ..Columns::default()
        };
        Self::from_columns(columns)
    }

    /// Takes columns that [`Columns::check`] has found good. In columns that were not checked, rows that point outside
    /// of the batch are left out.
    pub fn from_columns(columns: Columns) -> Self {
        let Columns { attributes, gauges, counters, links, entities, .. } = columns;
        let (tree, strings) = (Tree::new(&entities), columns.string_ends.len());
        drop(entities);
        let count = tree.len();
        // Each table moves its columns in, so that they are gone when the next one is made.
        let attributes = {
            let columns = attributes;
            let text =
                |row| columns.value.get(row).copied().filter(|&value: &u32| (value as usize) < strings);
            Table::from_rows(count, strings, &columns.entity, &columns.key, text)
        };
        let gauges = {
            let columns = gauges;
            let figure = |row| columns.value.get(row).copied();
            Table::from_rows(count, strings, &columns.entity, &columns.name, figure)
        };
        let counters = {
            let columns = counters;
            let readings = |row| {
                let (previous, elapsed_ns) = (columns.previous.get(row)?, columns.elapsed_ns.get(row)?);
                Some(Counter::pair(*columns.current.get(row)?, *previous, *elapsed_ns))
            };
            Table::from_rows(count, strings, &columns.entity, &columns.name, readings)
        };
        let (mut forward, mut backward) = (Table::new(), Table::new());
        for (&source, (&target, &role)) in links.source.iter().zip(links.target.iter().zip(&links.role)) {
            if (source as usize) < count && (target as usize) < count {
                forward.push(source, role, target);
                backward.push(target, role, source);
            }
        }

        Self {
            scope: columns.scope,
            scope_id: columns.scope_id,
            time_unix_ms: columns.time_unix_ms,
            interval_ms: columns.interval_ms,
            strings: Strings::new(columns.text, columns.string_ends),
            tree: RefCell::new(tree),
            attributes: RefCell::new(attributes),
            gauges: RefCell::new(gauges),
            counters: RefCell::new(counters),
            links: RefCell::new(forward),
            backlinks: RefCell::new(backward),
            by_identity: RefCell::new(None),
            described: RefCell::new(Vec::new()),
            descriptor_kind: OnceCell::new(),
            unit_key: OnceCell::new(),
        }
    }

    /// Kind of scope, such as `node`.
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// Which one of that kind, such as the node's name.
    pub fn scope_id(&self) -> &str {
        &self.scope_id
    }

    /// Time of the tick, milliseconds since the Unix epoch: the only clock there is.
    pub fn time_unix_ms(&self) -> u64 {
        self.time_unix_ms
    }

    /// Configured time between two ticks, milliseconds. Rates come from each counter's own elapsed time instead.
    pub fn interval_ms(&self) -> u64 {
        self.interval_ms
    }

    /// All entities, in their order.
    pub fn entities(&self) -> Vec<Entity<'_>> {
        self.tree.borrow().live().map(|(index, _)| self.entity(index)).collect()
    }

    /// All entities of one kind, in their order.
    pub fn of_kind(&self, kind: &str) -> Vec<Entity<'_>> {
        let Some(kind) = self.strings.find(kind) else { return Vec::new() };
        let tree = self.tree.borrow();
        tree.live().filter(|(_, node)| node.kind == kind).map(|(index, _)| self.entity(index)).collect()
    }

    /// The first entity of that kind and id. Ids are unique within a parent; those of pods, containers and cgroups are
    /// unique in the batch, those of interfaces are not.
    pub fn find(&self, kind: &str, id: &str) -> Option<Entity<'_>> {
        let (kind, id) = (self.strings.find(kind)?, self.strings.find(id)?);
        let tree = self.tree.borrow();
        let mut index = self.by_identity.borrow_mut();
        let index = index.get_or_insert_with(|| {
            let mut index = Index::with_capacity(tree.len());
            tree.live().for_each(|(entity, _)| insert_identity(&mut index, &tree, entity));
            index
        });
        let is_it = |entity: u32| {
            let node = tree.node(entity);
            node.kind == kind && node.id == id
        };
        let first = index.find(identity_hash(kind, id), is_it)?;
        if tree.node(first).live {
            return Some(self.entity(first));
        }
        tree.live().map(|(entity, _)| entity).find(|&entity| is_it(entity)).map(|entity| self.entity(entity))
    }

    /// The entity of that number, as [`Entity::index`] gave it; also one that was removed since.
    pub fn entity_at(&self, index: u32) -> Option<Entity<'_>> {
        ((index as usize) < self.tree.borrow().len()).then(|| self.entity(index))
    }

    /// A new entity behind all others. One of the same kind and id may exist already: see [`Batch::find`].
    pub fn add(&self, kind: &str, id: &str, parent: Option<Entity<'_>>) -> Entity<'_> {
        let parent = parent.filter(|parent| !parent.is_stranger_to(self));
        let (kind, id) = (self.strings.intern(kind), self.strings.intern(id));
        let mut tree = self.tree.borrow_mut();
        let entity = tree.add(kind, id, parent.map_or(NO_PARENT, |parent| parent.index()));
        if let Some(index) = self.by_identity.borrow_mut().as_mut() {
            insert_identity(index, &tree, entity);
        }
        self.entity(entity)
    }

    /// The handle of a string. Worth it for names that are used on many entities.
    pub fn name(&self, text: &str) -> Name {
        Name(self.strings.intern(text))
    }

    /// The string of a handle.
    pub fn text(&self, name: Name) -> &str {
        self.strings.get(name.0)
    }

    /// Says in which unit `metric` is published; the last one said counts. Formatters read it from the entity of kind
    /// `metric` with that id.
    pub fn describe(&self, metric: &str, unit: Unit) {
        self.describe_name(self.name(metric), unit);
    }

    pub(crate) fn describe_name(&self, metric: Name, unit: Unit) {
        {
            let mut described = self.described.borrow_mut();
            let position = metric.0 as usize;
            if position >= described.len() {
                described.resize(position + 1, 0);
            }
            let code = unit as u8 + 1;
            if core::mem::replace(&mut described[position], code) == code {
                return;
            }
        }
        let metric = self.text(metric);
        if metric.contains('.') {
            warn_of_dot(metric);
        }
        let entity = self.find(DESCRIPTOR, metric).unwrap_or_else(|| self.add(DESCRIPTOR, metric, None));
        let key = *self.unit_key.get_or_init(|| self.name("unit"));
        match unit.as_str() {
            "" => {
                entity.remove_attribute(key);
            }
            unit => entity.set_attribute(key, unit),
        }
    }

    /// A figure under a new name keeps its unit, unless the new name has one already.
    pub(crate) fn describe_renamed(&self, from: Name, to: Name) {
        let Some(described) = self.find(DESCRIPTOR, self.text(from)) else { return };
        let to = self.text(to);
        if self.find(DESCRIPTOR, to).is_none() {
            let key = *self.unit_key.get_or_init(|| self.name("unit"));
            let renamed = self.add(DESCRIPTOR, to, None);
            if let Some(unit) = described.attribute_name(key) {
                renamed.set_attribute_name(key, unit);
            }
        }
    }

    /// Drops the gauges and counters of all entities whose name is not kept. `keep` is asked once for each name.
    pub fn retain_points(&self, mut keep: impl FnMut(&str) -> bool) {
        let mut answers = vec![None; self.strings.count()];
        for entity in self.entities() {
            entity.retain_point_names(|name| match answers.get_mut(name.0 as usize) {
                Some(answer) => *answer.get_or_insert_with(|| keep(self.text(name))),
                None => keep(self.text(name)),
            });
        }
    }

    pub(crate) fn entity(&self, index: u32) -> Entity<'_> {
        Entity::new(self, index)
    }

    pub(crate) fn find_name(&self, text: &str) -> Option<Name> {
        self.strings.find(text).map(Name)
    }

    pub(crate) fn remove(&self, entity: u32) {
        let descriptor = *self.descriptor_kind.get_or_init(|| self.name(DESCRIPTOR));
        let mut descriptor_gone = false;
        let mut gone = Vec::new();
        self.tree.borrow_mut().remove(entity, |entity| gone.push(entity));
        let tree = self.tree.borrow();
        for entity in gone {
            descriptor_gone |= tree.node(entity).kind == descriptor.0;
        }
        if descriptor_gone {
            self.described.borrow_mut().clear();
        }
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scope, scope_id, time_unix_ms, .. } = self;
        write!(f, "Batch({scope} {scope_id} at {time_unix_ms}, {} entities)", self.tree.borrow().len())
    }
}

fn insert_identity(index: &mut Index, tree: &Tree, entity: u32) {
    let node = tree.node(entity);
    let same = |other: u32| {
        let other = tree.node(other);
        other.kind == node.kind && other.id == node.id
    };
    let hash = identity_hash(node.kind, node.id);
    if index.find(hash, same).is_none() {
        index.insert(hash, entity);
    }
}

fn identity_hash(kind: u32, id: u32) -> u64 {
    hash(&(u64::from(kind) << 32 | u64::from(id)))
}

/// Warns once a batch and name: a figure that its author sees nowhere is hard to find.
#[cold]
fn warn_of_dot(metric: &str) {
    crate::log::warn(
        &["`", metric, "` is published and will not be seen: names with a dot are raw, use `_`"].concat(),
    );
}
