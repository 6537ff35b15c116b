//! Reading of the sections of the file: defaults and bounds of each key.

use std::path::PathBuf;
use std::time::Duration;

use insightd_pipeline::{ComponentLimits, Origin, PipelineSpec};

use super::reader::{Problems, Section, flag, integer, one_of};
use super::{Config, Environment, Host, Instance, Log, LogFormat, Node, Orchestrator, Warnings};
use super::{
    aws, ecs, fargate, identity, kubernetes, log_level, operations, pipelines, rollout, sinks, values,
};

/// Shortest interval: below it the 10 ms resolution of most counters shows in the rates.
const MIN_INTERVAL: Duration = Duration::from_millis(100);

/// Longest interval: a longer one is useless for monitoring, and probably a wrong unit.
const MAX_INTERVAL: Duration = Duration::from_secs(3600);

/// Parses the time between two ticks.
///
/// # Errors
/// Fails if the text is not a duration, or is less than 100ms or more than 1h.
pub fn interval(text: &str) -> Result<Duration, String> {
    match values::duration(text)? {
        interval if interval < MIN_INTERVAL => Err("must be 100ms or more".into()),
        interval if interval > MAX_INTERVAL => Err("must be 1h or less".into()),
        interval => Ok(interval),
    }
}

/// Reads the whole file; absent keys get their defaults.
pub(super) fn read(root: &Section<'_>, problems: &Problems, environment: &Environment) -> Config {
    let default = Config::default();
    let interval = root.value("interval", interval).unwrap_or(default.interval);
    let offset = root.value("offset", values::duration).filter(|offset| {
        let is_within = *offset < interval;
        if !is_within {
            root.problem("offset", "must be less than `interval`");
        }
        is_within
    });
    let role = root.value("role", kubernetes::role).unwrap_or(default.role);
    let log = read_log(&root.section("log"), default.log);
    let host = read_host(&root.section("host"), default.host);
    let node = read_node(&root.section("node"), default.node, environment, problems);
    let aws = aws::read_aws(&root.section("aws"));
    let instance = aws::read_instance(&root.section("instance"));
    let kubelet = kubernetes::read_kubelet(&root.section("kubelet"), environment);
    let ecs = ecs::read(&root.section("ecs"));
    let api = kubernetes::read_api(&root.section("api"));
    let cluster = kubernetes::read_cluster(&root.section("cluster"));
    let leader = kubernetes::read_leader(&root.section("leader"), environment);
    let fargate = fargate::read(&root.section("fargate"));
    let operations = operations::read(&root.section("operations"));
    let transforms_dir = root.text("transforms_dir").map(PathBuf::from);
    let state_dir = root.text("state_dir").map(PathBuf::from);
    warn_if_relative(root, "state_dir");
    let rollout = rollout::read(&root.section("rollout"));
    let compiler = root.text("compiler").map(PathBuf::from);
    let limits = read_limits(&root.section("limits"), default.limits);
    let sinks = sinks::read(root, interval, &operations);
    let pipelines = pipelines::read(root, &sinks, problems);
    if transforms_dir.is_none() {
        let components = || pipelines.iter().flat_map(PipelineSpec::components);
        let needs = |what: &dyn std::fmt::Display| format!("{what} requires `transforms_dir`");
        for component in components().filter(|component| component.origin == Origin::File) {
            problems.add(component.config.at, &component.path, needs(component));
        }
        for text in components().flat_map(|component| &component.texts) {
            problems.add(Some(text.at), &text.path, needs(&text.name));
        }
    }
    root.finish();
    Config {
        interval,
        offset,
        role,
        log,
        host,
        node,
        aws,
        instance,
        kubelet,
        ecs,
        api,
        cluster,
        leader,
        fargate,
        operations,
        transforms_dir,
        state_dir,
        rollout,
        compiler,
        limits,
        sinks,
        pipelines,
        variables: Vec::new(),
        warnings: Warnings(problems.take_warnings()),
    }
}

/// Warns if a directory of persistent data is relative, since it then depends on the working directory of the agent.
pub(super) fn warn_if_relative(section: &Section<'_>, key: &'static str) {
    if section.text(key).is_some_and(|path| !path.starts_with('/')) {
        section.warn(key, "relative path: it depends on the agent's working directory; use an absolute path");
    }
}

fn read_log(section: &Section<'_>, default: Log) -> Log {
    let level = section.value("level", |text| {
        let level = log_level::parse(text)?;
        for remark in level.remarks() {
            section.warn("level", remark);
        }
        Ok(level.targets)
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

fn read_node(section: &Section<'_>, default: Node, environment: &Environment, problems: &Problems) -> Node {
    let name = ("K8S_NODE_NAME", environment.node_name.as_deref());
    let name = identity::read(section, "name", name, problems);
    let cluster_name = ("K8S_CLUSTER_NAME", environment.cluster_name.as_deref());
    let cluster_name = identity::read(section, "cluster_name", cluster_name, problems);
    const ALL: [Orchestrator; 5] = [
        Orchestrator::Auto,
        Orchestrator::Eks,
        Orchestrator::Kubernetes,
        Orchestrator::Ecs,
        Orchestrator::Host,
    ];
    let names = ALL.map(|orchestrator| (orchestrator.as_str(), orchestrator));
    let orchestrator = section.value("orchestrator", one_of(&names)).unwrap_or(default.orchestrator);
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

fn read_limits(section: &Section<'_>, default: ComponentLimits) -> ComponentLimits {
    let memory = section.value("memory", |text| match values::size(text)? {
        bytes if (1 << 20..=4 << 30).contains(&bytes) => Ok(bytes),
        _ => Err("must be from 1MiB to 4GiB".to_string()),
    });
    let within = |most: Duration, written: &'static str| {
        move |text: &str| match positive_duration(text)? {
            time if time > most => Err(format!("must be {written} or less: a tick waits for every call")),
            time => Ok(time),
        }
    };
    let cpu_time = section.value("cpu_time", within(Duration::from_secs(60), "60s"));
    let wall_time = section.value("wall_time", within(Duration::from_secs(600), "10m"));
    let failures = section.value("failures", |text| match integer(text)? {
        failures @ 1..=1000 => Ok(failures as u32),
        _ => Err("must be from 1 to 1000".to_string()),
    });
    section.finish();
    ComponentLimits {
        memory_bytes: memory.unwrap_or(default.memory_bytes),
        cpu_time: cpu_time.unwrap_or(default.cpu_time),
        wall_time: wall_time.unwrap_or(default.wall_time),
        failures: failures.unwrap_or(default.failures),
    }
}
