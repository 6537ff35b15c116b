//! `role: fargate` on a node that has the label of Fargate, compared with the kubelet's own `/metrics/cadvisor`.
//!
//! The agent sees of a Fargate node only the text that the kubelet publishes, so every value in a recorded batch must be one
//! that the kubelet published: while the agent records, the test reads the same text more often than cAdvisor renews it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use insightd_tests::cadvisor::{self, Sample};
use insightd_tests::deploy::IMAGE_NAME;
use serde_json::Value;

use crate::agent::{self, AgentPod, CLUSTER, Component, NAMESPACE};
use crate::cluster;
use crate::counters::COUNTERS;
use crate::settings::Settings;
use crate::sound;
use crate::suite::{Bench, Profile, Verdict};
use crate::wait::{now_ms, until};

const LABEL: &str = "eks.amazonaws.com/compute-type";
const CONFIG: &str = "/etc/insightd/config/insightd.yaml";
const STATEFUL_SET: &str = "insightd-fargate";
/// Annotation of the StatefulSet with the number of replicas that share the nodes.
const PLAN: &str = "insightd/fargate-replicas";
/// Seconds between two ticks: an agent has two thirds of it for each node.
const INTERVAL_S: u64 = 5;
const TICKS: usize = 5;
/// Time between two requests for the kubelet's text; cAdvisor renews the values of a cgroup every 10 s or less often.
const BETWEEN_SNAPSHOTS: Duration = Duration::from_secs(2);

