//! Pods, reduced to 12 bytes each; details are kept only of pods without a node.

use std::collections::HashMap;
use std::hash::RandomState;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::Deserialize;

use super::table::{Key, Kind, TABLE_BYTES};
use super::wire;
use crate::pods::{Keep, Owner, Texts};
use crate::room::Room;
use crate::text::{Text, each, filled};

/// `status.phase`, in the order of [`PHASES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    Pending,
    Running,
    Succeeded,
    Failed,
    /// Also an absent phase, or one that this version does not know.
    Unknown,
}

/// Names of the gauges.
pub(super) const PHASES: [&str; 5] = [
    "pods.phase.pending",
    "pods.phase.running",
    "pods.phase.succeeded",
    "pods.phase.failed",
    "pods.phase.unknown",
];

impl Phase {
    fn of(text: Option<&str>) -> Self {
        match text {
            Some("Pending") => Self::Pending,
            Some("Running") => Self::Running,
            Some("Succeeded") => Self::Succeeded,
            Some("Failed") => Self::Failed,
            _ => Self::Unknown,
        }
    }
}

/// A pod that waits for a node.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) uid: Box<str>,
    pub(super) name: Box<str>,
    pub(super) namespace: Box<str>,
    pub(super) qos: Option<Box<str>>,
    pub(super) conditions: Texts,
    pub(super) labels: Texts,
    pub(super) owners: Vec<Owner>,
}

/// One of the two watches that deliver pods.
pub(super) trait Stream: Send + 'static {
    type Item<'a>: Deserialize<'a>;

    /// Returns the fields that are counted; `None` if the pod has no uid or namespace.
    fn fact<'i>(item: &'i Self::Item<'_>) -> Option<Fact<'i>>;
    /// Returns the details to keep in addition to the count.
    fn details(item: &Self::Item<'_>) -> Option<Pending>;
}

pub(super) struct Fact<'i> {
    uid: &'i str,
    namespace: &'i str,
    phase: Phase,
    /// `true` if the pod is pending and no node was chosen for it.
    waits: bool,
}

/// Pods with `status.phase=Running`, which the API server selects; only their metadata is sent.
#[derive(Debug)]
pub(super) struct Running;

impl Stream for Running {
    type Item<'a> = wire::Named<'a>;

    fn fact<'i>(item: &'i wire::Named<'_>) -> Option<Fact<'i>> {
        let names = item.metadata.as_deref()?;
        let (uid, namespace) = (filled(&names.uid)?, filled(&names.namespace)?);
        Some(Fact { uid, namespace, phase: Phase::Running, waits: false })
    }

    fn details(_: &wire::Named<'_>) -> Option<Pending> {
        None
    }
}

/// All other pods, whole.
#[derive(Debug)]
pub(super) struct Others;

impl Stream for Others {
    type Item<'a> = wire::Pod<'a>;

    fn fact<'i>(item: &'i wire::Pod<'_>) -> Option<Fact<'i>> {
        let metadata = item.metadata.as_deref()?;
        let (uid, namespace) = (filled(&metadata.uid)?, filled(&metadata.namespace)?);
        let phase = Phase::of(item.status.as_ref().and_then(|status| filled(&status.phase)));
        let bound = item.spec.as_ref().is_some_and(|spec| filled(&spec.node_name).is_some());
        Some(Fact { uid, namespace, phase, waits: phase == Phase::Pending && !bound })
    }

    fn details(item: &wire::Pod<'_>) -> Option<Pending> {
        let metadata = item.metadata.as_deref()?;
        // The API does not allow longer texts, and `max_pending_pods` limits only the number of pods.
        let owned =
            |text: &Option<Text<'_>>| filled(text).filter(|text| text.len() <= TEXT_BYTES).map(Box::from);
        let status = item.status.as_deref();
        let labels = metadata.labels.as_ref().map(|all| Keep::default().labels(all).0);
        Some(Pending {
            uid: owned(&metadata.uid)?,
            name: owned(&metadata.name)?,
            namespace: owned(&metadata.namespace)?,
            qos: status.and_then(|status| owned(&status.qos_class)),
            conditions: status
                .into_iter()
                .flat_map(|status| each(&status.conditions))
                .filter_map(|condition| Some((owned(&condition.kind)?, owned(&condition.status)?)))
                .take(ENTRIES)
                .collect(),
            labels: labels.unwrap_or_default(),
            owners: each(&metadata.owner_references)
                .filter_map(|owner| Some(Owner { kind: owned(&owner.kind)?, name: owned(&owner.name)? }))
                .take(ENTRIES)
                .collect(),
        })
    }
}

/// Approximate memory of a counted pod in bytes.
const PLACE_BYTES: usize = 2 * size_of::<(Key, Place)>();

/// Largest number of namespaces with pods; a cluster has some ten thousand.
const NAMESPACES: u32 = 1 << 16;

/// Longest text of a pending pod in bytes: a condition type is a name with a domain as prefix.
const TEXT_BYTES: usize = 316;

/// Largest number of conditions, and of owners, of a pending pod.
const ENTRIES: usize = 64;

