//! The agent under test: deployed like by an operator, observed from outside.

use std::fs;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use insightd_tests::cadvisor::{self, Sample};
use insightd_tests::deploy::IMAGE_NAME;
use serde_json::Value;

use crate::cluster;
use crate::event::{Event, Output};
use crate::node;
use crate::settings::Settings;
use crate::wait::until;

/// Namespace that `deploy/` uses.
pub(crate) const NAMESPACE: &str = "amazon-cloudwatch";
/// Name of the cluster in every event.
pub(crate) const CLUSTER: &str = "node-tests";
/// Port of `/metrics` in the default configuration.
const OPERATIONS_PORT: u16 = 9464;

/// A component of the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Component {
    /// A pod of the DaemonSet.
    Node,
    /// A pod of the Deployment that watches the cluster.
    Cluster,
    /// A pod of the StatefulSet that reads Fargate nodes.
    Fargate,
}

impl Component {
    fn label(self) -> &'static str {
        match self {
            Self::Node => "app.kubernetes.io/name=insightd,app.kubernetes.io/component=node",
            Self::Cluster => "app.kubernetes.io/name=insightd,app.kubernetes.io/component=cluster",
            Self::Fargate => "app.kubernetes.io/name=insightd,app.kubernetes.io/component=fargate",
        }
    }
}

/// Changes of an operator's kustomization to `deploy/`. Namespace, image and cluster name are always set, and the DaemonSet's state is in the
/// node's own directory; configurations with `file:` components get the ConfigMap with the shipped ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overlay {
    /// The applied resource: `base`, or a directory of `overlays`.
    pub(crate) resource: &'static str,
    /// Replacements of `insightd.yaml` in ConfigMaps: (name of the generator's ConfigMap, text).
    pub(crate) configs: Vec<(&'static str, String)>,
    /// Files used instead of the default components: (name, file).
    pub(crate) components: Vec<(&'static str, PathBuf)>,
    /// Further environment variables of the agent.
    pub(crate) environment: &'static [&'static str],
    /// Further patches, as items of kustomize's list.
    pub(crate) patches: String,
}

/// A pod of the agent.
#[derive(Clone, Debug)]
pub(crate) struct AgentPod {
    pub(crate) name: String,
    pub(crate) uid: String,
    /// Id without the runtime's prefix; empty if there is no container yet.
    pub(crate) container_id: String,
    pub(crate) restarts: u64,
}

/// Applies an overlay of `deploy/` and waits until all pods are updated.
pub(crate) fn deploy(settings: &Settings, overlay: &Overlay) -> Result<()> {
    let before = list_workloads().unwrap_or_default();
    apply(settings, overlay)?;
    // Most of the configuration takes effect only at start-up.
    for workload in &before {
        cluster::kubectl(&["-n", NAMESPACE, "rollout", "restart", workload])?;
    }
    let limit = format!("--timeout={}s", 90 * settings.patience());
    for workload in list_workloads()? {
        cluster::kubectl(&["-n", NAMESPACE, "rollout", "status", &workload, &limit])
            .with_context(|| describe_failure().unwrap_or_default())?;
    }
    Ok(())
}

/// Applies an overlay of `deploy/` without restarts, so that running agents reload it.
pub(crate) fn apply(settings: &Settings, overlay: &Overlay) -> Result<()> {
    let directory = write_overlay(settings, overlay)?;
    let directory = directory.to_str().context("the path is not UTF-8")?;
    cluster::kubectl(&["apply", "--server-side", "--force-conflicts", "-k", directory]).map(|_| ())
}

fn list_workloads() -> Result<Vec<String>> {
    let names = cluster::kubectl(&["-n", NAMESPACE, "get", "daemonsets,deployments", "-o", "name"])?;
    Ok(names.lines().map(str::to_owned).collect())
}

/// Returns states and logs of the agent's pods, to explain why they do not become ready.
fn describe_failure() -> Result<String> {
    let mut text = String::new();
    for pod in cluster::list(&["-n", NAMESPACE, "pods"])? {
        let name = pod["metadata"]["name"].as_str().unwrap_or("").to_owned();
        let log = cluster::kubectl(&["-n", NAMESPACE, "logs", &name, "--tail=5"]).unwrap_or_default();
        let log: Vec<&str> = log.lines().filter(|line| Event::parse(line).is_none()).collect();
        text += &format!("\n{name}: {}: {}", pod["status"]["containerStatuses"][0]["state"], log.join("\n"));
    }
    Ok(text)
}