/// Pods with the label that EKS sets: a busy one with limits, one without any, one with a container that restarts.
const PODS: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: on-fargate, namespace: shop}
spec:
  selector: {matchLabels: {app: on-fargate}}
  template:
    metadata: {labels: {app: on-fargate, eks.amazonaws.com/fargate-profile: shop}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: busy
          image: docker.io/local/busybox:1
          imagePullPolicy: Never
          command: [sh, -c, "while true; do dd if=/dev/zero of=/tmp/f bs=64k count=4 2>/dev/null; done"]
          resources: {requests: {cpu: 10m, memory: 8Mi}, limits: {cpu: 70m, memory: 24Mi}}
        - name: idle
          image: docker.io/local/busybox:1
          imagePullPolicy: Never
          command: [sleep, "100000"]
          resources: {requests: {cpu: 10m, memory: 8Mi}, limits: {cpu: 30m, memory: 16Mi}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: on-fargate-free, namespace: shop}
spec:
  selector: {matchLabels: {app: on-fargate-free}}
  template:
    metadata: {labels: {app: on-fargate-free, eks.amazonaws.com/fargate-profile: shop}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: free
          image: docker.io/local/busybox:1
          imagePullPolicy: Never
          command: [sh, -c, "while true; do wget -q -O /dev/null http://$HOST_IP:18080/blob; sleep 1; done"]
          env:
            - {name: HOST_IP, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: on-fargate-restarts, namespace: shop}
spec:
  selector: {matchLabels: {app: on-fargate-restarts}}
  template:
    metadata: {labels: {app: on-fargate-restarts, eks.amazonaws.com/fargate-profile: shop}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: restarts
          image: docker.io/local/busybox:1
          imagePullPolicy: Never
          command: [sh, -c, "sleep 8; false"]
        - name: steady
          image: docker.io/local/busybox:1
          imagePullPolicy: Never
          command: [sleep, "100000"]
"#;

pub(crate) fn run(bench: &mut Bench) -> Result<Verdict> {
    let daemon = bench.agent(Profile::Quick)?;
    cluster::apply(PODS, &[])?;
    let result = labelled(bench, &daemon);
    let cleaned = clean(&bench.settings);
    // The DaemonSet had no pod while the node had the label.
    bench.forget();
    result.and_then(|verdict| cleaned.map(|()| verdict))
}

fn labelled(bench: &Bench, daemon: &AgentPod) -> Result<Verdict> {
    wait_for_pods()?;
    let node = cluster::kubectl(&["get", "nodes", "-o", "name"])?;
    let node = node.trim().trim_start_matches("node/").to_owned();
    let of_daemon = record(&daemon.name, 1)?;
    cluster::kubectl(&["label", "--overwrite", "node", &node, &format!("{LABEL}=fargate")])?;
    until(Duration::from_secs(60), "the DaemonSet leaves the node", || {
        let pods = agent::pods(Component::Node)?;
        Ok(if pods.is_empty() { Ok(()) } else { Err(format!("it has {}", pods[0].name)) })
    })?;
    let pod = deploy(&bench.settings, 1)?.pop().context("the StatefulSet has no pod")?;

    let before = Running::list()?;
    let (recorded, samples) = record_beside_snapshots(&pod, &node)?;
    let after = Running::list()?;
    if recorded.len() + 1 < TICKS {
        bail!("{} of {TICKS} ticks have a batch of {node}", recorded.len());
    }
    let last = recorded.last().context("nothing was recorded")?;
    check_identity(&node, last, &before, &after)?;
    check_daemon(of_daemon.first(), last)?;
    check_values(&recorded, &samples)?;
    check_events(&bench.settings, &pod)?;
    check_replicas(&bench.settings)?;
    Ok(Verdict::Passed)
}

/// Waits until the pods run, and the container that restarts has done so.
fn wait_for_pods() -> Result<()> {
    until(Duration::from_secs(120), "the pods with the label of Fargate", || {
        let pods = labelled_pods()?;
        let restarted =
            pods.iter().flat_map(statuses).any(|status| status["restartCount"].as_u64() >= Some(1));
        let running = pods.iter().filter(|pod| pod["status"]["phase"] == "Running").count();
        Ok(if running == 3 && restarted {
            Ok(())
        } else {
            Err(format!("{running} run, restarted: {restarted}"))
        })
    })
}

fn labelled_pods() -> Result<Vec<Value>> {
    cluster::list(&["-n", "shop", "pods", "-l", "eks.amazonaws.com/fargate-profile=shop"])
}

/// Applies `deploy/fargate` with a short interval, and waits until its pods are ready and follow a plan.
fn deploy(settings: &Settings, replicas: u64) -> Result<Vec<AgentPod>> {
    let directory = directory(settings);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory)?;
    let config = fs::read_to_string(settings.work.join("deploy/fargate/insightd.yaml"))?;
    fs::write(directory.join("insightd.yaml"), format!("interval: {INTERVAL_S}s\noffset: 0s\n{config}"))?;
    let (name, tag) = settings.image.rsplit_once(':').context("SUITE_IMAGE has no tag")?;
    let text = format!(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [../deploy/fargate]\n\
         images: [{{name: {IMAGE_NAME}, newName: {name}, newTag: \"{tag}\"}}]\n\
         replicas: [{{name: {STATEFUL_SET}, count: {replicas}}}]\n\
         configMapGenerator:\n  \
         - {{name: insightd-fargate-environment, namespace: {NAMESPACE}, behavior: merge, literals: [K8S_CLUSTER_NAME={CLUSTER}]}}\n  \
         - {{name: insightd-fargate-config, namespace: {NAMESPACE}, behavior: merge, files: [insightd.yaml]}}\n"
    );
    fs::write(directory.join("kustomization.yaml"), text)?;
    let path = directory.to_str().context("the path is not UTF-8")?;
    cluster::kubectl(&["apply", "--server-side", "--force-conflicts", "-k", path])?;
    let rollout = ["-n", NAMESPACE, "rollout", "status", "statefulset", STATEFUL_SET, "--timeout=90s"];
    cluster::kubectl(&rollout)?;
    until(Duration::from_secs(12 * INTERVAL_S), "a plan that is in force", || {
        let object = cluster::get(&["-n", NAMESPACE, "statefulset", STATEFUL_SET])?;
        let plan = object["metadata"]["annotations"][PLAN].as_str().unwrap_or("").to_owned();
        let from = plan.rsplit('=').next().and_then(|from| from.parse::<u64>().ok());
        let is_in_force = from.is_some_and(|from| now_ms() >= 1000 * from);
        let is_right = plan.contains(&format!(",replicas={replicas},"));
        Ok(if is_in_force && is_right { Ok(()) } else { Err(format!("the plan is {plan:?}")) })
    })?;
    agent::pods(Component::Fargate)
}

fn directory(settings: &Settings) -> std::path::PathBuf {
    settings.work.join("fargate")
}

/// Removes everything that the test created, and the label of the node.
fn clean(settings: &Settings) -> Result<()> {
    let unlabelled = cluster::kubectl(&["label", "nodes", "--all", &format!("{LABEL}-")]);
    let mut results = vec![unlabelled];
    let directory = directory(settings);
    if directory.exists() {
        let path = directory.to_str().context("the path is not UTF-8")?;
        results.push(cluster::kubectl(&["delete", "--ignore-not-found", "--wait", "-k", path]));
    }
    let delete = ["delete", "--ignore-not-found", "--wait", "-f", "-"];
    results.push(cluster::kubectl_with(&delete, PODS));
    results.into_iter().collect::<Result<Vec<_>>>().map(|_| ())
}

/// Runs `insightd record` in a pod of the agent, and returns the roots of the batches.
fn record(pod: &str, ticks: usize) -> Result<Vec<Value>> {
    let arguments = [
        "-n",
        NAMESPACE,
        "exec",
        pod,
        "--",
        "/insightd",
        "record",
        "--ticks",
        &ticks.to_string(),
        "--config",
        CONFIG,
    ];
    let text = cluster::kubectl(&arguments)?;
    let batches = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let roots = batches.filter_map(|mut batch| batch.get_mut("entities")?.get_mut(0).map(Value::take));
    Ok(roots.collect())
}

/// Records beside the running agent, and reads the kubelet's text before, meanwhile and afterwards.
fn record_beside_snapshots(pod: &AgentPod, node: &str) -> Result<(Vec<Value>, Published)> {
    let path = format!("/api/v1/nodes/{node}/proxy/metrics/cadvisor");
    let mut published = Published::default();
    published.add(&cluster::kubectl(&["get", "--raw", &path])?);
    let is_over = AtomicBool::new(false);
    let (recorded, texts) = thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut texts = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                texts.push(cluster::kubectl(&["get", "--raw", &path])?);
                thread::sleep(BETWEEN_SNAPSHOTS);
            }
            anyhow::Ok(texts)
        });
        let recorded = record(&pod.name, TICKS);
        is_over.store(true, Ordering::Relaxed);
        (recorded, reader.join())
    });
    let Ok(texts) = texts else { bail!("the thread that reads the kubelet's metrics panicked") };
    for text in texts? {
        published.add(&text);
    }
    published.add(&cluster::kubectl(&["get", "--raw", &path])?);
    Ok((recorded?, published))
}

