//! Handles to the entities of a batch.

mod points;

use alloc::vec::Vec;
use core::fmt;

use crate::batch::{Batch, Name};
use crate::columns::NO_PARENT;
use crate::key::Key;

/// Handle of an object that metrics describe: node, pod, container, interface, … A copy refers to the same entity.
#[derive(Clone, Copy)]
pub struct Entity<'a> {
    batch: &'a Batch,
    index: u32,
}

impl<'a> Entity<'a> {
    pub(crate) fn new(batch: &'a Batch, index: u32) -> Self {
        Self { batch, index }
    }

    /// Batch that the entity belongs to.
    pub fn batch(self) -> &'a Batch {
        self.batch
    }

    /// Index in the batch. Stable while the batch is edited, so it may be used as an index into a `Vec`.
    pub fn index(self) -> u32 {
        self.index
    }

    /// Kind, such as `pod`; see docs/raw-metrics.md for all of them.
    pub fn kind(self) -> &'a str {
        self.batch.strings.get(self.batch.tree.borrow().node(self.index).kind)
    }

    /// Identity, such as a pod's uid. Stable across ticks.
    pub fn id(self) -> &'a str {
        self.batch.strings.get(self.batch.tree.borrow().node(self.index).id)
    }

    /// Parent entity, if there is one that is still in the batch.
    pub fn parent(self) -> Option<Entity<'a>> {
        let tree = self.batch.tree.borrow();
        let parent = tree.node(self.index).parent;
        (parent != NO_PARENT && tree.node(parent).live).then(|| self.batch.entity(parent))
    }

    /// Moves the entity, with all its descendants, below another parent. A parent that is the entity itself or one of its
    /// descendants would form a cycle: this logs a warning and changes nothing.
    pub fn set_parent(self, parent: Option<Entity<'_>>) {
        if parent.is_some_and(|parent| parent.is_stranger_to(self.batch)) {
            return;
        }
        let mut tree = self.batch.tree.borrow_mut();
        let parent = parent.map_or(NO_PARENT, |parent| parent.index);
        if tree.is_below(parent, self.index) {
            drop(tree);
            crate::log::warn(
                &[self.kind(), " ", self.id(), " cannot be moved below itself; call ignored"].concat(),
            );
            return;
        }
        tree.set_parent(self.index, parent);
    }

    /// Returns the direct children.
    pub fn children(self) -> Vec<Entity<'a>> {
        let tree = self.batch.tree.borrow();
        let mut children = tree.children(self.index);
        self.batch.collect(&mut || children.next())
    }

    /// Returns the direct children of one kind.
    pub fn children_of_kind(self, kind: &str) -> Vec<Entity<'a>> {
        let Some(kind) = self.batch.find_name(kind) else { return Vec::new() };
        let tree = self.batch.tree.borrow();
        let mut children = tree.children(self.index);
        self.batch.collect(&mut || children.find(|&child| tree.node(child).kind == kind.0))
    }

    /// Returns the targets of outgoing links with that role: `pod.links("owned-by")` returns the pod's owners.
    pub fn links(self, role: &str) -> Vec<Entity<'a>> {
        self.related(&self.batch.links, role)
    }

    /// Returns the sources of incoming links with that role: `service.linked_from("endpoint-of")` returns the service's pods.
    pub fn linked_from(self, role: &str) -> Vec<Entity<'a>> {
        self.related(&self.batch.backlinks, role)
    }

    /// Returns role and target of all outgoing links.
    pub fn all_links(self) -> Vec<(&'a str, Entity<'a>)> {
        let (links, tree) = (self.batch.links.borrow(), self.batch.tree.borrow());
        let links = links.iter(self.index).filter(|&(_, target)| tree.node(target).live);
        links.map(|(role, target)| (self.batch.strings.get(role), self.batch.entity(target))).collect()
    }

    /// Links the entity to `target`: it is `role` of `target`.
    pub fn link(self, target: Entity<'_>, role: &str) {
        if target.is_stranger_to(self.batch) {
            return;
        }
        let role = self.batch.name(role);
        self.batch.links.borrow_mut().push(self.index, role.0, target.index);
        self.batch.backlinks.borrow_mut().push(target.index, role.0, self.index);
    }

    /// Returns the value of an attribute.
    pub fn attribute(self, key: impl Key) -> Option<&'a str> {
        self.attribute_name(key).map(|value| self.batch.text(value))
    }

    /// Returns the value of an attribute as a handle, to compare or copy it without reading its text.
    pub fn attribute_name(self, key: impl Key) -> Option<Name> {
        let key = key.find(self.batch)?;
        self.batch.attributes.borrow().get(self.index, key.0).map(Name)
    }

    /// Sets an attribute, replacing an earlier value.
    pub fn set_attribute(self, key: impl Key, value: &str) {
        let (key, value) = (key.intern(self.batch), self.batch.name(value));
        self.set_attribute_name(key, value);
    }

    /// Same as [`Entity::set_attribute`], with interned key and value.
    pub fn set_attribute_name(self, key: Name, value: Name) {
        self.batch.attributes.borrow_mut().set(self.index, key.0, value.0);
    }

    /// Removes an attribute; returns true if it existed.
    pub fn remove_attribute(self, key: impl Key) -> bool {
        let Some(key) = key.find(self.batch) else { return false };
        self.batch.attributes.borrow_mut().remove(self.index, key.0)
    }

    /// Renames an attribute, replacing one with the new key; returns true if `from` existed.
    pub fn rename_attribute(self, from: impl Key, to: impl Key) -> bool {
        let Some(from) = from.find(self.batch) else { return false };
        let to = to.intern(self.batch);
        self.batch.attributes.borrow_mut().rename(self.index, from.0, to.0)
    }

    /// Returns key and value of all attributes.
    pub fn attributes(self) -> Vec<(&'a str, &'a str)> {
        let attributes = self.batch.attributes.borrow();
        let rows = attributes.iter(self.index);
        rows.map(|(key, value)| (self.batch.strings.get(key), self.batch.strings.get(value))).collect()
    }

    /// Returns key and value of all attributes as handles.
    pub fn attribute_names(self) -> Vec<(Name, Name)> {
        let attributes = self.batch.attributes.borrow();
        let mut names = Vec::new();
        for (key, value) in attributes.iter(self.index) {
            names.push((Name(key), Name(value)));
        }
        names
    }

    /// Removes the entity from the batch, with all its descendants and the links from and to them. Handles to it remain
    /// usable, but changes through them have no effect on the output.
    pub fn remove(self) {
        self.batch.remove(self.index);
    }

    /// Returns true while the entity is in the batch.
    pub fn is_live(self) -> bool {
        self.batch.tree.borrow().node(self.index).live
    }

    /// Returns true if the entity belongs to another batch, a mistake that the types cannot rule out. It is logged, and
    /// the caller ignores the call.
    pub(crate) fn is_stranger_to(self, batch: &Batch) -> bool {
        let stranger = !core::ptr::eq(self.batch, batch);
        if stranger {
            crate::log::warn("the entity belongs to another batch; call ignored");
        }
        stranger
    }

    fn related(self, links: &core::cell::RefCell<crate::batch::Table<u32>>, role: &str) -> Vec<Entity<'a>> {
        let Some(role) = self.batch.find_name(role) else { return Vec::new() };
        let (links, tree) = (links.borrow(), self.batch.tree.borrow());
        let mut ends = links.iter(self.index);
        let mut next = || ends.find(|&(found, end)| found == role.0 && tree.node(end).live);
        self.batch.collect(&mut || next().map(|(_, end)| end))
    }
}

impl PartialEq for Entity<'_> {
    fn eq(&self, other: &Self) -> bool {
        core::ptr::eq(self.batch, other.batch) && self.index == other.index
    }
}

impl Eq for Entity<'_> {}

impl fmt::Debug for Entity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), self.id())
    }
}
