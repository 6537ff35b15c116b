//! The configuration: one YAML file, all keys optional.
//!
//! The file is parsed into a tree with positions ([`insightd_yaml`]), which is read key by key into [`Config`]. Every
//! value of a [`Config`] is valid. All problems are collected and reported together, each with its line. Precedence:
//! command line, file, environment, default. `deploy/insightd.yaml` documents every key.

mod aws;
mod cloudwatch;
mod component;
mod ecs;
mod environment;
mod fargate;
mod file;
mod hidden;
mod identity;
mod kubernetes;
mod log_level;
mod operations;
mod pipelines;
mod prometheus;
mod push;
mod reader;
mod report;
mod rollout;
mod sections;
mod sinks;
mod spool;
mod substitute;
mod values;

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use aws::Discovery;
pub use cloudwatch::{CloudWatchSink, Create};
pub use ecs::Ecs;
pub use environment::{Environment, Variables};
pub use fargate::Fargate;
pub use file::MAX_BYTES as MAX_FILE_BYTES;
pub use kubernetes::{Api, Cluster, Kubelet, Leader, LockKind, Role};
pub use log_level::{LIBRARIES, log_level};
pub use operations::Operations;
pub use prometheus::PrometheusSink;
pub use push::{PushProtocol, PushSink, SigV4};
pub use report::Report;
pub use rollout::Rollout;
pub use sections::interval;
pub use sinks::{FileSink, Sink, SinkKind, Sync, When};
pub use spool::Spool;
pub use values::{duration, size};

use flate2::read::ZlibDecoder;
use insightd_aws::settings::AwsSettings;
use insightd_pipeline::{ComponentLimits, PipelineSpec, Problem};
use reader::{Problems, Section};

use crate::schedule::Rhythm;

/// The default configuration with a description of every key: a configuration file that changes nothing.
pub const DEFAULT: &str = include_str!("../../../deploy/insightd.yaml");

/// The JSON Schema of configuration files, compressed by the build script: 50 KB are much for what is printed once in a while.
const SCHEMA: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/schema.json.z"));

/// Returns the JSON Schema of configuration files, which a test makes of [`DEFAULT`] and the parser's errors.
///
/// # Errors
/// The program is damaged.
pub fn schema() -> io::Result<String> {
    let mut text = String::new();
    ZlibDecoder::new(SCHEMA).read_to_string(&mut text)?;
    Ok(text)
}

/// Name of standard input in messages about a configuration.
pub const STDIN: &str = "<stdin>";

/// The agent's configuration. Values are validated; code that reads them does not check again.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Time between two ticks.
    pub interval: Duration,
    /// Time from each multiple of the interval to its tick; [`Rhythm::default_offset`] if absent.
    pub offset: Option<Duration>,
    /// The part of the work that this agent does.
    pub role: Role,
    /// The agent's own log.
    pub log: Log,
    /// Location of the host's file systems, and bounds of its collection.
    pub host: Host,
    /// Identity of this node.
    pub node: Node,
    /// Settings that every AWS client starts from.
    pub aws: AwsSettings,
    /// Settings for the discovery of the machine.
    pub instance: Discovery,
    /// Access to the kubelet of this node.
    pub kubelet: Kubelet,
    /// Access to the agent of ECS on this instance.
    pub ecs: Ecs,
    /// Access to the API server.
    pub api: Api,
    /// Cluster data that the elected agent reads.
    pub cluster: Cluster,
    /// The leader election.
    pub leader: Leader,
    /// The nodes of EKS Fargate.
    pub fargate: Fargate,
    /// The operations server.
    pub operations: Operations,
    /// Directory of `file:` components.
    pub transforms_dir: Option<PathBuf>,
    /// Directory of state that survives a restart: the last good bundle and the state of transforms.
    pub state_dir: Option<PathBuf>,
    /// Rollout of new pipelines and components while the agent runs.
    pub rollout: Rollout,
    /// The component compiler; the one beside the agent's executable if absent.
    pub compiler: Option<PathBuf>,
    /// Bounds of every call of a component.
    pub limits: ComponentLimits,
    /// Destinations of events; always contains `stdout`.
    pub sinks: Vec<Sink>,
    /// The pipelines.
    pub pipelines: Vec<PipelineSpec>,
    /// Names of the environment variables that values refer to.
    pub variables: Vec<String>,
    /// Settings that are valid but probably not intended, for `check` and the start-up log.
    pub warnings: Warnings,
}

/// Warnings about a configuration. They do not take part in comparisons of configurations.
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
    /// Log filter, such as `info` or `info,insightd_collect=debug`.
    pub level: String,
    /// Output format.
    pub format: LogFormat,
}

/// Output format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// Text, one line a message.
    Text,
    /// JSON, one object a line.
    Json,
}

/// Location of the host's file systems, and bounds of its collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Root of the host's file system: `/`, `/rootfs` in a container, or a recording.
    pub root: PathBuf,
    /// Excluded network interfaces; a trailing `*` matches any suffix.
    pub interface_exclude: Vec<String>,
    /// Excluded block devices; a trailing `*` matches any suffix.
    pub disk_exclude: Vec<String>,
    /// Longest time for `statfs` of all file systems together.
    pub statfs_timeout: Duration,
    /// `true` to read the network interfaces of pods.
    pub pod_network: bool,
    /// Most cgroups of pods and containers that are read.
    pub max_cgroups: usize,
}

/// Identity of this node, as far as it is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Node name; the host name if absent.
    pub name: Option<String>,
    /// Name of the cluster that the node belongs to.
    pub cluster_name: Option<String>,
    /// The container orchestrator.
    pub orchestrator: Orchestrator,
    /// The machine.
    pub instance: Instance,
}