/// A cgroup or an interface, and the raw name of one of its values.
type Key = (String, &'static str);

/// The values that the kubelet published, by the time of cAdvisor's reading.
#[derive(Default)]
struct Published(BTreeMap<Key, BTreeMap<u64, f64>>);

/// Time and value of one row, by its device if it has one.
type Parts = BTreeMap<String, (u64, f64)>;

/// cAdvisor's gauges, with the raw name.
const GAUGES: &[(&str, &str)] = &[
    ("container_memory_usage_bytes", "memory.usage_bytes"),
    ("container_memory_working_set_bytes", "memory.working_set_bytes"),
    ("container_memory_rss", "memory.rss_bytes"),
    ("container_memory_cache", "memory.cache_bytes"),
    ("container_memory_mapped_file", "memory.mapped_file_bytes"),
    ("container_memory_swap", "memory.swap_bytes"),
    ("container_spec_cpu_shares", "cpu.shares"),
    ("container_spec_memory_limit_bytes", "memory.limit_bytes"),
    ("container_threads", "pids.current"),
];

impl Published {
    fn add(&mut self, text: &str) {
        let mut parts: BTreeMap<Key, Parts> = BTreeMap::new();
        for sample in cadvisor::parse(text) {
            let Some((name, scale)) = raw_name(&sample) else { continue };
            let Some(subject) = subject(&sample) else { continue };
            let value = (sample.value * scale).round();
            let part = sample.label("device").to_owned();
            let read_at = sample.time_unix_ms.unwrap_or(0);
            parts.entry((subject, name)).or_default().insert(part, (read_at, value));
        }
        for (key, parts) in parts {
            let read_at = parts.values().map(|(read_at, _)| *read_at).max().unwrap_or(0);
            let sum = parts.values().map(|(_, value)| value).sum();
            self.0.entry(key).or_default().insert(read_at, sum);
        }
    }

    fn times_of(&self, key: &Key, value: f64) -> Vec<u64> {
        let values = self.0.get(key).into_iter().flatten();
        values.filter(|(_, published)| **published == value).map(|(read_at, _)| *read_at).collect()
    }
}

/// Returns the raw name of a sample, and the factor to its unit.
fn raw_name(sample: &Sample) -> Option<(&'static str, f64)> {
    let counter =
        COUNTERS.iter().find(|counter| counter.is(sample)).map(|counter| (counter.ours, counter.scale));
    let gauge = || GAUGES.iter().find(|(theirs, _)| *theirs == sample.name).map(|(_, ours)| (*ours, 1.0));
    counter.or_else(gauge)
}

/// Returns the path of a pod's or container's cgroup; for a row of an interface, the path of the pod and the interface.
fn subject(sample: &Sample) -> Option<String> {
    let path = sample.label("id").trim_start_matches('/');
    if sample.label("pod").is_empty() || path.is_empty() {
        return None;
    }
    let is_container = cadvisor::container_id(path).is_some();
    let interface = sample.label("interface");
    if !interface.is_empty() {
        let pod = if is_container { path.rsplit_once('/')?.0 } else { path };
        return Some(format!("{pod} {interface}"));
    }
    // The sandbox has rows of its own, which are not a container's.
    let is_sandbox = is_container && matches!(sample.label("container"), "" | "POD");
    (!is_sandbox).then(|| path.to_owned())
}

/// Calls `visit` for an entity and all below it, each with its parent.
fn walk<'b>(
    entity: &'b Value,
    parent: Option<&'b Value>,
    visit: &mut dyn FnMut(&'b Value, Option<&'b Value>),
) {
    visit(entity, parent);
    for child in entity["children"].as_array().into_iter().flatten() {
        walk(child, Some(entity), visit);
    }
}

