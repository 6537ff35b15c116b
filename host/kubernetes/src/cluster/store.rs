//! The known objects of the cluster, and their rows in a batch.

mod jobs;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use insights_batch::{Builder, EntityId, StringId};

use super::cron_jobs::CronJob;
use super::endpoints::Endpoints;
use super::jobs::Job;
use super::namespaces::Namespaces;
use super::nodes::{HEALTH_LABEL, Nodes};
use super::objects::{ObjectKind, Objects};
use super::pods::{Others, PHASES, PendingPod, Pods, Running};
use super::records::Records;
use super::table::SharedTable;
use super::workloads::{WorkloadKind, Workloads};

/// One table for each kind. They are read one after the other: each is consistent in itself, as its watch is.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) nodes: Arc<SharedTable<Nodes>>,
    pub(super) namespaces: Arc<SharedTable<Namespaces>>,
    pub(super) running: Arc<SharedTable<Pods<Running>>>,
    pub(super) others: Arc<SharedTable<Pods<Others>>>,
    pub(super) endpoints: Arc<SharedTable<Endpoints>>,
    pub(super) workloads: [(WorkloadKind, Arc<SharedTable<Workloads>>); 4],
    /// Those that a pipeline asks for.
    pub(super) objects: Vec<(ObjectKind, Arc<SharedTable<Objects>>)>,
    /// Likewise.
    pub(super) jobs: Option<Arc<SharedTable<Records<Job>>>>,
    /// Likewise.
    pub(super) cron_jobs: Option<Arc<SharedTable<Records<CronJob>>>>,
    /// A pipeline asks for the facts of the group `Status`.
    pub(super) reports_status: bool,
}

impl Store {
    pub(super) fn new() -> Self {
        let kinds = [
            WorkloadKind::Deployment,
            WorkloadKind::DaemonSet,
            WorkloadKind::StatefulSet,
            WorkloadKind::ReplicaSet,
        ];
        Self {
            nodes: SharedTable::new(),
            namespaces: SharedTable::new(),
            running: SharedTable::new(),
            others: SharedTable::new(),
            endpoints: SharedTable::new(),
            workloads: kinds.map(|kind| (kind, SharedTable::new())),
            objects: Vec::new(),
            jobs: None,
            cron_jobs: None,
            reports_status: false,
        }
    }

    /// Drops the table of a kind.
    pub(super) fn forget(&mut self, kind: ObjectKind) {
        match kind {
            ObjectKind::Job => self.jobs = None,
            ObjectKind::CronJob => self.cron_jobs = None,
            _ => self.objects.retain(|(of, _)| *of != kind),
        }
    }

    fn objects(&self, kind: ObjectKind) -> Option<&SharedTable<Objects>> {
        self.objects.iter().find(|(of, _)| *of == kind).map(|(_, table)| &**table)
    }

    /// Adds everything below `cluster`: kind by kind, sorted. Kinds that were never listed have no rows.
    pub(super) fn emit(&self, builder: &mut Builder, cluster: EntityId) {
        if let Some(nodes) = self.nodes.read().as_ref() {
            emit_nodes(nodes, builder, cluster);
        }
        self.emit_namespaces(builder, cluster);
        if let Some(endpoints) = self.endpoints.read().as_ref() {
            emit_services(endpoints, builder, cluster);
        }
        let mut emitted = HashMap::new();
        for (_, table) in &self.workloads {
            if let Some(workloads) = table.read().as_ref() {
                emit_workloads(workloads, self.reports_status, builder, cluster, &mut emitted);
            }
        }
        // Owners first, as far as they are listed: so the rows of an object mostly follow one another.
        if let Some(table) = &self.cron_jobs
            && let Some(cron_jobs) = table.read().as_ref()
        {
            jobs::emit_cron_jobs(cron_jobs, builder, cluster, &mut emitted);
        }
        if let Some(table) = &self.jobs
            && let Some(jobs) = table.read().as_ref()
        {
            jobs::emit_jobs(jobs, builder, cluster, &mut emitted);
        }
        if let Some(others) = self.others.read().as_ref() {
            emit_pending(others, builder, cluster, &mut emitted);
        }
        if let Some(table) = self.objects(ObjectKind::PersistentVolume)
            && let Some(volumes) = table.read().as_ref()
        {
            builder.gauge(cluster, "persistentvolume.count", volumes.len() as f64);
        }
        if let Some(table) = self.objects(ObjectKind::Claim)
            && let Some(claims) = table.read().as_ref()
        {
            emit_claims(claims, builder, cluster);
        }
    }

    /// Adds the existing namespaces and those that pods are in: one watch may be ahead of the other, or forbidden.
    fn emit_namespaces(&self, builder: &mut Builder, cluster: EntityId) {
        let (namespaces, running, others) = (self.namespaces.read(), self.running.read(), self.others.read());
        let names = namespaces.as_ref().into_iter().flat_map(|namespaces| namespaces.iter());
        let mut counts: BTreeMap<&str, [u32; 5]> = names.map(|name| (name, [0; 5])).collect();
        // The pods of only one of the two watches would be wrong numbers instead of missing ones.
        let both = running.as_ref().zip(others.as_ref());
        if let Some((running, others)) = both {
            for (name, phases) in running.namespaces().chain(others.namespaces()) {
                let counts = counts.entry(name).or_default();
                counts.iter_mut().zip(phases).for_each(|(count, pods)| *count += pods);
            }
            builder.gauge(cluster, "cluster.pods", (running.len() + others.len()) as f64);
        }
        let ingresses = self.objects(ObjectKind::Ingress).map(SharedTable::read);
        let ingresses = ingresses.as_ref().and_then(|ingresses| ingresses.as_ref());
        let mut ingresses: Option<BTreeMap<&str, u32>> = ingresses.map(|ingresses| {
            let mut counts = BTreeMap::new();
            ingresses.namespaced().for_each(|(_, name, ..)| *counts.entry(name).or_default() += 1);
            counts
        });
        let phases = PHASES.map(|phase| builder.intern(phase));
        for (name, counts) in counts {
            let namespace = builder.entity("namespace", name, Some(cluster));
            builder.attribute(namespace, "namespace.name", name);
            if self.reports_status
                && let Some(phase) = namespaces.as_ref().and_then(|namespaces| namespaces.phase(name))
            {
                builder.attribute(namespace, "status.phase", phase.as_str());
            }
            if both.is_some() {
                for (phase, count) in phases.iter().zip(counts) {
                    builder.gauge_id(namespace, *phase, f64::from(count));
                }
            }
            if let Some(ingresses) = &mut ingresses {
                let count = ingresses.remove(name).unwrap_or_default();
                builder.gauge(namespace, "ingress.count", f64::from(count));
            }
        }
    }
}