/// The container orchestrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Orchestrator {
    /// The one that is detected at start.
    Auto,
    /// Amazon EKS.
    Eks,
    /// Any other Kubernetes.
    Kubernetes,
    /// Amazon ECS.
    Ecs,
    /// None: a host by itself.
    Host,
}

/// Identity of the machine, as far as it is configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instance {
    /// Instance ID, such as `i-0123456789abcdef0`.
    pub id: Option<String>,
    /// Instance type, such as `m5.large`.
    pub kind: Option<String>,
    /// Name of the Auto Scaling group.
    pub autoscaling_group: Option<String>,
    /// ID of the ECS container instance.
    pub container_instance_id: Option<String>,
}

impl Orchestrator {
    /// Returns the value of the configuration, which batches carry.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Eks => "eks",
            Self::Kubernetes => "kubernetes",
            Self::Ecs => "ecs",
            Self::Host => "host",
        }
    }

    /// Returns true if nodes have a kubelet and an API server.
    pub fn is_kubernetes(self) -> bool {
        matches!(self, Self::Eks | Self::Kubernetes)
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
                orchestrator: Orchestrator::Auto,
                instance: Instance::default(),
            },
            aws: aws::defaults(),
            instance: Discovery::default(),
            kubelet: Kubelet::default(),
            ecs: Ecs::default(),
            api: Api::default(),
            cluster: Cluster::default(),
            leader: Leader::default(),
            fargate: Fargate::default(),
            operations: Operations::default(),
            transforms_dir: None,
            state_dir: None,
            rollout: Rollout::default(),
            compiler: None,
            limits: ComponentLimits {
                memory_bytes: 32 << 20,
                cpu_time: Duration::from_secs(1),
                wall_time: Duration::from_secs(30),
                failures: 3,
            },
            sinks: vec![sinks::stdout()],
            pipelines: pipelines::defaults(),
            variables: Vec::new(),
            warnings: Warnings::default(),
        }
    }
}

impl Config {
    /// Returns the schedule of ticks.
    pub fn rhythm(&self) -> Rhythm {
        let offset = self.offset.unwrap_or_else(|| Rhythm::default_offset(self.interval));
        Rhythm { interval: self.interval, offset }
    }

    /// Loads a configuration file.
    ///
    /// # Errors
    /// Returns every problem of the file, or the reason that it cannot be read.
    pub fn load(path: &Path, environment: &Environment) -> Result<Self, Report> {
        Ok(Self::read(path, environment)?.1)
    }

    /// Loads a configuration file, and returns its text as well.
    ///
    /// # Errors
    /// Fails as [`load`](Self::load) does.
    pub fn read(path: &Path, environment: &Environment) -> Result<(String, Self), Report> {
        let text = Self::read_text(path)?;
        let config = Self::parse(&text, Some(&path.display().to_string()), environment)?;
        Ok((text, config))
    }

    /// Returns the configuration of an agent without a file, and its text: that in the variable `INSIGHTD_CONFIG_CONTENT`,
    /// else the defaults.
    ///
    /// # Errors
    /// Returns every problem of the text.
    pub fn without_file(environment: &Environment) -> Result<(String, Self), Report> {
        match environment.variables.get(environment::CONFIG_CONTENT) {
            Some(text) => {
                Ok((text.into(), Self::parse(text, Some(environment::CONFIG_CONTENT), environment)?))
            }
            None => Ok((String::new(), Self::parse("", None, environment)?)),
        }
    }

    /// Reads the text of a configuration file.
    ///
    /// # Errors
    /// Fails if the file cannot be read, is not a regular file, is larger than [`MAX_FILE_BYTES`], or is not UTF-8 text.
    pub fn read_text(path: &Path) -> Result<String, Report> {
        file::read(path).map_err(|problem| Report::new(Some(path.display().to_string()), vec![problem]))
    }

    /// Reads the text of a configuration file from standard input.
    ///
    /// # Errors
    /// Fails as [`read_text`](Self::read_text) does.
    pub fn read_stdin() -> Result<String, Report> {
        file::read_from(std::io::stdin().lock())
            .map_err(|problem| Report::new(Some(STDIN.into()), vec![problem]))
    }

    /// Replaces the level of the log by one of the command line, which [`log_level()`] has validated.
    pub fn set_log_level(&mut self, text: &str) {
        let Ok(level) = log_level::parse(text) else { return };
        let warning = |message| Problem { at: None, path: "--log-level".into(), message };
        self.warnings.0.extend(level.remarks().into_iter().map(warning));
        self.log.level = level.targets;
    }

    /// Parses the text of a configuration file; `file` is its name in messages. Empty text gives the defaults.
    ///
    /// # Errors
    /// Returns every problem of the text.
    pub fn parse(text: &str, file: Option<&str>, environment: &Environment) -> Result<Self, Report> {
        Self::parse_with(text, file, environment).0
    }

    /// Parses as much of the text as is valid: invalid values get their defaults or are left out, and are in the report.
    pub fn parse_in_part(text: &str, environment: &Environment) -> (Self, Option<Report>) {
        let (config, report, _) = Self::parse_all(text, None, environment);
        (config, report)
    }

    /// Parses the text, and also returns the keys that it lacks.
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
        let substituted =
            root.as_mut().map(|root| substitute::substitute(root, &environment.variables, &problems));
        let mut config = sections::read(&Section::root(root.as_ref(), &problems), &problems, environment);
        config.variables = substituted.unwrap_or_default();
        let absent = problems.absent();
        (config, problems.into_report(file), absent)
    }
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).into()).collect()
}

#[cfg(test)]
mod tests;
