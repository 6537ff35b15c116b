//! The configuration: one YAML file, all keys optional.
//!
//! The file is read into a tree with positions ([`yaml`]); the tree is read key by key into [`Config`], which
//! holds only values that are possible. Every problem is found in one go and reported with its line.
//! Precedence: command line, file, environment, default. `deploy/insightd.yaml` documents every key.

mod environment;
mod pipelines;
mod reader;
mod report;
mod sinks;
mod values;
pub mod yaml;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use environment::Environment;
pub use pipelines::{Component, OnFailure, Origin, Output, Pipeline, Scope, Settings, Stage};
pub use report::{Problem, Report};
pub use sinks::{FileSink, Sink, SinkKind, Sync, When};
pub use values::Sha256;

use reader::{Problems, Section, flag, integer, one_of};

/// Shortest interval: below it the clock of most counters (10 ms) shows in the rates.
const MIN_INTERVAL: Duration = Duration::from_millis(100);

/// Longest interval: what is slower is no monitoring, and a mistyped unit.
const MAX_INTERVAL: Duration = Duration::from_secs(3600);

/// What the agent does. Values are checked; nothing that reads them checks again.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Time between two ticks.
    pub interval: Duration,
    /// The agent's own log.
    pub log: Log,
    /// Where the host is seen.
    pub host: Host,
    /// What this node is.
    pub node: Node,
    /// Folder of `file:` components.
    pub transforms_dir: Option<PathBuf>,
    /// The compiler; beside the agent's own program where absent.
    pub compiler: Option<PathBuf>,
    /// Bounds of every call of a component.
    pub limits: Limits,
    /// Where events end up; `stdout` is always among them.
    pub sinks: Vec<Sink>,
    /// What runs.
    pub pipelines: Vec<Pipeline>,
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
            transforms_dir: None,
            compiler: None,
            limits: Limits {
                memory_bytes: 32 << 20,
                cpu_time: Duration::from_secs(1),
                wall_time: Duration::from_secs(30),
                failures: 3,
            },
            sinks: vec![sinks::stdout()],
            pipelines: vec![Pipeline::node()],
        }
    }
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// Everything that is wrong with it, or why it cannot be read.
    pub fn load(path: &Path, environment: &Environment) -> Result<Self, Report> {
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, Some(&file), environment),
            Err(error) => {
                let problem =
                    Problem { at: None, path: String::new(), message: format!("cannot be read: {error}") };
                Err(Report { file: Some(file), problems: vec![problem] })
            }
        }
    }

    /// Reads the text of a file; `file` is its name in messages. Empty text gives the defaults.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(text: &str, file: Option<&str>, environment: &Environment) -> Result<Self, Report> {
        Self::parse_with(text, file, environment).0
    }

    /// Also returns the keys that the text does not have.
    fn parse_with(
        text: &str,
        file: Option<&str>,
        environment: &Environment,
    ) -> (Result<Self, Report>, Vec<String>) {
        let problems = Problems::default();
        let root = yaml::parse(text).unwrap_or_else(|error| {
            problems.add(Some(error.at), "", error.message);
            None
        });
        let config = read(&Section::root(root.as_ref(), &problems), &problems, environment);
        let absent = problems.absent();
        (problems.into_report(file).map_or(Ok(config), Err), absent)
    }
}

/// A time between two ticks.
///
/// # Errors
/// It is no duration, or one that makes no sense between ticks.
pub fn interval(text: &str) -> Result<Duration, String> {
    match values::duration(text)? {
        interval if interval < MIN_INTERVAL => Err("must be 100ms or more".into()),
        interval if interval > MAX_INTERVAL => Err("must be 1h or less".into()),
        interval => Ok(interval),
    }
}

fn read(root: &Section<'_>, problems: &Problems, environment: &Environment) -> Config {
    let default = Config::default();
    let interval = root.value("interval", interval);
    let log = read_log(&root.section("log"), default.log);
    let host = read_host(&root.section("host"), default.host);
    let node = read_node(&root.section("node"), default.node, environment);
    let transforms_dir = root.text("transforms_dir").map(PathBuf::from);
    let compiler = root.text("compiler").map(PathBuf::from);
    let limits = read_limits(&root.section("limits"), default.limits);
    let sinks = sinks::read(root);
    let names: Vec<&str> = sinks.iter().map(|sink| sink.name.as_str()).collect();
    let pipelines = pipelines::read(root, &names, problems);
    if transforms_dir.is_none() {
        for component in pipelines.iter().flat_map(Pipeline::components).filter(|c| c.origin == Origin::File)
        {
            let at = component.settings.at;
            problems.add(
                at,
                &component.path,
                format!("{component} needs `transforms_dir`, the folder it is in"),
            );
        }
    }
    root.finish();
    Config {
        interval: interval.unwrap_or(default.interval),
        log,
        host,
        node,
        transforms_dir,
        compiler,
        limits,
        sinks,
        pipelines,
    }
}

