//! The tests in the order of execution, and their shared state.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::agent::{self, AgentPod, NAMESPACE, Overlay};
use crate::settings::{NodeKind, Settings};
use crate::{checks, fargate, faults, interop, workload};

/// Result of a test that did not fail.
#[derive(Debug)]
pub(crate) enum Verdict {
    Passed,
    Skipped(&'static str),
}

/// A test.
pub(crate) struct Test {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    run: fn(&mut Bench) -> Result<Verdict>,
    /// Also runs in the virtual machine, where everything takes ten times as long.
    in_guest: bool,
}

const fn test(name: &'static str, about: &'static str, run: fn(&mut Bench) -> Result<Verdict>) -> Test {
    Test { name, about, run, in_guest: false }
}

const fn also_in_guest(test: Test) -> Test {
    Test { in_guest: true, ..test }
}

/// All tests. Those that need an intact node come before those that break it.
pub(crate) const TESTS: &[Test] = &[
    test(
        "deploys",
        "the unmodified deploy/ becomes ready, and its first tick has events",
        checks::deploys::run,
    ),
    also_in_guest(test("types", "events of all types, with their attributes", checks::types::run)),
    test("cluster", "cluster events equal the objects of the API server", checks::cluster::run),
    also_in_guest(test(
        "identity",
        "every running container is identified from its second tick on",
        checks::identity::run,
    )),
    also_in_guest(test("figures", "counters and gauges match the kubelet's", checks::figures::run)),
    also_in_guest(test("rates", "published rates equal the growth of the counters", checks::rates::run)),
    also_in_guest(test(
        "dialect",
        "the formatter prometheus has the kubelet's names, labels and values",
        checks::dialect::run,
    )),
    test("recorded", "replaying a recording gives the events of the agent beside it", checks::recorded::run),
    test(
        "fargate",
        "nodes of EKS Fargate, read through the API server, equal the kubelet's text",
        fargate::run,
    ),
    test("container-restarted", "a container is killed and restarted by the runtime", faults::restart::run),
    test("empty-cgroup", "a pod whose cgroups are empty, as under gVisor", faults::sandbox::run),
    test("pods-replaced", "50 pods are deleted and created during ticks", faults::churn::run),
    test("kubelet-stopped", "the kubelet is stopped and started again", faults::kubelet::run),
    test(
        "delivery-outage",
        "the service is unreachable while the agent's pod is deleted",
        faults::outage::run,
    ),
    test("transforms-replaced", "ConfigMaps are changed under a running agent", faults::reload::run),
    test("pod-poisoned", "one of 105 pods makes a component fail", faults::poison::run),
    test("rule-removed", "permissions are revoked and restored", faults::rbac::run),
    test("api-server-stopped", "the API server is stopped for 2 minutes", faults::api_server::run),
    test("token-replaced", "the key that signs service account tokens is replaced", faults::token::run),
    test("interop", "the ConfigMap lock is shared with client-go", interop::run),
    test(
        "leader-killed",
        "the leader of two pods is killed: the other takes over within the lease, never both lead",
        faults::leader::run,
    ),
    also_in_guest(test("clock-steps", "the wall clock is stepped forward and back", faults::clock::run)),
];

/// Time that other candidates wait after the leader's last renewal, in tests that patch the configuration.
pub(crate) const LEASE: Duration = Duration::from_secs(20);
/// Maximum time until a candidate tries again.
pub(crate) const RETRY: Duration = Duration::from_secs(6);

/// Number of an agent's warnings that are printed when a test failed.
const SHOWN_WARNINGS: usize = 20;

/// Configuration of the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// `deploy/base`, unchanged: built-in components, and no ConfigMap with others.
    Shipped,
    /// `deploy/base` with the shipped components in a ConfigMap, a short interval and lease, enhanced metrics, and a second pipeline that writes raw counters.
    Quick,
    /// `deploy/base` with a short interval and the formatter `prometheus`, with the time of each tick.
    Dialect,
    /// `deploy/overlays/cluster-role` with a short interval and lease. Its two replicas may share the only node.
    TwoLeaders,
    /// `deploy/base` with a short interval and the hostile component in its chain, initially well-behaved.
    Reloading,
    /// Like `Reloading`, but the component fails on this text.
    Tripping(&'static str),
    /// `deploy/overlays/cloudwatch`, with all events also printed. The service is at this port of the node's loopback.
    Delivering(u16),
}

/// The state shared by tests.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) settings: Settings,
    profile: Option<Profile>,
    is_workload_up: bool,
}

impl Bench {
    /// Deploys workload and agent with this configuration if needed, and returns the DaemonSet's pod.
    pub(crate) fn agent(&mut self, profile: Profile) -> Result<AgentPod> {
        if !self.is_workload_up {
            workload::start(&self.settings)?;
        }
        self.deploy(profile)?;
        if !self.is_workload_up {
            workload::wait(&self.settings)?;
            self.is_workload_up = true;
        }
        agent::pod()
    }