fn entities<'b>(root: &'b Value, kind: &str) -> Vec<&'b Value> {
    let mut found = Vec::new();
    walk(root, None, &mut |entity, _| {
        if entity["kind"] == kind {
            found.push(entity);
        }
    });
    found
}

fn attribute<'b>(entity: &'b Value, key: &str) -> &'b str {
    entity["attributes"][key].as_str().unwrap_or("")
}

/// Returns the cgroups of a batch by the uid of the pod and the id of the container, which is empty for a pod.
fn cgroups(root: &Value) -> BTreeMap<(&str, &str), &Value> {
    let key = |cgroup| (attribute(cgroup, "pod.uid"), attribute(cgroup, "container.id"));
    entities(root, "cgroup").into_iter().map(|cgroup| (key(cgroup), cgroup)).collect()
}

/// The running pods and containers, according to the API server.
struct Running {
    /// Uids in the paths of cgroups: of a static pod, the hash of its configuration.
    pods: BTreeSet<String>,
    containers: BTreeSet<String>,
}

impl Running {
    fn list() -> Result<Self> {
        let pods = cluster::list(&["pods", "-A", "--field-selector=status.phase=Running"])?;
        let uid = |pod: &Value| {
            let metadata = &pod["metadata"];
            let hash = metadata["annotations"]["kubernetes.io/config.hash"].as_str();
            hash.or(metadata["uid"].as_str()).unwrap_or("").to_owned()
        };
        let containers =
            pods.iter().flat_map(statuses).filter(|status| status["state"]["running"].is_object());
        let id = |status: &Value| Some(status["containerID"].as_str()?.rsplit('/').next()?.to_owned());
        Ok(Self { containers: containers.filter_map(id).collect(), pods: pods.iter().map(uid).collect() })
    }
}

