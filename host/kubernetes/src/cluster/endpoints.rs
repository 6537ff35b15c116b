//! Services, as named by their EndpointSlices, and the ready pods behind each.

use std::collections::{BTreeMap, HashMap};
use std::hash::RandomState;

use super::table::{ENTRY_BYTES, Key, ObjectTable, TABLE_BYTES};
use super::wire;
use crate::budget::MemoryBudget;
use crate::text::{elements, non_empty};

/// EndpointSlices. A slice that belongs to no service is left out.
#[derive(Debug)]
pub(super) struct Endpoints {
    hasher: RandomState,
    slices: HashMap<Key, Slice>,
    budget: MemoryBudget,
}

impl Default for Endpoints {
    fn default() -> Self {
        Self { hasher: RandomState::new(), slices: HashMap::new(), budget: MemoryBudget::new(TABLE_BYTES) }
    }
}

#[derive(Debug)]
struct Slice {
    /// `NAMESPACE/NAME`.
    service: Box<str>,
    /// Ready pods, by name: all slices of a service give it, and no two pods have the same name at one time.
    pods: Box<[Key]>,
}

impl Slice {
    /// Returns the approximate memory in bytes.
    fn bytes(&self) -> usize {
        ENTRY_BYTES + self.service.len() + size_of_val(&*self.pods)
    }
}

impl Endpoints {
    /// Returns `NAMESPACE/NAME` of every service and its number of ready pods. A pod that is in several slices, because it
    /// has addresses of both families or several ports, is counted once.
    pub(super) fn services(&self) -> BTreeMap<&str, usize> {
        let mut slices: BTreeMap<&str, Vec<&[Key]>> = BTreeMap::new();
        for slice in self.slices.values() {
            slices.entry(&slice.service).or_default().push(&slice.pods);
        }
        let mut pods = Vec::new();
        slices
            .into_iter()
            .map(|(service, slices)| {
                pods.clear();
                slices.iter().for_each(|slice| pods.extend_from_slice(slice));
                pods.sort_unstable();
                pods.dedup();
                (service, pods.len())
            })
            .collect()
    }
}

impl Endpoints {
    fn forget(&mut self, key: Key) {
        let before = self.slices.remove(&key).map_or(0, |slice| slice.bytes());
        self.budget.replace(before, 0);
    }
}

impl ObjectTable for Endpoints {
    type Item<'a> = wire::EndpointSlice<'a>;

    fn empty(&self) -> Self {
        Self { hasher: self.hasher.clone(), slices: HashMap::new(), budget: self.budget.cleared() }
    }

    fn apply(&mut self, item: wire::EndpointSlice<'_>) -> bool {
        let Some(metadata) = item.metadata else { return true };
        let Some(uid) = non_empty(&metadata.uid) else { return true };
        let key = Key::new(&self.hasher, &[uid]);
        let service = metadata.labels.as_ref().and_then(|labels| non_empty(&labels.service));
        let (Some(namespace), Some(service)) = (non_empty(&metadata.namespace), service) else {
            self.forget(key);
            return true;
        };
        let pods = elements(&item.endpoints)
            .filter(|endpoint| {
                // Null means "unknown", which the API tells consumers to treat as ready.
                endpoint.conditions.as_ref().and_then(|conditions| conditions.ready).unwrap_or(true)
            })
            .filter_map(|endpoint| {
                let target = endpoint.target_ref.as_deref()?;
                let name = non_empty(&target.name).filter(|_| non_empty(&target.kind) == Some("Pod"))?;
                let namespace = non_empty(&target.namespace).unwrap_or(namespace);
                Some(Key::new(&self.hasher, &[namespace, name]))
            })
            .collect();
        let service = format!("{namespace}/{service}").into();
        let slice = Slice { service, pods };
        let before = self.slices.remove(&key).map_or(0, |slice| slice.bytes());
        let fits = self.budget.replace(before, slice.bytes());
        if fits {
            self.slices.insert(key, slice);
        }
        fits
    }

    fn remove(&mut self, item: wire::EndpointSlice<'_>) {
        if let Some(uid) = item.metadata.as_ref().and_then(|metadata| non_empty(&metadata.uid)) {
            self.forget(Key::new(&self.hasher, &[uid]));
        }
    }
}