/// Longest name of any object in bytes.
const NAME_BYTES: usize = 253;

/// The pods of one watch.
#[derive(Debug)]
pub(super) struct Pods<S> {
    hasher: RandomState,
    places: HashMap<Key, Place>,
    namespaces: Namespaces,
    waiting: u32,
    most_pending: usize,
    pending: HashMap<Key, Pending>,
    room: Room,
    stream: PhantomData<fn() -> S>,
}

/// Number of the namespace (28 bits), the flag that the pod waits for a node (1 bit), and its phase (3 bits).
#[derive(Clone, Copy, Debug)]
struct Place(u32);

impl Place {
    fn new(namespace: u32, fact: &Fact<'_>) -> Self {
        Self(namespace << 4 | u32::from(fact.waits) << 3 | fact.phase as u32)
    }

    fn namespace(self) -> u32 {
        self.0 >> 4
    }

    fn waits(self) -> bool {
        self.0 & 8 != 0
    }

    fn phase(self) -> usize {
        (self.0 & 7) as usize
    }
}

impl<S: Stream> Pods<S> {
    /// Creates an empty table that keeps the details of at most `most_pending` pods.
    pub(super) fn new(most_pending: usize) -> Self {
        Self {
            hasher: RandomState::new(),
            places: HashMap::new(),
            namespaces: Namespaces::default(),
            waiting: 0,
            most_pending,
            pending: HashMap::new(),
            room: Room::new(TABLE_BYTES),
            stream: PhantomData,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Returns the namespaces that have pods, and the number of pods in each phase.
    pub(super) fn namespaces(&self) -> impl Iterator<Item = (&str, &[u32; 5])> {
        self.namespaces.slots.iter().filter(|slot| slot.pods > 0).map(|slot| (&*slot.name, &slot.phases))
    }

    /// Returns the details of pending pods, in no particular order.
    pub(super) fn pending(&self) -> impl Iterator<Item = &Pending> {
        self.pending.values()
    }

    /// Returns the number of pods that wait for a node and have no details here; zero if details were not requested.
    pub(super) fn left_out(&self) -> usize {
        if self.most_pending == 0 {
            return 0;
        }
        (self.waiting as usize).saturating_sub(self.pending.len())
    }

    fn forget(&mut self, key: Key) {
        if let Some(place) = self.places.remove(&key) {
            self.room.exchange(PLACE_BYTES, 0);
            self.namespaces.leave(place);
            self.waiting -= u32::from(place.waits());
        }
    }
}

impl<S: Stream> Kind for Pods<S> {
    type Item<'a> = S::Item<'a>;

    fn empty(&self) -> Self {
        Self { hasher: self.hasher.clone(), room: self.room.empty(), ..Self::new(self.most_pending) }
    }

    fn apply(&mut self, item: S::Item<'_>) -> bool {
        let Some(fact) = S::fact(&item) else { return true };
        let key = Key::new(&self.hasher, &[fact.uid]);
        self.forget(key);
        let place = self.room.exchange(0, PLACE_BYTES).then(|| self.namespaces.enter(&fact)).flatten();
        let Some(place) = place else {
            self.pending.remove(&key);
            return false;
        };
        self.places.insert(key, place);
        self.waiting += u32::from(fact.waits);
        let known = self.pending.remove(&key).is_some();
        // A pod that got its node makes room for the details of the next one that changes.
        if fact.waits && (known || self.pending.len() < self.most_pending) {
            self.pending.extend(S::details(&item).map(|details| (key, details)));
        }
        true
    }

    fn remove(&mut self, item: S::Item<'_>) {
        let Some(fact) = S::fact(&item) else { return };
        let key = Key::new(&self.hasher, &[fact.uid]);
        self.forget(key);
        self.pending.remove(&key);
    }
}

/// Names of namespaces that have pods, by a number that is reused after the last pod left.
#[derive(Debug, Default)]
struct Namespaces {
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

impl Namespaces {
    /// Counts a pod. Returns `None` if there are too many namespaces, or the name is too long for a namespace.
    fn enter(&mut self, fact: &Fact<'_>) -> Option<Place> {
        let number = match self.numbers.get(fact.namespace) {
            Some(&number) => number,
            None if fact.namespace.len() > NAME_BYTES => return None,
            None => self.add(fact.namespace)?,
        };
        let slot = self.slots.get_mut(number as usize)?;
        slot.pods += 1;
        slot.phases[fact.phase as usize] += 1;
        Some(Place::new(number, fact))
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
                let number = u32::try_from(self.slots.len()).ok().filter(|&number| number < NAMESPACES)?;
                self.slots.push(slot);
                number
            }
        };
        self.numbers.insert(name, number);
        Some(number)
    }

    fn leave(&mut self, place: Place) {
        let slot = &mut self.slots[place.namespace() as usize];
        slot.pods -= 1;
        slot.phases[place.phase()] -= 1;
        if slot.pods == 0 {
            self.numbers.remove(&slot.name);
            slot.name = Arc::default();
            self.free.push(place.namespace());
        }
    }
}