fn statuses(pod: &Value) -> impl Iterator<Item = &Value> {
    ["containerStatuses", "initContainerStatuses"]
        .into_iter()
        .flat_map(|key| pod["status"][key].as_array().into_iter().flatten())
}

/// Checks the node, the cgroups of everything that ran before and after the recording, and the pods with the label.
fn check_identity(node: &str, root: &Value, before: &Running, after: &Running) -> Result<()> {
    let is_node = root["kind"] == "node" && root["id"] == node;
    if !is_node
        || attribute(root, "node.compute_type") != "fargate"
        || attribute(root, "cluster.name") != CLUSTER
    {
        bail!("the root of the batch is {} {}: {}", root["kind"], root["id"], root["attributes"]);
    }
    let found = cgroups(root);
    let pods: BTreeSet<&str> = found.keys().map(|(pod, _)| *pod).collect();
    let containers: BTreeSet<&str> = found.keys().map(|(_, container)| *container).collect();
    let lacks = |wanted: Vec<&String>, found: &BTreeSet<&str>| -> Vec<String> {
        wanted.into_iter().filter(|id| !found.contains(id.as_str())).cloned().collect()
    };
    let missing = [
        lacks(before.pods.intersection(&after.pods).collect(), &pods),
        lacks(before.containers.intersection(&after.containers).collect(), &containers),
    ]
    .concat();
    if !missing.is_empty() {
        bail!("running pods or containers without a cgroup in the batch: {}", missing.join(", "));
    }
    let listed = labelled_pods()?;
    let entities = entities(root, "pod");
    for pod in &listed {
        let uid = pod["metadata"]["uid"].as_str().unwrap_or("");
        let Some(entity) = entities.iter().find(|entity| entity["id"] == uid) else {
            bail!("{} has no entity", pod["metadata"]["name"]);
        };
        if attribute(entity, "pod.name") != pod["metadata"]["name"] {
            bail!("{} is named {}", pod["metadata"]["name"], attribute(entity, "pod.name"));
        }
    }
    if entities.len() != listed.len() {
        bail!("{} pods in the batch, {} have the label", entities.len(), listed.len());
    }
    let restarts = self::entities(root, "container").into_iter().filter_map(|container| {
        let count = container["counters"]["container.restarts"][0].as_u64()?;
        (attribute(container, "container.name") == "restarts").then_some(count)
    });
    if restarts.max().unwrap_or(0) < 1 {
        bail!("no restart of the container that restarts");
    }
    println!("  {} cgroups, {} pods with the label of Fargate", found.len(), listed.len());
    Ok(())
}

/// Checks that the reader of the DaemonSet, before the node had the label, saw the same pods with the same limits.
fn check_daemon(of_daemon: Option<&Value>, root: &Value) -> Result<()> {
    let of_daemon = of_daemon.context("the DaemonSet recorded nothing")?;
    let (theirs, ours) = (cgroups(of_daemon), cgroups(root));
    let uids: BTreeSet<String> =
        labelled_pods()?.iter().filter_map(|pod| Some(pod["metadata"]["uid"].as_str()?.to_owned())).collect();
    let mut compared = 0;
    for (key, theirs) in theirs.iter().filter(|((uid, _), _)| uids.contains(*uid)) {
        let Some(ours) = ours.get(key) else {
            // The container that restarts has another id by now.
            let is_gone = !key.1.is_empty() && !Running::list()?.containers.contains(key.1);
            if is_gone {
                continue;
            }
            bail!("{key:?} is in the batch of the DaemonSet only");
        };
        for name in ["pod.qos", "cgroup.role"] {
            if attribute(ours, name) != attribute(theirs, name) {
                bail!(
                    "{key:?}: {name} is {:?}, {:?} in the DaemonSet's batch",
                    attribute(ours, name),
                    attribute(theirs, name)
                );
            }
        }
        for name in ["cpu.quota_millicores", "cpu.shares", "memory.limit_bytes"] {
            let (ours, theirs) = (&ours["gauges"][name], &theirs["gauges"][name]);
            if ours.as_f64() != theirs.as_f64() {
                bail!("{key:?}: {name} is {ours}, {theirs} in the DaemonSet's batch");
            }
            compared += usize::from(ours.is_number());
        }
    }
    println!("  {compared} limits equal those that the DaemonSet read");
    if compared < 10 {
        bail!("only {compared} limits were compared");
    }
    Ok(())
}