    fn deploy(&mut self, profile: Profile) -> Result<()> {
        if self.profile == Some(profile) {
            return Ok(());
        }
        if self.profile == Some(Profile::TwoLeaders) {
            agent::remove(&self.settings)?;
        }
        self.profile = None;
        agent::deploy(&self.settings, &overlay(&self.settings, profile))?;
        self.profile = Some(profile);
        Ok(())
    }

    /// Prints the last warnings and errors of the agent's pods, which explain most failures.
    pub(crate) fn print_warnings(&self) {
        for component in [agent::Component::Node, agent::Component::Cluster, agent::Component::Fargate] {
            for pod in agent::pods(component).unwrap_or_default() {
                let Ok(output) = pod.output(&self.settings, 0) else { continue };
                let is_warning = |line: &&String| line.contains("\"WARN\"") || line.contains("\"ERROR\"");
                let warnings: Vec<&String> = output.log.iter().filter(is_warning).collect();
                for line in &warnings[warnings.len().saturating_sub(SHOWN_WARNINGS)..] {
                    println!("  {}: {line}", pod.name);
                }
            }
        }
    }

    /// Forgets the deployed configuration after the agent's pods were removed or changed; the next test deploys them again.
    pub(crate) fn forget(&mut self) {
        self.profile = None;
    }

    pub(crate) fn interval(&self) -> Duration {
        self.settings.interval()
    }
}

/// Runs all tests, or those whose names contain one of the texts (with `--without`, the others). Returns true if none
/// failed.
pub(crate) fn run(filters: &[String]) -> Result<bool> {
    let (without, filters) = match filters.split_first() {
        Some((first, rest)) if first == "--without" => (true, rest),
        _ => (false, filters),
    };
    let settings = Settings::read()?;
    let node = settings.node;
    let mut bench = Bench { settings, profile: None, is_workload_up: false };
    let tries = bench.settings.tries;
    let (mut passed, mut failed, mut again, mut skipped) = (0, Vec::new(), Vec::new(), 0);
    let begin = Instant::now();
    for test in TESTS {
        let is_named = filters.iter().any(|filter| test.name.contains(filter.as_str()));
        let is_wanted = filters.is_empty() || is_named != without;
        if !is_wanted || (node == NodeKind::V2 && !test.in_guest) {
            continue;
        }
        let start = Instant::now();
        let mut result = (test.run)(&mut bench);
        for _ in 1..tries {
            let Err(error) = &result else { break };
            println!("FAILED {}, tried again: {error:#} ({} s)", test.name, start.elapsed().as_secs());
            bench.print_warnings();
            again.push(test.name);
            result = (test.run)(&mut bench);
        }
        let took = start.elapsed().as_secs();
        match result {
            Ok(Verdict::Passed) => {
                passed += 1;
                println!("ok {} ({took} s)", test.name);
            }
            Ok(Verdict::Skipped(why)) => {
                skipped += 1;
                println!("SKIPPED {}: {why}", test.name);
            }
            Err(error) => {
                println!("FAILED {}: {error:#} ({took} s)", test.name);
                bench.print_warnings();
                failed.push(test.name);
            }
        }
    }
    let names =
        |names: &[&str]| if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
    println!(
        "node {}: {passed} passed, {} failed{}, {} tried again{}, {skipped} skipped; {} s",
        if node == NodeKind::V1 { "v1" } else { "v2" },
        failed.len(),
        names(&failed),
        again.len(),
        names(&again),
        begin.elapsed().as_secs()
    );
    Ok(failed.is_empty())
}

