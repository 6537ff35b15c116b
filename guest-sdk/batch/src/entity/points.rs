//! Gauges and counters of an entity.

use alloc::vec::Vec;
use core::cell::RefCell;

use super::Entity;
use crate::batch::{Batch, Name, Table};
use crate::counter::Counter;
use crate::key::Key;
use crate::unit::Unit;

impl<'a> Entity<'a> {
    /// Returns the value of a gauge; `None` if it could not be read or this kernel does not have it.
    pub fn gauge(self, key: impl Key) -> Option<f64> {
        let key = key.find(self.batch)?;
        self.batch.gauges.borrow().get(self.index, key.0)
    }

    /// Sets a gauge, replacing an earlier value. A value that is not finite removes the gauge instead.
    pub fn set_gauge(self, key: impl Key, value: f64) {
        let key = key.intern(self.batch);
        let mut gauges = self.batch.gauges.borrow_mut();
        if value.is_finite() {
            gauges.set(self.index, key.0, value);
        } else {
            gauges.remove(self.index, key.0);
        }
    }

    /// Removes a gauge; returns true if it existed.
    pub fn remove_gauge(self, key: impl Key) -> bool {
        remove(self.batch, &self.batch.gauges, self.index, key)
    }

    /// Renames a gauge, replacing one with the new name; returns true if `from` existed. A published gauge keeps its
    /// unit.
    pub fn rename_gauge(self, from: impl Key, to: impl Key) -> bool {
        let Some(from) = from.find(self.batch) else { return false };
        let to = to.intern(self.batch);
        let renamed = self.batch.gauges.borrow_mut().rename(self.index, from.0, to.0);
        if renamed {
            self.batch.describe_renamed(from, to);
        }
        renamed
    }

    /// Returns name and value of all gauges.
    pub fn gauges(self) -> Vec<(&'a str, f64)> {
        let gauges = self.batch.gauges.borrow();
        gauges.iter(self.index).map(|(name, value)| (self.batch.strings.get(name), value)).collect()
    }

    /// Returns name and value of all gauges, names as handles.
    pub fn gauge_names(self) -> Vec<(Name, f64)> {
        let gauges = self.batch.gauges.borrow();
        let mut names = Vec::new();
        for (name, value) in gauges.iter(self.index) {
            names.push((Name(name), value));
        }
        names
    }

    /// Returns the readings of a counter.
    pub fn counter(self, key: impl Key) -> Option<Counter> {
        let key = key.find(self.batch)?;
        self.batch.counters.borrow().get(self.index, key.0)
    }

    /// Sets a counter, replacing an earlier one.
    pub fn set_counter(self, key: impl Key, counter: Counter) {
        let key = key.intern(self.batch);
        self.batch.counters.borrow_mut().set(self.index, key.0, counter);
    }

    /// Removes a counter; returns true if it existed.
    pub fn remove_counter(self, key: impl Key) -> bool {
        remove(self.batch, &self.batch.counters, self.index, key)
    }

    /// Renames a counter, replacing one with the new name; returns true if `from` existed.
    pub fn rename_counter(self, from: impl Key, to: impl Key) -> bool {
        let Some(from) = from.find(self.batch) else { return false };
        let to = to.intern(self.batch);
        self.batch.counters.borrow_mut().rename(self.index, from.0, to.0)
    }

    /// Returns name and readings of all counters.
    pub fn counters(self) -> Vec<(&'a str, Counter)> {
        let counters = self.batch.counters.borrow();
        counters.iter(self.index).map(|(name, counter)| (self.batch.strings.get(name), counter)).collect()
    }

    /// Sets a gauge that is meant for dashboards and passes its unit to the formatters. Published names must not contain a
    /// dot: formatters treat such a name as a raw metric and leave it out, and a warning is logged. A value that is not
    /// finite is not published.
    pub fn publish(self, key: impl Key, value: f64, unit: Unit) {
        let key = key.intern(self.batch);
        self.set_gauge(key, value);
        if value.is_finite() {
            self.batch.describe_name(key, unit);
        }
    }

    /// Moves all gauges and counters to another entity, replacing those with the same name there.
    pub fn move_points_to(self, other: Entity<'_>) {
        if other.is_stranger_to(self.batch) {
            return;
        }
        self.batch.gauges.borrow_mut().splice(self.index, other.index);
        self.batch.counters.borrow_mut().splice(self.index, other.index);
    }

    /// Drops the gauges and counters whose name `keep` rejects. [`Batch::retain_points`] does so for all entities at once
    /// and calls `keep` only once for each name.
    pub fn retain_points(self, mut keep: impl FnMut(&str) -> bool) {
        self.retain_point_names(|name| keep(self.batch.text(name)));
    }

    /// Same as [`Entity::retain_points`], with names as handles.
    pub fn retain_point_names(self, mut keep: impl FnMut(Name) -> bool) {
        retain(&self.batch.gauges, self.index, &mut keep);
        retain(&self.batch.counters, self.index, &mut keep);
    }
}

fn remove<V: Copy>(batch: &Batch, table: &RefCell<Table<V>>, entity: u32, key: impl Key) -> bool {
    let Some(key) = key.find(batch) else { return false };
    table.borrow_mut().remove(entity, key.0)
}

/// Drops the rows whose name `keep` rejects. `keep` is code of the author and may edit the same entity, so the rows are
/// detached and no borrow is held while it runs.
fn retain<V: Copy>(table: &RefCell<Table<V>>, entity: u32, keep: &mut impl FnMut(Name) -> bool) {
    let mut position = table.borrow_mut().detach(entity);
    loop {
        let Some((name, next)) = table.borrow().step(position) else { break };
        if keep(Name(name)) {
            table.borrow_mut().reattach(entity, position);
        }
        position = next;
    }
}
