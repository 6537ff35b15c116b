//! The batch that component authors work with: entities with attributes, gauges and counters, edited in place.

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

/// Kind of the entities that describe published metrics.
const DESCRIPTOR: &str = "metric";

/// Handle of an interned string; comparing two is as cheap as comparing numbers. Only valid in the batch that returned it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(pub(crate) u32);

/// All data that the host has about one scope (such as a node) at one time.
///
/// Entities are small `Copy` handles that borrow the batch. Edits go through shared references, so a loop over pods may
/// change the pods:
///
/// ```
/// # use insights_batch::{Batch, Columns};
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
    /// Per source entity: role and target.
    pub(crate) links: RefCell<Table<u32>>,
    /// Per target entity: role and source.
    pub(crate) backlinks: RefCell<Table<u32>>,
    /// First entity of each kind and id; built by the first [`Batch::find`].
    by_identity: RefCell<Option<Index>>,
    /// Per name: code of its described unit plus one, 0 if not described. Spares a lookup for each published metric.
    described: RefCell<Vec<u8>>,
    descriptor_kind: OnceCell<Name>,
    unit_key: OnceCell<Name>,
}

impl Batch {
    /// Creates an empty batch, for tests: components receive theirs from the host.
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

    /// Takes over columns that passed [`Columns::check`]. Rows of unchecked columns that refer to entities or strings
    /// outside of the batch are left out.
    pub fn from_columns(columns: Columns) -> Self {
        let Columns { attributes, gauges, counters, links, entities, .. } = columns;
        let (tree, strings) = (Tree::new(&entities), columns.string_ends.len());
        drop(entities);
        let count = tree.len();
        // Each table consumes its columns, so that they are freed before the next table is built.
        let attributes = {
            let columns = attributes;
            let text =
                |row| columns.value.get(row).copied().filter(|&value: &u32| (value as usize) < strings);
            Table::from_rows(count, strings, &columns.entity, &columns.key, text)
        };
        let gauges = {
            let columns = gauges;
            let value = |row| columns.value.get(row).copied();
            Table::from_rows(count, strings, &columns.entity, &columns.name, value)
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

    /// Identity within that kind, such as the node's name.
    pub fn scope_id(&self) -> &str {
        &self.scope_id
    }

    /// Time of the tick, milliseconds since the Unix epoch. Components have no other clock.
    pub fn time_unix_ms(&self) -> u64 {
        self.time_unix_ms
    }

    /// Configured time between two ticks, milliseconds. Rates use the elapsed time of each counter instead.
    pub fn interval_ms(&self) -> u64 {
        self.interval_ms
    }

    /// Returns all entities, in batch order.
    pub fn entities(&self) -> Vec<Entity<'_>> {
        let tree = self.tree.borrow();
        let mut live = tree.live();
        self.collect(&mut || live.next().map(|(index, _)| index))
    }

    /// Returns all entities of one kind, in batch order.
    pub fn of_kind(&self, kind: &str) -> Vec<Entity<'_>> {
        let Some(kind) = self.strings.find(kind) else { return Vec::new() };
        let tree = self.tree.borrow();
        let mut live = tree.live();
        self.collect(&mut || live.find(|(_, node)| node.kind == kind).map(|(index, _)| index))
    }

    /// Returns the first entity with that kind and id. Ids are unique below one parent. Ids of pods, containers and
    /// cgroups are also unique in the batch, those of interfaces are not.
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

    /// Returns the entity with an index from [`Entity::index`], even if it has been removed; `None` if out of range.
    pub fn entity_at(&self, index: u32) -> Option<Entity<'_>> {
        ((index as usize) < self.tree.borrow().len()).then(|| self.entity(index))
    }

    /// Appends an entity. Kind and id need not be unique: see [`Batch::find`].
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

    /// Interns a string and returns its handle; pays off for names that are used on many entities.
    pub fn name(&self, text: &str) -> Name {
        Name(self.strings.intern(text))
    }

    /// Returns the string of a handle.
    pub fn text(&self, name: Name) -> &str {
        self.strings.get(name.0)
    }

    /// Sets the unit of the published metric `metric`, replacing an earlier one. Formatters read it from the entity of kind
    /// `metric` with that id.
    pub fn describe(&self, metric: &str, unit: Unit) {
        self.describe_name(self.name(metric), unit);
    }

    /// Returns the unit in which a metric was published; [`Unit::None`] if it has none or was not published.
    pub fn unit(&self, metric: &str) -> Unit {
        let descriptor = self.find(DESCRIPTOR, metric);
        descriptor.and_then(|found| found.attribute("unit")).and_then(Unit::parse).unwrap_or(Unit::None)
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

    /// Copies the unit of a renamed metric to its new name, unless the new name is described already.
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

    /// Drops the gauges and counters of all entities whose name `keep` rejects. `keep` is called once for each name.
    pub fn retain_points(&self, mut keep: impl FnMut(&str) -> bool) {
        let mut decisions = vec![None; self.strings.count()];
        for entity in self.entities() {
            entity.retain_point_names(|name| match decisions.get_mut(name.0 as usize) {
                Some(decision) => *decision.get_or_insert_with(|| keep(self.text(name))),
                None => keep(self.text(name)),
            });
        }
    }

    /// Collects handles of the entities whose indexes `next` returns. One function for all callers: a collecting iterator
    /// for each of them makes components several kilobytes larger.
    #[inline(never)]
    pub(crate) fn collect(&self, next: &mut dyn FnMut() -> Option<u32>) -> Vec<Entity<'_>> {
        let mut entities = Vec::new();
        while let Some(index) = next() {
            entities.push(self.entity(index));
        }
        entities
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

/// Warns once per batch and name: formatters drop names with a dot, and a missing metric is hard to trace.
#[cold]
fn warn_of_dot(metric: &str) {
    crate::log::warn(
        &["`", metric, "`: published names must not contain a dot, formatters drop them; use `_`"].concat(),
    );
}