fn emit_nodes(nodes: &Nodes, builder: &mut Builder, cluster: EntityId) {
    builder.gauge(cluster, "cluster.nodes", nodes.len() as f64);
    let types: Vec<StringId> =
        nodes.condition_types().map(|kind| builder.intern(&format!("node.condition.{kind}"))).collect();
    for (name, node) in nodes.iter() {
        let entity = builder.entity("node", name, Some(cluster));
        builder.attribute(entity, "node.name", name);
        for (kind, value) in node.conditions() {
            if let Some(&kind) = types.get(kind) {
                builder.gauge_id(entity, kind, value);
            }
        }
        if let Some(hyperpod) = &node.hyperpod {
            builder.attribute(entity, &format!("label.{HEALTH_LABEL}"), &hyperpod.health);
            if let Some(instance_type) = &hyperpod.instance_type {
                builder.attribute(entity, "node.instance_type", instance_type);
            }
        }
    }
}

fn emit_services(endpoints: &Endpoints, builder: &mut Builder, cluster: EntityId) {
    for (id, ready) in endpoints.services() {
        let Some((namespace, name)) = id.split_once('/') else { continue };
        let service = builder.entity("service", id, Some(cluster));
        builder.attribute(service, "service.name", name);
        builder.attribute(service, "service.namespace", namespace);
        builder.gauge(service, "endpoints.ready", ready as f64);
    }
}

fn emit_claims(claims: &Objects, builder: &mut Builder, cluster: EntityId) {
    for (id, namespace, name, phase) in claims.namespaced() {
        let claim = builder.entity("claim", id, Some(cluster));
        builder.attribute(claim, "claim.name", name);
        builder.attribute(claim, "claim.namespace", namespace);
        if let Some(phase) = phase {
            builder.attribute(claim, "claim.phase", phase);
        }
    }
}

type Emitted = HashMap<StringId, EntityId>;

/// Returns the entity of a workload, which all references to it share.
fn workload(
    [kind, namespace, name]: [&str; 3],
    builder: &mut Builder,
    cluster: EntityId,
    emitted: &mut Emitted,
) -> EntityId {
    let id = format!("{kind}/{namespace}/{name}");
    let key = builder.intern(&id);
    if let Some(&entity) = emitted.get(&key) {
        return entity;
    }
    let entity = builder.entity("workload", &id, Some(cluster));
    builder.attribute(entity, "workload.kind", kind);
    builder.attribute(entity, "workload.name", name);
    builder.attribute(entity, "workload.namespace", namespace);
    emitted.insert(key, entity);
    entity
}

fn emit_workloads(
    workloads: &Workloads,
    reports_status: bool,
    builder: &mut Builder,
    cluster: EntityId,
    emitted: &mut Emitted,
) {
    for (namespace, name, replicas) in workloads.iter() {
        let kind = workloads.kind().as_str();
        let entity = workload([kind, namespace, name], builder, cluster, emitted);
        let mut gauge = |name, value: Option<u32>| {
            if let Some(value) = value {
                builder.gauge(entity, name, f64::from(value));
            }
        };
        gauge("replicas.desired", Some(replicas.desired));
        gauge("replicas.ready", Some(replicas.ready));
        gauge("replicas.available", Some(replicas.available));
        gauge("replicas.unavailable", replicas.unavailable);
        gauge("replicas.scheduled", replicas.scheduled);
        gauge("status.replicas", replicas.current.filter(|_| reports_status));
    }
}

fn emit_pending(pods: &Pods<Others>, builder: &mut Builder, cluster: EntityId, emitted: &mut Emitted) {
    if pods.left_out() > 0 {
        builder.gauge(cluster, "cluster.pending_left_out", pods.left_out() as f64);
    }
    let mut pending: Vec<&PendingPod> = pods.pending().collect();
    pending.sort_unstable_by_key(|pod| (&pod.namespace, &pod.name, &pod.uid));
    for pod in pending {
        let entity = builder.entity("pod", &pod.uid, Some(cluster));
        builder.attribute(entity, "pod.uid", &pod.uid);
        builder.attribute(entity, "pod.name", &pod.name);
        builder.attribute(entity, "pod.namespace", &pod.namespace);
        builder.attribute(entity, "pod.phase", "Pending");
        if let Some(qos) = &pod.qos {
            builder.attribute(entity, "pod.qos", qos);
        }
        for (prefix, pairs) in [("pod.condition.", &pod.conditions), ("label.", &pod.labels)] {
            for (key, value) in pairs {
                builder.attribute(entity, &format!("{prefix}{key}"), value);
            }
        }
        for owner in &pod.owners {
            let owner = workload([&owner.kind, &pod.namespace, &owner.name], builder, cluster, emitted);
            builder.link(entity, owner, "owned-by");
        }
    }
}