/// Writes the kustomization, with a copy of `deploy/` beside it: kustomize requires relative paths for bases.
fn write_overlay(settings: &Settings, overlay: &Overlay) -> Result<PathBuf> {
    let directory = settings.work.join("overlay");
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory)?;
    copy(&settings.deploy, &settings.work.join("deploy"))?;

    let (name, tag) = settings.image.rsplit_once(':').context("SUITE_IMAGE has no tag")?;
    let cluster_name = format!("K8S_CLUSTER_NAME={CLUSTER}");
    let has_files = overlay.configs.iter().any(|(_, config)| config.contains("file:"));
    let transforms = if has_files { ", ../deploy/transforms" } else { "" };
    let mut text = format!(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [../deploy/{}{transforms}]\n\
         components: [../deploy/components/namespace]\n\
         images: [{{name: {IMAGE_NAME}, newName: {name}, newTag: \"{tag}\"}}]\n\
         configMapGenerator:\n  - {{name: insightd-environment, namespace: {NAMESPACE}, behavior: merge, literals: [{}]}}\n",
        overlay.resource,
        [&[cluster_name.as_str()], overlay.environment].concat().join(", ")
    );
    for (index, (map, config)) in overlay.configs.iter().enumerate() {
        fs::write(directory.join(format!("config-{index}.yaml")), config)?;
        text += &format!(
            "  - {{name: {map}, namespace: {NAMESPACE}, behavior: merge, files: [insightd.yaml=config-{index}.yaml]}}\n"
        );
        let components = [
            ("figures", &settings.figures),
            ("hostile", &settings.hostile),
            ("prometheus", &settings.prometheus),
        ];
        for (name, file) in components {
            if config.contains(&format!("file:{name}")) {
                let file = overlay
                    .components
                    .iter()
                    .find(|(other, _)| *other == name)
                    .map_or(file, |(_, file)| file);
                fs::copy(file, directory.join(format!("{name}.wasm")))
                    .with_context(|| file.display().to_string())?;
                text += &format!(
                    "  - {{name: insightd-transforms, namespace: {NAMESPACE}, behavior: merge, files: [{name}.wasm]}}\n"
                );
            }
        }
    }
    // The machine's /var/lib/insightd may hold the state of another agent, whose last good bundle would run first.
    text += &format!(
        "patches:\n  - patch: |\n      apiVersion: apps/v1\n      kind: DaemonSet\n      \
         metadata: {{name: insightd, namespace: {NAMESPACE}}}\n      spec: {{template: {{spec: {{volumes: \
         [{{name: spool, hostPath: {{path: {}, type: DirectoryOrCreate}}}}]}}}}}}\n{}",
        settings.spool().display(),
        overlay.patches
    );
    fs::write(directory.join("kustomization.yaml"), text)?;
    Ok(directory)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let _ = fs::remove_dir_all(to);
    let status = Command::new("cp").arg("-rL").arg(from).arg(to).status()?;
    if !status.success() {
        bail!("cannot copy {}", from.display());
    }
    Ok(())
}

/// Removes the agent, and waits until it is gone.
pub(crate) fn remove(settings: &Settings) -> Result<()> {
    let directory = settings.work.join("overlay");
    let directory = directory.to_str().context("the path is not UTF-8")?;
    cluster::kubectl(&["delete", "--ignore-not-found", "--wait", "-k", directory]).map(|_| ())
}

/// Returns the component's pods that are not being deleted.
pub(crate) fn pods(component: Component) -> Result<Vec<AgentPod>> {
    let pods = cluster::list(&["-n", NAMESPACE, "pods", "-l", component.label()])?;
    let live = pods.iter().filter(|pod| pod["metadata"].get("deletionTimestamp").is_none());
    Ok(live.map(AgentPod::of).collect())
}

/// Returns the DaemonSet's pod on the only node.
pub(crate) fn pod() -> Result<AgentPod> {
    pods(Component::Node)?.pop().context("the DaemonSet has no pod")
}

impl AgentPod {
    fn of(pod: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
        let status = &pod["status"]["containerStatuses"][0];
        let id = text(&status["containerID"]);
        Self {
            name: text(&pod["metadata"]["name"]),
            uid: text(&pod["metadata"]["uid"]),
            container_id: id.rsplit('/').next().unwrap_or("").to_owned(),
            restarts: status["restartCount"].as_u64().unwrap_or(0),
        }
    }

    /// Returns all output of the pod, including containers from before a restart: events of ticks from `since_ms` on and log lines
    /// written since then. It reads the files on the node, so it works while the API server is down.
    pub(crate) fn output(&self, settings: &Settings, since_ms: u64) -> Result<Output> {
        self.logs(settings)?.read(since_ms)
    }

    /// Opens the pod's log files: they stay readable after the pod and its files are deleted.
    pub(crate) fn logs(&self, settings: &Settings) -> Result<Logs> {
        let directory =
            settings.node_run.join(format!("pod-logs/{NAMESPACE}_{}_{}/insightd", self.name, self.uid));
        let mut files: Vec<PathBuf> = fs::read_dir(&directory)
            .with_context(|| directory.display().to_string())?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()?;
        files.sort();
        let open =
            |path: PathBuf| Ok((fs::File::open(&path).with_context(|| path.display().to_string())?, path));
        Ok(Logs { files: files.into_iter().map(open).collect::<Result<_>>()? })
    }

    /// Waits until `count` ticks from `since_ms` on have an event of type `kind`.
    pub(crate) fn wait_for_ticks(
        &self,
        settings: &Settings,
        since_ms: u64,
        kind: &str,
        count: usize,
    ) -> Result<Output> {
        let limit = settings.interval() * (count as u32 + 5) + Duration::from_secs(20) * settings.patience();
        self.wait_for_ticks_within(settings, since_ms, kind, count, limit)
    }

    pub(crate) fn wait_for_ticks_within(
        &self,
        settings: &Settings,
        since_ms: u64,
        kind: &str,
        count: usize,
        limit: Duration,
    ) -> Result<Output> {
        until(limit, &format!("{count} ticks with {kind} of {}", self.name), || {
            let output = self.output(settings, since_ms)?;
            let mut times: Vec<u64> = output.of_type(kind).map(|event| event.time_ms).collect();
            times.dedup();
            Ok(if times.len() >= count { Ok(output) } else { Err(format!("{} ticks so far", times.len())) })
        })
    }

    /// Returns the samples of the pod's `/metrics`.
    pub(crate) fn metrics(&self) -> Result<Vec<Sample>> {
        let (status, body) = self.ask("/metrics")?;
        if status != 200 {
            bail!("/metrics of {} returned {status}", self.name);
        }
        Ok(cadvisor::parse(&body))
    }

    /// Sends a `GET` to the pod's operations port.
    pub(crate) fn ask(&self, path: &str) -> Result<(u16, String)> {
        let process = node::processes(&self.container_id)?;
        let pid = process.first().with_context(|| format!("{} has no process", self.name))?;
        node::get_inside(*pid, OPERATIONS_PORT, path)
    }
}

/// Open log files of one pod.
#[derive(Debug)]
pub(crate) struct Logs {
    files: Vec<(fs::File, PathBuf)>,
}

impl Logs {
    /// Reads their current content: events of ticks from `since_ms` on and log lines written since then.
    pub(crate) fn read(&mut self, since_ms: u64) -> Result<Output> {
        let mut output = Output::default();
        for (file, path) in &mut self.files {
            let mut text = Vec::new();
            file.rewind()?;
            file.read_to_end(&mut text).with_context(|| path.display().to_string())?;
            read_log(&String::from_utf8_lossy(&text), since_ms, &mut output);
        }
        Ok(output)
    }
}

/// Parses lines of the container runtime's log, `TIME STREAM P|F TEXT`; `P` marks a line that continues in the next one.
fn read_log(text: &str, since_ms: u64, output: &mut Output) {
    let mut line = String::new();
    for row in text.lines() {
        let mut parts = row.splitn(4, ' ');
        let (Some(time), Some(stream), Some(tag), Some(text)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        line.push_str(text);
        if tag.starts_with('P') {
            continue;
        }
        // An event is written after the time of its tick, so that a row from before `since_ms` holds none that is wanted.
        let is_recent = unix_ms(time).is_none_or(|written| written >= since_ms);
        if stream == "stdout" && line.starts_with("# HELP ") {
            // The family is one line, whose line ends are escaped.
            let samples = cadvisor::parse(&line.replace("\\n", "\n"));
            let is_wanted = |sample: &Sample| is_recent && sample.time_unix_ms >= Some(since_ms);
            output.samples.extend(samples.into_iter().filter(is_wanted));
        } else if stream == "stdout" {
            let event = is_recent.then(|| Event::parse(&line)).flatten();
            output.events.extend(event.filter(|event| event.time_ms >= since_ms));
        } else if is_recent {
            output.log.push(line.clone());
        }
        line.clear();
    }
}

/// Parses `2026-01-02T03:04:05.678901234Z` to milliseconds since the Unix epoch.
pub(crate) fn unix_ms(time: &str) -> Option<u64> {
    let number = |from: usize, to: usize| time.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    // Days since the epoch, in years that begin in March, so that the leap day is the last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    let seconds = days * 86_400 + number(11, 13)? * 3600 + number(14, 16)? * 60 + number(17, 19)?;
    let fraction = time.get(19..).and_then(|rest| rest.strip_prefix('.')).unwrap_or("");
    let digits: String =
        fraction.chars().take_while(char::is_ascii_digit).chain("000".chars()).take(3).collect();
    u64::try_from(seconds * 1000 + digits.parse::<i64>().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_the_runtime_writes_them() {
        assert_eq!(unix_ms("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(unix_ms("2024-02-29T12:00:00.5Z"), Some(1_709_208_000_500));
        assert_eq!(unix_ms("2026-11-21T14:02:03.123456789Z"), Some(1_795_269_723_123));
    }

    #[test]
    fn long_lines_come_in_parts() {
        let text = "2026-11-21T14:02:03.1Z stdout P {\"Type\":\"Node\",\n\
                    2026-11-21T14:02:03.1Z stdout F \"Timestamp\":\"1795269723000\"}\n\
                    2026-11-21T14:02:03.1Z stderr F a line of the log\n";
        let mut output = Output::default();
        read_log(text, 0, &mut output);
        assert_eq!(output.events.len(), 1);
        assert_eq!(output.log, ["a line of the log"]);
    }
}