pub(crate) fn overlay(settings: &Settings, profile: Profile) -> Overlay {
    let seconds = settings.interval().as_secs();
    let chain = |scope: &str| {
        format!(
            "  - name: {scope}
    scope: {scope}
    transforms:
      - use: file:decorate
        config: {{enhanced: true}}
      - use: file:utilization
        config: {{enhanced: true}}
    outputs:
      - formatter: {{use: \"file:emf\", config: {{enhanced: true}}}}
        sink: stdout
"
        )
    };
    let raw = "  - name: figures
    scope: node
    transforms:
      - use: file:decorate
      - use: file:figures
        on_failure: drop
    outputs:
      - formatter: {use: \"file:emf\", config: {disable_metric_extraction: true}}
        sink: stdout
";
    let head = format!(
        "interval: {seconds}s\noffset: 0s\ntransforms_dir: /etc/insightd/transforms\n\
         leader: {{lease_duration: {}s, renew_deadline: 10s, retry_period: 2s}}\n",
        LEASE.as_secs()
    );
    let host = "host: {root: /rootfs}\n";
    match profile {
        Profile::Shipped => Overlay { resource: "base", ..Overlay::default() },
        Profile::Quick => {
            let config = format!("{head}{host}pipelines:\n{}{}{raw}", chain("node"), chain("cluster"));
            Overlay { resource: "base", configs: vec![("insightd-config", config)], ..Overlay::default() }
        }
        Profile::Dialect => {
            let config = format!(
                "{head}{host}pipelines:
  - name: dialect
    transforms:
      - use: file:decorate
        config: {{identify_all: true}}
    outputs:
      - formatter: {{use: \"file:prometheus\", config: {{timestamps: true}}}}
        sink: stdout
"
            );
            Overlay { resource: "base", configs: vec![("insightd-config", config)], ..Overlay::default() }
        }
        Profile::TwoLeaders => {
            let node = format!("{head}{host}role: node\npipelines:\n{}", chain("node"));
            let cluster = format!(
                "{head}role: cluster\noperations: {{listen: \"0.0.0.0:9464\"}}\npipelines:\n{}",
                chain("cluster")
            );
            Overlay {
                resource: "overlays/cluster-role",
                configs: vec![("insightd-config", node), ("insightd-cluster-config", cluster)],
                // There is only one node.
                patches:
                    "  - target: {kind: Deployment, name: insightd-cluster}\n    patch: |\n      - {op: remove, path: /spec/template/spec/affinity}\n"
                        .to_owned(),
                ..Overlay::default()
            }
        }
        Profile::Reloading => reloading(settings, "first", "none"),
        Profile::Tripping(text) => reloading(settings, "tripping", &format!("trip over {text}")),
        Profile::Delivering(port) => {
            let sinks = format!(
                "aws: {{region: eu-central-1}}\ninstance: {{enabled: false}}\nsinks:\n  cloudwatch:\n    type: cloudwatch_logs\n    \
                 endpoint_url: http://127.0.0.1:{port}\n    spool: {{dir: /var/lib/insightd}}\n"
            );
            let both = |scope: &str| {
                format!(
                    "{}      - formatter: {{use: \"file:emf\", config: {{enhanced: true}}}}\n        sink: cloudwatch\n",
                    chain(scope)
                )
            };
            let config = format!("{head}{host}{sinks}pipelines:\n{}{}", both("node"), both("cluster"));
            Overlay {
                resource: "overlays/cloudwatch",
                configs: vec![("insightd-config", config)],
                environment: &["AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test"],
                ..Overlay::default()
            }
        }
    }
}

/// Returns the base with a component that has a habit. `version` is the namespace of all metrics.
pub(crate) fn reloading(settings: &Settings, version: &str, habit: &str) -> Overlay {
    let config = format!(
        "interval: {}s\noffset: 0s\ntransforms_dir: /etc/insightd/transforms\nhost: {{root: /rootfs}}\ninstance: {{enabled: false}}\n\
         rollout: {{trial_ticks: 10}}\npipelines:\n  - name: node\n    transforms:\n      - use: file:decorate\n      \
         - use: file:hostile\n        config: {{habit: {habit:?}}}\n      - use: file:utilization\n    outputs:\n      \
         - formatter: {{use: \"file:emf\", config: {{namespace: {version}}}}}\n        sink: stdout\n",
        settings.interval().as_secs()
    );
    Overlay { resource: "base", configs: vec![("insightd-config", config)], ..Overlay::default() }
}

/// Deletes the only DaemonSet of the namespace, and with it the agent's pod.
pub(crate) fn delete_daemonset() -> Result<()> {
    crate::cluster::kubectl(&[
        "-n",
        NAMESPACE,
        "delete",
        "daemonset",
        "insightd",
        "--wait",
        "--cascade=foreground",
    ])
    .map(|_| ())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn scope_tsv_has_a_row_for_each_test_of_each_node() {
        let rows = include_str!("../../scope.tsv").lines().map(|row| {
            let cells: Vec<&str> = row.split('\t').collect();
            assert_eq!(cells.len(), 3, "{row}");
            (cells[0], cells[1])
        });
        let on = |node| {
            TESTS.iter().filter(move |test| node == "v1" || test.in_guest).map(move |test| (node, test.name))
        };
        let rows = rows.filter(|(node, _)| !matches!(*node, "helm" | "receivers" | "browser"));
        assert_eq!(rows.collect::<BTreeSet<_>>(), on("v1").chain(on("v2")).collect());
    }

    #[test]
    fn paths_of_scope_tsv_exist() {
        let top = concat!(env!("CARGO_MANIFEST_DIR"), "/../../..");
        for row in include_str!("../../scope.tsv").lines() {
            for path in row.rsplit('\t').next().unwrap().split_whitespace() {
                assert!(std::path::Path::new(top).join(path).exists(), "{path}");
            }
        }
    }
}
