//! Rows of one type (attributes, gauges, …) of all entities in one arena, chained per entity.
//!
//! Chains make moving all rows of one entity to another a matter of two links, and an append costs the same for any
//! entity, whatever the order of the rows.

use alloc::vec;
use alloc::vec::Vec;

/// End of a chain.
const NIL: u32 = u32::MAX;
/// Upper bound on the rows that a new table reserves beyond its own.
const MOST_SPARE: usize = 16 * 1024;

#[derive(Clone, Copy, Debug)]
struct Row<V> {
    name: u32,
    next: u32,
    value: V,
}

#[derive(Clone, Copy, Debug)]
struct Chain {
    head: u32,
    tail: u32,
    /// Bit `name % 128` of every name that was ever in the chain. String ids of names lie close together, so a clear
    /// bit answers nearly every lookup of an absent name without walking the chain. Two words, because WebAssembly
    /// calls a function for every shift of 128 bits.
    seen: [u64; 2],
}

const EMPTY: Chain = Chain { head: NIL, tail: NIL, seen: [0; 2] };

#[derive(Clone, Debug)]
pub(crate) struct Table<V> {
    rows: Vec<Row<V>>,
    /// Per entity, up to the last one that ever had a row.
    chains: Vec<Chain>,
}

impl Chain {
    fn note(&mut self, name: u32) {
        self.seen[name as usize / 64 % 2] |= 1 << (name % 64);
    }

    fn may_hold(&self, name: u32) -> bool {
        self.seen[name as usize / 64 % 2] & 1 << (name % 64) != 0
    }
}

impl<V: Copy> Table<V> {
    pub(crate) fn new() -> Self {
        Self { rows: Vec::new(), chains: Vec::new() }
    }

    /// Builds a table from columns. The last of several rows with the same entity and name wins. Rows whose entity or name
    /// does not exist, or that have no value, are left out.
    #[inline(never)]
    pub(crate) fn from_rows(
        count: usize,
        strings: usize,
        entities: &[u32],
        names: &[u32],
        value: impl Fn(usize) -> Option<V>,
    ) -> Self {
        let mut table = Self::new();
        if names.is_empty() {
            return table;
        }
        // Room for rows that transforms add, bounded so that a large batch leaves memory for the other tables.
        table.rows.reserve_exact(names.len() + (names.len() / 2).min(MOST_SPARE));
        table.chains = vec![EMPTY; count];
        // Per name, the entity (plus one) that had it last: finds duplicates without walking chains as long as rows of one
        // entity are adjacent, which is how hosts and `into_columns` write them.
        let mut last_owner = vec![0u32; strings];
        let mut run = NIL;
        let mut fresh = false;
        for (row, (&entity, &name)) in entities.iter().zip(names).enumerate() {
            let Some(chain) = table.chains.get(entity as usize) else { continue };
            let Some(owner) = last_owner.get_mut(name as usize) else { continue };
            let Some(value) = value(row) else { continue };
            if entity != run {
                run = entity;
                fresh = chain.head == NIL;
            }
            if fresh && *owner != entity + 1 {
                *owner = entity + 1;
                table.push(entity, name, value);
            } else {
                table.set(entity, name, value);
            }
        }
        table
    }

    /// Appends without looking for an existing row of that name.
    pub(crate) fn push(&mut self, entity: u32, name: u32, value: V) {
        let index = self.rows.len() as u32;
        self.rows.push(Row { name, next: NIL, value });
        self.append(entity, index);
    }

    pub(crate) fn get(&self, entity: u32, name: u32) -> Option<V> {
        self.position(entity, name).map(|index| self.rows[index].value)
    }

    #[inline(never)]
    pub(crate) fn set(&mut self, entity: u32, name: u32, value: V) {
        match self.position(entity, name) {
            Some(index) => self.rows[index].value = value,
            None => self.push(entity, name, value),
        }
    }

    pub(crate) fn remove(&mut self, entity: u32, name: u32) -> bool {
        let mut before = NIL;
        let mut index = self.may_hold(entity, name);
        while index != NIL {
            let row = self.rows[index as usize];
            if row.name == name {
                let chain = self.chain_mut(entity);
                if chain.tail == index {
                    chain.tail = before;
                }
                match before {
                    NIL => chain.head = row.next,
                    before => self.rows[before as usize].next = row.next,
                }
                return true;
            }
            before = index;
            index = row.next;
        }
        false
    }

