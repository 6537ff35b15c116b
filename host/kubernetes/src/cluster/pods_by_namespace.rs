//! Counts of pods by namespace and phase.

use std::collections::HashMap;
use std::sync::Arc;

use super::pods::PodFacts;

/// Largest number of namespaces with pods; a cluster has some ten thousand.
const MAX_NAMESPACES: u32 = 1 << 16;

/// Longest name of any object in bytes.
const MAX_NAME_BYTES: usize = 253;

/// Number of the namespace (28 bits), the flag that the pod waits for a node (1 bit), and its phase (3 bits).
#[derive(Clone, Copy, Debug)]
pub(super) struct PodRecord(u32);

impl PodRecord {
    fn new(namespace: u32, facts: &PodFacts<'_>) -> Self {
        Self(namespace << 4 | u32::from(facts.is_unscheduled) << 3 | facts.phase as u32)
    }

    fn namespace(self) -> u32 {
        self.0 >> 4
    }

    pub(super) fn is_unscheduled(self) -> bool {
        self.0 & 8 != 0
    }

    fn phase(self) -> usize {
        (self.0 & 7) as usize
    }
}

/// Names of namespaces that have pods, by a number that is reused after the last pod left.
#[derive(Debug, Default)]
pub(super) struct PodNamespaces {
    numbers: HashMap<Arc<str>, u32>,
    slots: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Slot {
    name: Arc<str>,
    pods: u32,
    phases: [u32; 5],
}

impl PodNamespaces {
    /// Returns the namespaces that have pods, and the number of pods in each phase.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &[u32; 5])> {
        self.slots.iter().filter(|slot| slot.pods > 0).map(|slot| (&*slot.name, &slot.phases))
    }

    /// Counts a pod. Returns `None` if there are too many namespaces, or the name is too long for a namespace.
    pub(super) fn enter(&mut self, facts: &PodFacts<'_>) -> Option<PodRecord> {
        let number = match self.numbers.get(facts.namespace) {
            Some(&number) => number,
            None if facts.namespace.len() > MAX_NAME_BYTES => return None,
            None => self.add(facts.namespace)?,
        };
        let slot = self.slots.get_mut(number as usize)?;
        slot.pods += 1;
        slot.phases[facts.phase as usize] += 1;
        Some(PodRecord::new(number, facts))
    }

    fn add(&mut self, name: &str) -> Option<u32> {
        let name: Arc<str> = name.into();
        let slot = Slot { name: Arc::clone(&name), pods: 0, phases: [0; 5] };
        let number = match self.free.pop() {
            Some(number) => {
                self.slots[number as usize] = slot;
                number
            }
            None => {
                let number =
                    u32::try_from(self.slots.len()).ok().filter(|&number| number < MAX_NAMESPACES)?;
                self.slots.push(slot);
                number
            }
        };
        self.numbers.insert(name, number);
        Some(number)
    }

    /// Removes a pod from the counts.
    pub(super) fn leave(&mut self, record: PodRecord) {
        let slot = &mut self.slots[record.namespace() as usize];
        slot.pods -= 1;
        slot.phases[record.phase()] -= 1;
        if slot.pods == 0 {
            self.numbers.remove(&slot.name);
            slot.name = Arc::default();
            self.free.push(record.namespace());
        }
    }
}
