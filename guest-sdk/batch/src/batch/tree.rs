//! Entities with their parents and children.

use alloc::vec::Vec;

use crate::columns::{Entities, NO_PARENT};

/// Index that stands for no entity; equal to the contract's "no parent".
pub(crate) const NONE: u32 = NO_PARENT;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub(crate) kind: u32,
    pub(crate) id: u32,
    pub(crate) parent: u32,
    first_child: u32,
    last_child: u32,
    next_sibling: u32,
    pub(crate) live: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    /// True while every parent precedes its children; false once an entity is moved below a later one.
    ordered: bool,
}

impl Tree {
    pub(crate) fn new(entities: &Entities) -> Self {
        let mut tree = Self { nodes: Vec::with_capacity(entities.kind.len()), ordered: true };
        let ids = entities.id.iter().zip(&entities.parent);
        for (&kind, (&id, &parent)) in entities.kind.iter().zip(ids) {
            let parent = if (parent as usize) < tree.nodes.len() { parent } else { NONE };
            tree.add(kind, id, parent);
        }
        tree
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn node(&self, entity: u32) -> &Node {
        &self.nodes[entity as usize]
    }

    pub(crate) fn live(&self) -> impl Iterator<Item = (u32, &Node)> {
        self.nodes.iter().enumerate().filter(|(_, node)| node.live).map(|(index, node)| (index as u32, node))
    }

    pub(crate) fn add(&mut self, kind: u32, id: u32, parent: u32) -> u32 {
        let entity = self.nodes.len() as u32;
        let blank = Node {
            kind,
            id,
            parent: NONE,
            first_child: NONE,
            last_child: NONE,
            next_sibling: NONE,
            live: true,
        };
        self.nodes.push(blank);
        self.attach(entity, parent);
        entity
    }

    /// Iterates over the live children, in the order in which they were attached.
    pub(crate) fn children(&self, parent: u32) -> impl Iterator<Item = u32> + '_ {
        let mut next = self.node(parent).first_child;
        core::iter::from_fn(move || {
            while next != NONE {
                let child = next;
                next = self.node(child).next_sibling;
                if self.node(child).live {
                    return Some(child);
                }
            }
            None
        })
    }

    /// Returns true if `entity` is `top` or one of its descendants.
    pub(crate) fn is_below(&self, mut entity: u32, top: u32) -> bool {
        while entity != NONE {
            if entity == top {
                return true;
            }
            entity = self.node(entity).parent;
        }
        false
    }

    pub(crate) fn set_parent(&mut self, entity: u32, parent: u32) {
        self.detach(entity);
        self.attach(entity, parent);
        self.ordered &= parent == NONE || parent < entity;
    }

    /// Marks `entity` and all its descendants as removed and passes each of them to `gone`.
    pub(crate) fn remove(&mut self, entity: u32, mut gone: impl FnMut(u32)) {
        let mut pending = alloc::vec![entity];
        while let Some(entity) = pending.pop() {
            pending.extend(self.children(entity));
            self.nodes[entity as usize].live = false;
            gone(entity);
        }
    }

    /// Returns the live entities with parents before their children, otherwise in order of creation.
    pub(crate) fn order(&self) -> Vec<u32> {
        let mut order: Vec<u32> = Vec::with_capacity(self.nodes.len());
        if self.ordered {
            order.extend(self.live().map(|(entity, _)| entity));
            return order;
        }
        let mut placed = alloc::vec![false; self.nodes.len()];
        let mut waiting = Vec::new();
        for (entity, _) in self.live() {
            let mut next = entity;
            while next != NONE && self.node(next).live && !placed[next as usize] {
                placed[next as usize] = true;
                waiting.push(next);
                next = self.node(next).parent;
            }
            order.extend(waiting.drain(..).rev());
        }
        order
    }

    fn attach(&mut self, entity: u32, parent: u32) {
        self.nodes[entity as usize].parent = parent;
        if parent == NONE {
            return;
        }
        let last = core::mem::replace(&mut self.nodes[parent as usize].last_child, entity);
        match last {
            NONE => self.nodes[parent as usize].first_child = entity,
            last => self.nodes[last as usize].next_sibling = entity,
        }
    }

    fn detach(&mut self, entity: u32) {
        let Node { parent, next_sibling, .. } = *self.node(entity);
        if parent == NONE {
            return;
        }
        let mut before = NONE;
        let mut child = self.node(parent).first_child;
        while child != entity && child != NONE {
            before = child;
            child = self.node(child).next_sibling;
        }
        match before {
            NONE => self.nodes[parent as usize].first_child = next_sibling,
            before => self.nodes[before as usize].next_sibling = next_sibling,
        }
        if self.node(parent).last_child == entity {
            self.nodes[parent as usize].last_child = before;
        }
        self.nodes[entity as usize].next_sibling = NONE;
    }
}