    /// Renames a row in place and removes an existing row with the new name. Returns false if there is no row named `from`.
    pub(crate) fn rename(&mut self, entity: u32, from: u32, to: u32) -> bool {
        if from != to && self.position(entity, from).is_some() {
            self.remove(entity, to);
        }
        let Some(index) = self.position(entity, from) else { return false };
        self.rows[index].name = to;
        self.chain_mut(entity).note(to);
        true
    }

    /// Moves all rows of `from` behind those of `to`; a moved row replaces one with the same name.
    pub(crate) fn splice(&mut self, from: u32, to: u32) {
        let moved = self.chain(from);
        if from == to || moved.head == NIL {
            return;
        }
        let seen = self.chain(to).seen;
        if moved.seen[0] & seen[0] != 0 || moved.seen[1] & seen[1] != 0 {
            let mut index = moved.head;
            while index != NIL {
                let Row { name, next, .. } = self.rows[index as usize];
                self.remove(to, name);
                index = next;
            }
        }
        *self.chain_mut(from) = EMPTY;
        let chain = self.chain_mut(to);
        let old_tail = chain.tail;
        chain.tail = moved.tail;
        chain.seen = [chain.seen[0] | moved.seen[0], chain.seen[1] | moved.seen[1]];
        match old_tail {
            NIL => chain.head = moved.head,
            tail => self.rows[tail as usize].next = moved.head,
        }
    }

    /// Detaches the chain from its entity and returns its first position, for [`Table::step`].
    pub(crate) fn detach(&mut self, entity: u32) -> u32 {
        self.chains.get_mut(entity as usize).map_or(NIL, |chain| core::mem::replace(chain, EMPTY).head)
    }

    /// Returns the name at a detached position and the position after it.
    pub(crate) fn step(&self, position: u32) -> Option<(u32, u32)> {
        self.rows.get(position as usize).map(|row| (row.name, row.next))
    }

    /// Reattaches a detached row, unless the entity has a row of that name by now.
    pub(crate) fn reattach(&mut self, entity: u32, position: u32) {
        let name = self.rows[position as usize].name;
        if self.position(entity, name).is_none() {
            self.rows[position as usize].next = NIL;
            self.append(entity, position);
        }
    }

    pub(crate) fn iter(&self, entity: u32) -> impl Iterator<Item = (u32, V)> + '_ {
        let mut index = self.chain(entity).head;
        core::iter::from_fn(move || {
            let row = self.rows.get(index as usize)?;
            index = row.next;
            Some((row.name, row.value))
        })
    }

    /// Number of rows ever appended: an upper bound for a copy of the live ones.
    pub(crate) fn capacity(&self) -> usize {
        self.rows.len()
    }

    fn append(&mut self, entity: u32, index: u32) {
        let name = self.rows[index as usize].name;
        let chain = self.chain_mut(entity);
        chain.note(name);
        let tail = core::mem::replace(&mut chain.tail, index);
        match tail {
            NIL => chain.head = index,
            tail => self.rows[tail as usize].next = index,
        }
    }

    fn chain(&self, entity: u32) -> Chain {
        self.chains.get(entity as usize).copied().unwrap_or(EMPTY)
    }

    fn chain_mut(&mut self, entity: u32) -> &mut Chain {
        let entity = entity as usize;
        if entity >= self.chains.len() {
            self.chains.resize(entity + 1, EMPTY);
        }
        &mut self.chains[entity]
    }

    fn may_hold(&self, entity: u32, name: u32) -> u32 {
        match self.chains.get(entity as usize) {
            Some(chain) if chain.may_hold(name) => chain.head,
            _ => NIL,
        }
    }

    fn position(&self, entity: u32, name: u32) -> Option<usize> {
        let mut index = self.may_hold(entity, name);
        while let Some(row) = self.rows.get(index as usize) {
            if row.name == name {
                return Some(index as usize);
            }
            index = row.next;
        }
        None
    }
}
