//! String table of a batch under edit. Strings are added but never moved, so `&str` live as long as the batch.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::{Cell, OnceCell, RefCell};

use crate::hash::hash;
use crate::index::Index;

/// Slots of the first block of added strings; each block has twice as many as the previous one.
const FIRST_BLOCK: usize = 64;
/// Enough blocks for all ids: 64 × (2²⁷ − 1) > 2³².
const BLOCKS: usize = 27;

#[derive(Debug, Default)]
pub(crate) struct Strings {
    text: String,
    ends: Vec<u32>,
    added: [OnceCell<Block>; BLOCKS],
    added_count: Cell<usize>,
    /// Built by the first lookup by text: formatters and pure copies never need it.
    table: RefCell<Option<Index>>,
}

type Block = Box<[OnceCell<Box<str>>]>;

impl Strings {
    pub(crate) fn new(text: String, ends: Vec<u32>) -> Self {
        Self { text, ends, ..Self::default() }
    }

    pub(crate) fn count(&self) -> usize {
        self.ends.len() + self.added_count.get()
    }

    pub(crate) fn get(&self, id: u32) -> &str {
        let id = id as usize;
        match self.ends.get(id) {
            Some(&end) => {
                let start = if id == 0 { 0 } else { self.ends[id - 1] };
                self.text.get(start as usize..end as usize).unwrap_or("")
            }
            None => self.added(id - self.ends.len()).unwrap_or(""),
        }
    }

    #[inline(never)]
    pub(crate) fn find(&self, text: &str) -> Option<u32> {
        let mut table = self.table.borrow_mut();
        self.find_in(table.get_or_insert_with(|| self.index()), hash(text), text)
    }

    #[inline(never)]
    pub(crate) fn intern(&self, text: &str) -> u32 {
        let mut table = self.table.borrow_mut();
        let table = table.get_or_insert_with(|| self.index());
        let hash = hash(text);
        if let Some(id) = self.find_in(table, hash, text) {
            return id;
        }
        let id = self.count() as u32;
        self.add(text);
        table.insert(hash, id);
        id
    }

    /// Returns text and ends for the columns; existing ids do not change.
    #[inline(never)]
    pub(crate) fn into_columns(mut self) -> (String, Vec<u32>) {
        let (mut text, mut ends) = (core::mem::take(&mut self.text), core::mem::take(&mut self.ends));
        for index in 0..self.added_count.get() {
            text.push_str(self.added(index).unwrap_or(""));
            ends.push(text.len() as u32);
        }
        (text, ends)
    }

    fn find_in(&self, table: &Index, hash: u64, text: &str) -> Option<u32> {
        table.find(hash, |id| self.get(id) == text)
    }

    #[inline(never)]
    fn index(&self) -> Index {
        let count = self.count();
        let mut table = Index::with_capacity(count + FIRST_BLOCK);
        for id in 0..count as u32 {
            table.insert(hash(self.get(id)), id);
        }
        table
    }

    fn added(&self, index: usize) -> Option<&str> {
        let (block, slot) = place(index);
        self.added.get(block)?.get()?.get(slot)?.get().map(|text| &**text)
    }

    #[inline(never)]
    fn add(&self, text: &str) {
        let index = self.added_count.get();
        let (block, slot) = place(index);
        let new_block = || (0..FIRST_BLOCK << block).map(|_| OnceCell::new()).collect();
        self.added[block].get_or_init(new_block)[slot].get_or_init(|| Box::from(text));
        self.added_count.set(index + 1);
    }
}

/// Returns block and slot of the added string number `index`.
fn place(index: usize) -> (usize, usize) {
    let block = (index / FIRST_BLOCK + 1).ilog2() as usize;
    (block, index - FIRST_BLOCK * ((1 << block) - 1))
}