fn read_log(section: &Section<'_>, default: Log) -> Log {
    let level = section.value("level", |text| match text.parse::<tracing_subscriber::filter::Targets>() {
        Ok(_) if !text.is_empty() => Ok(text.to_string()),
        _ => {
            Err(format!("`{text}` is no level; write error, warn, info, debug or trace, or info,PART=debug"))
        }
    });
    let formats = [("auto", LogFormat::Auto), ("text", LogFormat::Text), ("json", LogFormat::Json)];
    let format = section.value("format", one_of(&formats));
    section.finish();
    Log { level: level.unwrap_or(default.level), format: format.unwrap_or(default.format) }
}

fn read_host(section: &Section<'_>, default: Host) -> Host {
    let root = section.text("root").map(PathBuf::from);
    let interface_exclude = section.texts("interface_exclude");
    let disk_exclude = section.texts("disk_exclude");
    let statfs_timeout = section.value("statfs_timeout", positive_duration);
    let pod_network = section.value("pod_network", flag);
    let max_cgroups = section.value("max_cgroups", |text| match integer(text)? {
        cgroups @ 1..=1_000_000 => Ok(cgroups as usize),
        _ => Err("must be from 1 to 1000000".to_string()),
    });
    section.finish();
    Host {
        root: root.unwrap_or(default.root),
        interface_exclude: interface_exclude.unwrap_or(default.interface_exclude),
        disk_exclude: disk_exclude.unwrap_or(default.disk_exclude),
        statfs_timeout: statfs_timeout.unwrap_or(default.statfs_timeout),
        pod_network: pod_network.unwrap_or(default.pod_network),
        max_cgroups: max_cgroups.unwrap_or(default.max_cgroups),
    }
}

fn read_node(section: &Section<'_>, default: Node, environment: &Environment) -> Node {
    let name = section.text("name").or_else(|| environment.node_name.clone());
    let cluster_name = section.text("cluster_name").or_else(|| environment.cluster_name.clone());
    let words =
        [("eks", Orchestrator::Eks), ("kubernetes", Orchestrator::Kubernetes), ("ecs", Orchestrator::Ecs)];
    let orchestrator = section.value("orchestrator", one_of(&words)).unwrap_or(default.orchestrator);
    let below = section.section("instance");
    let instance = Instance {
        id: below.text("id"),
        kind: below.text("type"),
        autoscaling_group: below.text("autoscaling_group"),
        container_instance_id: below.text("container_instance_id"),
    };
    below.finish();
    section.finish();
    Node { name, cluster_name, orchestrator, instance }
}

fn positive_duration(text: &str) -> Result<Duration, String> {
    match values::duration(text)? {
        Duration::ZERO => Err("must be more than 0ms".into()),
        time => Ok(time),
    }
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).into()).collect()
}

fn read_limits(section: &Section<'_>, default: Limits) -> Limits {
    let memory = section.value("memory", |text| match values::size(text)? {
        bytes if (1 << 20..=4 << 30).contains(&bytes) => Ok(bytes),
        _ => Err("must be from 1MiB to 4GiB".to_string()),
    });
    let cpu_time = section.value("cpu_time", positive_duration);
    let wall_time = section.value("wall_time", positive_duration);
    let failures = section.value("failures", |text| match integer(text)? {
        failures @ 1..=1000 => Ok(failures as u32),
        _ => Err("must be from 1 to 1000".to_string()),
    });
    section.finish();
    Limits {
        memory_bytes: memory.unwrap_or(default.memory_bytes),
        cpu_time: cpu_time.unwrap_or(default.cpu_time),
        wall_time: wall_time.unwrap_or(default.wall_time),
        failures: failures.unwrap_or(default.failures),
    }
}

#[cfg(test)]
mod tests;