/// Checks that each value is one that the kubelet published, and each pair of readings two of them, as far apart.
fn check_values(recorded: &[Value], published: &Published) -> Result<()> {
    let mut table: BTreeMap<&'static str, [usize; 3]> = BTreeMap::new();
    let mut wrong = Vec::new();
    let mut check = |subject: String, name: &str, value: &Value| {
        let names = COUNTERS.iter().map(|counter| counter.ours).chain(GAUGES.iter().map(|(_, ours)| *ours));
        let Some(name) = names.into_iter().find(|known| *known == name) else { return };
        let key = (subject, name);
        let Some(series) = published.0.get(&key) else {
            wrong.push(format!("{name} of {}: the kubelet has none", key.0));
            return;
        };
        let numbers: Vec<f64> = match value {
            Value::Array(readings) => readings.iter().filter_map(Value::as_f64).collect(),
            one => one.as_f64().into_iter().collect(),
        };
        let current = numbers.first().copied().unwrap_or(f64::NAN);
        let at = published.times_of(&key, current);
        let is_equal = match numbers[..] {
            [_, previous, elapsed_ns] if elapsed_ns > 0.0 => {
                let before = published.times_of(&key, previous);
                let is_apart =
                    |(at, before): (u64, u64)| at.saturating_sub(before) as f64 * 1e6 == elapsed_ns;
                at.iter().flat_map(|at| before.iter().map(move |before| (*at, *before))).any(is_apart)
            }
            _ => !at.is_empty(),
        };
        let (least, greatest) = series
            .values()
            .fold((f64::MAX, f64::MIN), |(least, greatest), value| (least.min(*value), greatest.max(*value)));
        let is_between = (least..=greatest).contains(&current);
        let row = table.entry(name).or_default();
        row[if is_equal { 0 } else { 1 + usize::from(!is_between) }] += 1;
        if !is_between {
            wrong.push(format!("{name} of {}: {value}, the kubelet has {least} to {greatest}", key.0));
        }
    };
    for root in recorded {
        walk(root, None, &mut |entity, parent| {
            let id = entity["id"].as_str().unwrap_or("");
            let subject = match entity["kind"].as_str() {
                Some("cgroup") => id.to_owned(),
                Some("interface") => {
                    format!("{} {id}", parent.map_or("", |pod| pod["id"].as_str().unwrap_or("")))
                }
                _ => return,
            };
            for values in [&entity["counters"], &entity["gauges"]] {
                for (name, value) in values.as_object().into_iter().flatten() {
                    check(subject.clone(), name, value);
                }
            }
        });
    }
    println!("  {:28} {:>7} {:>8} {:>8}", "metric", "equal", "between", "outside");
    for (name, [equal, between, outside]) in &table {
        println!("  {name:28} {equal:7} {between:8} {outside:8}");
    }
    let sum = |column: usize| table.values().map(|row| row[column]).sum::<usize>();
    let (equal, between) = (sum(0), sum(1));
    if !wrong.is_empty() {
        bail!("{} values are not the kubelet's: {}", wrong.len(), wrong[..wrong.len().min(12)].join("; "));
    }
    if equal < 500 || between * 20 > equal {
        bail!("{equal} values equal the kubelet's, {between} lie between two of them");
    }
    for name in ["cpu.usage_ns", "memory.working_set_bytes", "network.rx_bytes"] {
        if table.get(name).is_none_or(|row| row[0] == 0) {
            bail!("{name} was never compared");
        }
    }
    Ok(())
}

