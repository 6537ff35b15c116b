//! Property tests: after any changes in any order, the counts equal those counted from the objects themselves.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// A change that a server may send for objects of one kind.
#[derive(Clone, Debug)]
enum Step<T> {
    Apply(T),
    Delete(T),
    /// A complete list.
    List(Vec<T>),
    /// A list that fails before its end.
    Broken(Vec<T>),
}

fn steps<T: std::fmt::Debug + Clone>(
    object: impl Strategy<Value = T> + Clone + 'static,
) -> impl Strategy<Value = Vec<Step<T>>> {
    let few = prop::collection::vec(object.clone(), 0..8);
    let step = prop_oneof![
        6 => object.clone().prop_map(Step::Apply),
        3 => object.prop_map(Step::Delete),
        1 => few.clone().prop_map(Step::List),
        1 => few.prop_map(Step::Broken),
    ];
    prop::collection::vec(step, 0..40)
}

trait Object: Clone {
    /// Identity of the object.
    type Id: Ord;
    fn id(&self) -> Self::Id;
    fn json(&self) -> Value;
}

/// Applies the same steps to the feed and to a map of whole objects.
fn play<K: ObjectTable, T: Object>(feed: &mut Feed<K>, steps: &[Step<T>]) -> Option<BTreeMap<T::Id, T>> {
    let mut known: Option<BTreeMap<T::Id, T>> = None;
    for step in steps {
        match step {
            Step::Apply(object) => {
                applied(feed, &object.json());
                known.as_mut().map(|known| known.insert(object.id(), object.clone()));
            }
            Step::Delete(object) => {
                deleted(feed, &object.json());
                known.as_mut().map(|known| known.remove(&object.id()));
            }
            Step::List(objects) => {
                list(feed, &objects.iter().map(T::json).collect::<Vec<_>>());
                known = Some(objects.iter().map(|object| (object.id(), object.clone())).collect());
            }
            Step::Broken(objects) => {
                restart(feed);
                objects.iter().for_each(|object| listed(feed, &object.json()));
            }
        }
    }
    known
}

#[derive(Clone, Debug)]
struct Pod {
    uid: u8,
    namespace: u8,
    phase: usize,
    bound: bool,
}

const PHASES: [&str; 5] = ["Pending", "Running", "Succeeded", "Failed", "Unknown"];

impl Object for Pod {
    type Id = u8;

    fn id(&self) -> u8 {
        self.uid
    }

    fn json(&self) -> Value {
        let Self { uid, namespace, phase, bound } = self;
        json!({
            "metadata": {"uid": uid.to_string(), "name": format!("p{uid}"), "namespace": format!("n{namespace}")},
            "spec": {"nodeName": bound.then_some("node-a")},
            "status": {"phase": PHASES[*phase]},
        })
    }
}

fn pods() -> impl Strategy<Value = Pod> + Clone {
    (0..12_u8, 0..4_u8, 0..5_usize, any::<bool>()).prop_map(|(uid, namespace, phase, bound)| Pod {
        uid,
        namespace,
        phase,
        bound,
    })
}

#[derive(Clone, Debug)]
struct Slice {
    uid: u8,
    service: u8,
    endpoints: Vec<(u8, Option<bool>)>,
}

impl Object for Slice {
    type Id = u8;

    fn id(&self) -> u8 {
        self.uid
    }

    fn json(&self) -> Value {
        let endpoint = |(pod, ready): &(u8, Option<bool>)| json!({"conditions": {"ready": ready}, "targetRef": {"kind": "Pod", "name": pod.to_string()}});
        json!({
            "metadata": {
                "uid": self.uid.to_string(), "namespace": "shop",
                "labels": {"kubernetes.io/service-name": self.service.to_string()},
            },
            "endpoints": self.endpoints.iter().map(endpoint).collect::<Vec<_>>(),
        })
    }
}

fn slices() -> impl Strategy<Value = Slice> + Clone {
    let endpoints = prop::collection::vec((0..6_u8, any::<Option<bool>>()), 0..6);
    (0..5_u8, 0..3_u8, endpoints).prop_map(|(uid, service, endpoints)| Slice { uid, service, endpoints })
}

#[derive(Clone, Debug)]
struct ReplicaSet {
    name: u8,
    owned: bool,
    desired: u32,
}

impl Object for ReplicaSet {
    type Id = u8;

    fn id(&self) -> u8 {
        self.name
    }

    fn json(&self) -> Value {
        let owners = if self.owned { json!([{"kind": "Deployment", "name": "d"}]) } else { Value::Null };
        json!({
            "metadata": {"name": self.name.to_string(), "namespace": "shop", "ownerReferences": owners},
            "spec": {"replicas": self.desired},
        })
    }
}

fn replica_sets() -> impl Strategy<Value = ReplicaSet> + Clone {
    (0..5_u8, any::<bool>(), 0..9_u32).prop_map(|(name, owned, desired)| ReplicaSet { name, owned, desired })
}

