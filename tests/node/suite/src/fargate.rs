//! `role: fargate` on a node that has the label of Fargate, compared with the kubelet's own `/metrics/cadvisor`.
//!
//! The agent sees of a Fargate node only the text that the kubelet publishes, so every value in a recorded batch must be one
//! that the kubelet published: while the agent records, the test reads the same text more often than cAdvisor renews it. The
//! DaemonSet, which leaves Fargate nodes, then gets a pod there nevertheless, and records the same cgroups meanwhile.

mod batch;
mod daemon;
mod identity;
mod published;
mod replicas;
mod values;

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use insightd_tests::deploy::IMAGE_NAME;
use serde_json::Value;

use crate::agent::{self, AgentPod, CLUSTER, Component, NAMESPACE};
use crate::cluster;
use crate::settings::Settings;
use crate::sound;
use crate::suite::{Bench, Profile, Verdict};
use crate::wait::{now_ms, until};
use batch::Recorded;
use identity::{Running, statuses};

const LABEL: &str = "eks.amazonaws.com/compute-type";
const CONFIG: &str = "/etc/insightd/config/insightd.yaml";
const STATEFUL_SET: &str = "insightd-fargate";
/// Annotation of the StatefulSet with the number of replicas that share the nodes.
const PLAN: &str = "insightd/fargate-replicas";
/// Seconds between two ticks with 105 pods: an agent has two thirds of it for each node, and their text takes many seconds on a busy
/// machine.
const INTERVAL_S: u64 = 30;
/// The same while replicas are added and removed, with few pods.
const SHORT_INTERVAL_S: u64 = 5;
const TICKS: usize = 3;
/// Number of them that must have a batch: an agent leaves out a node that sends no response in time.
const LEAST_BATCHES: usize = 2;
/// Number of pods with the label that EKS sets.
const PODS_COUNT: usize = 105;

/// A busy pod with limits, one without any, one with a container that restarts, and a crowd that makes them 105.
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
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: on-fargate-crowd, namespace: shop}
spec:
  replicas: 102
  selector: {matchLabels: {app: on-fargate-crowd}}
  template:
    metadata: {labels: {app: on-fargate-crowd, eks.amazonaws.com/fargate-profile: shop}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: idle
          image: docker.io/local/pause:1
          imagePullPolicy: Never
          resources: {requests: {cpu: 1m, memory: 1Mi}, limits: {cpu: 20m, memory: 16Mi}}
"#;

pub(crate) fn run(bench: &mut Bench) -> Result<Verdict> {
    bench.agent(Profile::Quick)?;
    cluster::apply(PODS, &[])?;
    let result = labelled(bench);
    if result.is_err() {
        bench.print_warnings();
    }
    let cleaned = clean(&bench.settings);
    // The DaemonSet lacks its affinity.
    bench.forget();
    result.and_then(|verdict| cleaned.map(|()| verdict))
}

fn labelled(bench: &Bench) -> Result<Verdict> {
    wait_for_pods()?;
    let node = cluster::kubectl(&["get", "nodes", "-o", "name"])?;
    let node = node.trim().trim_start_matches("node/").to_owned();
    cluster::kubectl(&["label", "--overwrite", "node", &node, &format!("{LABEL}=fargate")])?;
    until(Duration::from_secs(60), "the DaemonSet leaves the node", || {
        let pods = agent::pods(Component::Node)?;
        Ok(if pods.is_empty() { Ok(()) } else { Err(format!("it has {}", pods[0].name)) })
    })?;
    apply(&bench.settings, 1, INTERVAL_S)?;
    // The first plan of a replica begins after four intervals.
    let plan = format!("{PLAN}=before=1,replicas=1,from={}", now_ms() / 1000 / INTERVAL_S * INTERVAL_S);
    cluster::kubectl(&["-n", NAMESPACE, "annotate", "--overwrite", "statefulset", STATEFUL_SET, &plan])?;
    let pod = wait_for_plan(1)?.pop().context("the StatefulSet has no pod")?;
    let beside = daemon::deploy()?;

    let before = Running::list()?;
    let published::Recordings { ours, of_daemon, published } =
        published::record_beside(&pod, &beside, &node)?;
    let after = Running::list()?;
    if ours.len() < LEAST_BATCHES {
        bail!("{} of {TICKS} ticks have a batch of {node}", ours.len());
    }
    let last = &ours.last().context("nothing was recorded")?.root;
    identity::check(&node, last, &before, &after)?;
    identity::check_daemon(of_daemon.first(), last)?;
    values::check(&ours, &published)?;
    daemon::check(&bench.settings, &ours, &of_daemon, &published)?;
    check_events(&bench.settings, &pod)?;
    cluster::kubectl(&["-n", "shop", "scale", "deployment", "on-fargate-crowd", "--replicas=0"])?;
    apply(&bench.settings, 1, SHORT_INTERVAL_S)?;
    cluster::kubectl(&["-n", NAMESPACE, "rollout", "restart", "statefulset", STATEFUL_SET])?;
    wait_for_plan(1)?;
    replicas::check(&bench.settings, &node)?;
    Ok(Verdict::Passed)
}

/// Waits until the pods run, and the container that restarts has done so.
fn wait_for_pods() -> Result<()> {
    until(Duration::from_secs(400), "the pods with the label of Fargate", || {
        let pods = labelled_pods()?;
        let restarted =
            pods.iter().flat_map(statuses).any(|status| status["restartCount"].as_u64() >= Some(1));
        let running = pods.iter().filter(|pod| pod["status"]["phase"] == "Running").count();
        Ok(if running == PODS_COUNT && restarted {
            Ok(())
        } else {
            Err(format!("{running} run, restarted: {restarted}"))
        })
    })
}

fn labelled_pods() -> Result<Vec<Value>> {
    cluster::list(&["-n", "shop", "pods", "-l", "eks.amazonaws.com/fargate-profile=shop"])
}

/// Applies `deploy/fargate` with an interval.
fn apply(settings: &Settings, replicas: u32, interval_s: u64) -> Result<()> {
    let directory = directory(settings);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory)?;
    let config = fs::read_to_string(settings.work.join("deploy/fargate/insightd.yaml"))?;
    fs::write(directory.join("insightd.yaml"), format!("interval: {interval_s}s\noffset: 0s\n{config}"))?;
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
    cluster::kubectl(&["apply", "--server-side", "--force-conflicts", "-k", path]).map(|_| ())
}