/// Checks the events of the running agent: pods and containers at each tick.
fn check_events(settings: &Settings, pod: &AgentPod) -> Result<()> {
    let since = now_ms();
    let limit = Duration::from_secs(INTERVAL_S * 8);
    let output = pod.wait_for_ticks_within(settings, since, "Pod", 2, limit)?;
    sound::no_panic(&output)?;
    sound::no_negative(&output)?;
    for name in ["on-fargate-", "on-fargate-free-", "on-fargate-restarts-"] {
        for kind in ["Pod", "Container"] {
            let is_of = |event: &&crate::event::Event| event.about("pod_name").starts_with(name);
            if output.of_type(kind).filter(is_of).count() == 0 {
                bail!("no {kind} event of {name}…");
            }
        }
    }
    Ok(())
}

/// Adds a second replica: from the announced tick on, one of the two has the node, and no tick is missing or twice.
fn check_replicas(settings: &Settings) -> Result<()> {
    let since = now_ms();
    let pods = deploy(settings, 2)?;
    thread::sleep(Duration::from_secs(4 * INTERVAL_S));
    let mut owners: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for pod in &pods {
        let output = pod.output(settings, since)?;
        sound::no_panic(&output)?;
        for time in output.ticks().into_keys() {
            owners.entry(time / 1000 / INTERVAL_S).or_default().push(&pod.name);
        }
    }
    if let Some((time, twice)) = owners.iter().find(|(_, pods)| pods.len() > 1) {
        bail!("two replicas have events at {} s: {}", time * INTERVAL_S, twice.join(", "));
    }
    let times: Vec<u64> = owners.keys().copied().collect();
    if let Some(gap) = times.windows(2).find(|pair| pair[1] - pair[0] != 1) {
        bail!("no replica has events between {} s and {} s", gap[0] * INTERVAL_S, gap[1] * INTERVAL_S);
    }
    let names: BTreeSet<&str> = owners.values().flatten().copied().collect();
    println!(
        "  {} ticks while a replica was added, each once, of {}",
        times.len(),
        Vec::from_iter(names).join(", ")
    );
    if times.len() < 6 {
        bail!("only {} ticks", times.len());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_belong_to_pods_containers_and_interfaces() {
        let id = "a".repeat(64);
        let of = |labels: &str| subject(&cadvisor::parse(&format!("m{{{labels}}} 1 1\n"))[0]);
        let path = format!("kubepods/pod1/{id}");
        assert_eq!(of(&format!("id=\"/{path}\",pod=\"p\",container=\"c\"")), Some(path.clone()));
        assert_eq!(of(&format!("id=\"/{path}\",pod=\"p\",container=\"\"")), None, "the sandbox");
        assert_eq!(of("id=\"/kubepods/pod1\",pod=\"p\""), Some("kubepods/pod1".to_owned()));
        assert_eq!(of("id=\"/kubepods\",pod=\"\""), None);
        let network = format!("id=\"/{path}\",pod=\"p\",container=\"\",interface=\"eth0\"");
        assert_eq!(of(&network), Some("kubepods/pod1 eth0".to_owned()));
    }

    #[test]
    fn published_values_are_summed_over_devices() {
        let row = |device: &str, value: u64| {
            format!(
                "container_fs_reads_total{{device=\"{device}\",id=\"/kubepods/pod1\",pod=\"p\"}} {value} 7\n"
            )
        };
        let mut published = Published::default();
        published.add(&format!("{}{}", row("/dev/a", 1), row("/dev/b", 2)));
        let key = ("kubepods/pod1".to_owned(), "io.reads");
        assert_eq!(published.times_of(&key, 3.0), [7]);
        assert_eq!(published.times_of(&key, 4.0), [] as [u64; 0]);
    }
}