#[derive(Clone, Debug)]
struct Namespace(u8);

impl Object for Namespace {
    type Id = u8;

    fn id(&self) -> u8 {
        self.0
    }

    fn json(&self) -> Value {
        json!({"metadata": {"name": format!("n{}", self.0)}})
    }
}

/// Namespaces with the number of pods in each phase; `None` unless both watches of pods have listed.
type Counted = BTreeMap<String, Option<[u32; 5]>>;

fn counted(
    namespaces: &Option<BTreeMap<u8, Namespace>>,
    running: &Option<BTreeMap<u8, Pod>>,
    others: &Option<BTreeMap<u8, Pod>>,
) -> Counted {
    let both = running.as_ref().zip(others.as_ref());
    let names =
        namespaces.iter().flat_map(BTreeMap::keys).map(|name| (format!("n{name}"), both.map(|_| [0; 5])));
    let mut counted: Counted = names.collect();
    if let Some((running, others)) = both {
        let of_running = running.values().map(|pod| (pod, 1));
        for (pod, phase) in of_running.chain(others.values().map(|pod| (pod, pod.phase))) {
            let counts = counted.entry(format!("n{}", pod.namespace)).or_insert(Some([0; 5]));
            counts.as_mut().unwrap()[phase] += 1;
        }
    }
    counted
}

fn shown(batch: &Batch) -> Counted {
    let counts = |namespace: Entity<'_>| {
        let values = super::super::pods::PHASES.map(|name| gauge(namespace, name).map(|value| value as u32));
        values[0].map(|_| values.map(Option::unwrap))
    };
    batch
        .of_kind("namespace")
        .into_iter()
        .map(|namespace| (namespace.id().to_owned(), counts(namespace)))
        .collect()
}

proptest! {
    #[test]
    fn pods_and_namespaces_equal_the_model(
        namespaces in steps((0..5_u8).prop_map(Namespace)),
        running in steps(pods()),
        others in steps(pods()),
        max_pending in 1..6_usize,
    ) {
        let mut it = Cluster::new(max_pending);
        let namespaces = play(&mut it.namespaces, &namespaces);
        let running = play(&mut it.running, &running);
        let others = play(&mut it.others, &others);
        let batch = it.batch();
        prop_assert_eq!(shown(&batch), counted(&namespaces, &running, &others));
        let all = running.as_ref().zip(others.as_ref()).map(|(running, others)| running.len() + others.len());
        prop_assert_eq!(gauge(cluster(&batch), "cluster.pods"), all.map(|all| all as f64));

        let waits = |pod: &&Pod| pod.phase == 0 && !pod.bound;
        let waiting: BTreeSet<String> =
            others.iter().flat_map(BTreeMap::values).filter(waits).map(|pod| pod.uid.to_string()).collect();
        let pending = ids(&batch, "pod");
        prop_assert!(pending.len() <= max_pending);
        prop_assert!(pending.iter().all(|uid| waiting.contains(*uid)));
        let left_out = gauge(cluster(&batch), "cluster.pending_left_out").unwrap_or_default();
        prop_assert_eq!(pending.len() + left_out as usize, waiting.len());
    }

    #[test]
    fn services(slices in steps(slices())) {
        let mut it = Cluster::new(0);
        let known = play(&mut it.endpoints, &slices);
        let mut ready: BTreeMap<String, BTreeSet<u8>> = BTreeMap::new();
        for slice in known.iter().flat_map(BTreeMap::values) {
            let pods = slice.endpoints.iter().filter(|(_, ready)| ready.unwrap_or(true)).map(|(pod, _)| *pod);
            ready.entry(format!("shop/{}", slice.service)).or_default().extend(pods);
        }
        let expected: Vec<_> = ready.into_iter().map(|(id, pods)| (id, pods.len() as f64)).collect();
        let batch = it.batch();
        let shown: Vec<_> = batch
            .of_kind("service")
            .into_iter()
            .map(|service| (service.id().to_owned(), gauge(service, "endpoints.ready").unwrap()))
            .collect();
        prop_assert_eq!(shown, expected);
    }

    #[test]
    fn replica_sets_without_an_owner_equal_the_model(sets in steps(replica_sets())) {
        let mut it = Cluster::new(0);
        let known = play(it.workloads_of(WorkloadKind::ReplicaSet), &sets);
        let free = known.iter().flat_map(BTreeMap::values).filter(|set| !set.owned);
        let expected: Vec<_> =
            free.map(|set| (format!("ReplicaSet/shop/{}", set.name), f64::from(set.desired))).collect();
        let batch = it.batch();
        let shown: Vec<_> = batch
            .of_kind("workload")
            .into_iter()
            .map(|set| (set.id().to_owned(), gauge(set, "replicas.desired").unwrap()))
            .collect();
        prop_assert_eq!(shown, expected);
    }
}
