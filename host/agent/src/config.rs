//! The configuration: one YAML file, all keys optional.
//!
//! The file is read into a tree with positions ([`insightd_yaml`]); the tree is read key by key into [`Config`], which
//! holds only values that are possible. Every problem is found in one go and reported with its line.
//! Precedence: command line, file, environment, default. `deploy/insightd.yaml` documents every key.

mod aws;
mod cloudwatch;
mod component;
mod environment;
mod file;
mod identity;
mod kubernetes;
mod log_level;
mod operations;
mod pipelines;
mod reader;
mod report;
mod rollout;
mod sections;
mod sinks;
mod values;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use aws::Discovery;
pub use cloudwatch::{CloudWatchSink, Create, Spool};
pub use component::{Component, Origin, Settings, TextFile};
pub use environment::Environment;
pub use file::MAX_BYTES as MAX_FILE_BYTES;
pub use kubernetes::{Api, Cluster, Kubelet, Leader, LockKind, Role};
pub use operations::Operations;
pub use pipelines::{OnFailure, Output, Pipeline, Scope, Stage};
pub use report::{MAX_PROBLEMS, Problem, Report};
pub use rollout::{Bounds, Rollout};
pub use sections::interval;
pub use sinks::{FileSink, Sink, SinkKind, Sync, When};
pub use values::{Sha256, duration, size};

use crate::schedule::Rhythm;
use insightd_aws::sdk::AwsSettings;
use reader::{Problems, Section};

/// What the agent does. Values are checked; nothing that reads them checks again.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Time between two ticks.
    pub interval: Duration,
    /// From each multiple of the interval to its tick; where absent, as [`Rhythm::default_offset`] says.
    pub offset: Option<Duration>,
    /// Which part of the work this agent does.
    pub role: Role,
    /// The agent's own log.
    pub log: Log,
    /// Where the host is seen.
    pub host: Host,
    /// What this node is.
    pub node: Node,
    /// How AWS is asked: what every client of it begins with.
    pub aws: AwsSettings,
    /// What is asked about the machine.
    pub instance: Discovery,
    /// The kubelet of this node.
    pub kubelet: Kubelet,
    /// The API server.
    pub api: Api,
    /// What the elected agent reads of the cluster.
    pub cluster: Cluster,
    /// The election.
    pub leader: Leader,
    /// How the agent can be asked about itself.
    pub operations: Operations,
    /// Folder of `file:` components.
    pub transforms_dir: Option<PathBuf>,
    /// Folder for what outlives a restart: the last good set, and what transforms remember.
    pub state_dir: Option<PathBuf>,
    /// How new pipelines and components come to run while the agent runs.
    pub rollout: Rollout,
    /// The compiler; beside the agent's own program where absent.
    pub compiler: Option<PathBuf>,
    /// Bounds of every call of a component.
    pub limits: Limits,
    /// Where events end up; `stdout` is always among them.
    pub sinks: Vec<Sink>,
    /// What runs.
    pub pipelines: Vec<Pipeline>,
    /// What is possible, and hardly meant: for `check` and the log of an agent that starts.
    pub warnings: Warnings,
}

/// Remarks on a configuration. They are no part of what it says: with others it is still the same one.
#[derive(Clone, Debug, Default)]
pub struct Warnings(pub Vec<Problem>);

impl PartialEq for Warnings {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// The agent's own log, on standard error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// `info`, or `info,insightd_collect=debug`.
    pub level: String,
    /// In which form.
    pub format: LogFormat,
}

/// Form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// One line of text.
    Text,
    /// One JSON object a line.
    Json,
}

/// Where the host is seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// The root of its file system: `/`, `/rootfs` in a container, or a recording.
    pub root: PathBuf,
    /// Network interfaces that are left out; a trailing `*` stands for any rest.
    pub interface_exclude: Vec<String>,
    /// Block devices that are left out; likewise.
    pub disk_exclude: Vec<String>,
    /// How long all file systems together may take to say how full they are.
    pub statfs_timeout: Duration,
    /// Whether the interfaces of pods are read.
    pub pod_network: bool,
    /// Most cgroups of pods and containers that are read.
    pub max_cgroups: usize,
}

/// What this node is, where the agent is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name; the host's name where absent.
    pub name: Option<String>,
    /// The cluster it belongs to.
    pub cluster_name: Option<String>,
    /// What runs the containers.
    pub orchestrator: Orchestrator,
    /// The machine.
    pub instance: Instance,
}

/// What runs the containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Orchestrator {
    /// Amazon EKS.
    Eks,
    /// Any other Kubernetes.
    Kubernetes,
    /// Amazon ECS.
    Ecs,
}