/// Waits until the pods are ready and follow a plan.
fn wait_for_plan(replicas: u32) -> Result<Vec<AgentPod>> {
    let rollout = ["-n", NAMESPACE, "rollout", "status", "statefulset", STATEFUL_SET, "--timeout=120s"];
    cluster::kubectl(&rollout)?;
    until(Duration::from_secs(12 * SHORT_INTERVAL_S), "a plan that is in force", || {
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
    // The tests that follow count pods.
    let delete = ["delete", "--ignore-not-found", "--cascade=foreground", "--wait", "-f", "-"];
    results.push(cluster::kubectl_with(&delete, PODS));
    results.into_iter().collect::<Result<Vec<_>>>().map(|_| ())
}

/// Runs `insightd record` in a pod of the agent.
fn record(pod: &str, ticks: usize) -> Result<Vec<Recorded>> {
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
        "--max-bytes=512MiB",
        "--config",
        CONFIG,
    ];
    let text = cluster::kubectl(&arguments)?;
    Ok(text.lines().filter_map(Recorded::parse).collect())
}

/// Checks the events of the running agent: pods and containers at each tick.
fn check_events(settings: &Settings, pod: &AgentPod) -> Result<()> {
    let since = now_ms();
    let limit = Duration::from_secs(INTERVAL_S * 8);
    let output = pod.wait_for_ticks_within(settings, since, "Pod", 2, limit)?;
    sound::no_panic(&output)?;
    sound::no_negative(&output)?;
    for kind in ["Pod", "Container"] {
        let seen: BTreeSet<&str> = output.of_type(kind).map(|event| event.about("pod_name")).collect();
        for pod in labelled_pods()? {
            let name = pod["metadata"]["name"].as_str().unwrap_or("");
            if !seen.contains(name) {
                bail!("no {kind} event of {name}");
            }
        }
    }
    Ok(())
}