/// The machine, where the agent is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instance {
    /// Such as `i-0123456789abcdef0`.
    pub id: Option<String>,
    /// Such as `m5.large`.
    pub kind: Option<String>,
    /// Name of its group.
    pub autoscaling_group: Option<String>,
    /// Id of the ECS container instance.
    pub container_instance_id: Option<String>,
}

/// Bounds of every call of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most memory of one instance, bytes.
    pub memory_bytes: u64,
    /// Most CPU time of one call.
    pub cpu_time: Duration,
    /// Most time of one call on the clock: a backstop, far above what a throttled node needs.
    pub wall_time: Duration,
    /// After so many failures in a row another version takes over.
    pub failures: u32,
}

impl Orchestrator {
    /// As the batch says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Eks => "eks",
            Self::Kubernetes => "kubernetes",
            Self::Ecs => "ecs",
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(60),
            offset: None,
            role: Role::All,
            log: Log { level: "info".into(), format: LogFormat::Auto },
            host: Host {
                root: "/".into(),
                interface_exclude: texts(&["lo", "veth*", "docker*", "nerdctl*"]),
                disk_exclude: texts(&["loop*", "ram*", "sr*"]),
                statfs_timeout: Duration::from_secs(2),
                pod_network: true,
                max_cgroups: 20_000,
            },
            node: Node {
                name: None,
                cluster_name: None,
                orchestrator: Orchestrator::Eks,
                instance: Instance::default(),
            },
            aws: aws::defaults(),
            instance: Discovery::default(),
            kubelet: Kubelet::default(),
            api: Api::default(),
            cluster: Cluster::default(),
            leader: Leader::default(),
            operations: Operations::default(),
            transforms_dir: None,
            state_dir: None,
            rollout: Rollout::default(),
            compiler: None,
            limits: Limits {
                memory_bytes: 32 << 20,
                cpu_time: Duration::from_secs(1),
                wall_time: Duration::from_secs(30),
                failures: 3,
            },
            sinks: vec![sinks::stdout()],
            pipelines: Pipeline::defaults(),
            warnings: Warnings::default(),
        }
    }
}

impl Config {
    /// When ticks are.
    pub fn rhythm(&self) -> Rhythm {
        let offset = self.offset.unwrap_or_else(|| Rhythm::default_offset(self.interval));
        Rhythm { interval: self.interval, offset }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// Everything that is wrong with it, or why it cannot be read.
    pub fn load(path: &Path, environment: &Environment) -> Result<Self, Report> {
        Ok(Self::read(path, environment)?.1)
    }

    /// Reads a file; gives its text as well.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn read(path: &Path, environment: &Environment) -> Result<(String, Self), Report> {
        let text = Self::read_text(path)?;
        let config = Self::parse(&text, Some(&path.display().to_string()), environment)?;
        Ok((text, config))
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// It cannot be read, is larger than any configuration, or is no UTF-8 text.
    pub fn read_text(path: &Path) -> Result<String, Report> {
        file::read(path).map_err(|problem| Report::new(Some(path.display().to_string()), vec![problem]))
    }

    /// Reads the text of a file; `file` is its name in messages. Empty text gives the defaults.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(text: &str, file: Option<&str>, environment: &Environment) -> Result<Self, Report> {
        Self::parse_with(text, file, environment).0
    }

    /// Reads the text of a file as far as it goes: what is wrong has its default or is left out, and is in the report.
    pub fn parse_in_part(text: &str, environment: &Environment) -> (Self, Option<Report>) {
        let (config, report, _) = Self::parse_all(text, None, environment);
        (config, report)
    }

    /// Also returns the keys that the text does not have.
    fn parse_with(
        text: &str,
        file: Option<&str>,
        environment: &Environment,
    ) -> (Result<Self, Report>, Vec<String>) {
        let (config, report, absent) = Self::parse_all(text, file, environment);
        (report.map_or(Ok(config), Err), absent)
    }

    fn parse_all(
        text: &str,
        file: Option<&str>,
        environment: &Environment,
    ) -> (Self, Option<Report>, Vec<String>) {
        let problems = Problems::default();
        let mut root = insightd_yaml::parse(text).unwrap_or_else(|error| {
            problems.add(Some(error.at), "", error.message);
            None
        });
        let is_text = |node: &mut insightd_yaml::Node| {
            matches!(node.data, insightd_yaml::Data::Scalar { .. }) && !node.is_null()
        };
        if let Some(node) = root.take_if(is_text) {
            let hint = insightd_yaml::hint(text, node.at).map(|hint| format!("; {hint}")).unwrap_or_default();
            problems.add(Some(node.at), "", format!("expected a mapping, found {}{hint}", node.kind()));
        }
        let config = sections::read(&Section::root(root.as_ref(), &problems), &problems, environment);
        let absent = problems.absent();
        (config, problems.into_report(file), absent)
    }
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).into()).collect()
}

#[cfg(test)]
mod tests;
