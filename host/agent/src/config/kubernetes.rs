//! `kubelet:`, `api:`, `cluster:` and `leader:` the remote endpoints of Kubernetes, and the leader election.

use std::path::PathBuf;
use std::time::Duration;

use super::environment::Environment;
use super::reader::{Section, flag, integer, one_of};
use super::values;

/// Directory in which Kubernetes mounts the credentials of a pod's service account.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Name of the lock that existing Container Insights agents use.
const LOCK_NAME: &str = "otel-container-insight-clusterleader";

/// The part of the work that an agent does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The node, and the cluster while elected.
    All,
    /// Only the node.
    Node,
    /// Only the cluster, while elected.
    Cluster,
    /// The ECS task that this agent is a container of.
    Task,
    /// The EKS Fargate nodes of the cluster, shared among the replicas of a StatefulSet.
    Fargate,
}

impl Role {
    /// Returns the value of the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Node => "node",
            Self::Cluster => "cluster",
            Self::Task => "task",
            Self::Fargate => "fargate",
        }
    }

    /// Returns true if the agent reads a node.
    pub fn has_node(self) -> bool {
        matches!(self, Self::All | Self::Node)
    }

    /// Returns true if the agent takes part in the leader election.
    pub fn has_cluster(self) -> bool {
        matches!(self, Self::All | Self::Cluster)
    }
}

/// Access to the kubelet of this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kubelet {
    /// `true` or `false` if configured; if absent, the kubelet is queried if its address is known.
    pub enabled: Option<bool>,
    /// Address, such as `https://10.0.0.7:10250`; derived from `HOST_IP` if absent.
    pub url: Option<String>,
    /// File of the bearer token, read again as it rotates.
    pub token_file: PathBuf,
    /// CA certificates in PEM form, one of which must have signed the kubelet's certificate.
    pub ca_files: Vec<PathBuf>,
    /// Name that the kubelet's certificate must have, if it is not the address.
    pub server_name: Option<String>,
    /// `true` to accept any certificate.
    pub insecure: bool,
    /// Timeout of one response.
    pub timeout: Duration,
    /// `true` to request `/stats/summary` in addition to `/pods`.
    pub summary: bool,
    /// Annotations of pods that are collected, by full key.
    pub annotations: Vec<String>,
    /// Most bytes of the labels, and of the annotations, of one pod.
    pub label_bytes: usize,
}

/// Access to the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Api {
    /// `true` or `false` if configured; if absent, the API server is queried if the agent runs in a cluster or has a kubeconfig.
    pub enabled: Option<bool>,
    /// A kubeconfig instead of the service account of the pod.
    pub kubeconfig: Option<PathBuf>,
    /// `true` to watch the Node object of this node.
    pub node: bool,
    /// `true` to watch Services.
    pub services: bool,
    /// `true` to look up Jobs that own local pods.
    pub jobs: bool,
}

/// Cluster data that the elected agent reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// `true` to report pods that wait for a node one by one.
    pub pending_pods: bool,
    /// Most such pods.
    pub max_pending_pods: usize,
    /// Objects in one page of a list, after a list in one piece broke off.
    pub page_size: u32,
}

/// Settings for the leader election.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leader {
    /// Kind of the lock.
    pub kind: LockKind,
    /// Name of the lock.
    pub name: String,
    /// Namespace of the lock.
    pub namespace: String,
    /// Identity of this agent in the lock; the name of the pod if absent, else that of the node.
    pub identity: Option<String>,
    /// Time that a lock is valid without renewal.
    pub lease_duration: Duration,
    /// Time that the leader continues without a renewal.
    pub renew_deadline: Duration,
    /// Time between two attempts.
    pub retry_period: Duration,
}

/// Kind of the lock. Locks of different kinds do not exclude each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockKind {
    /// An annotation of a ConfigMap, as existing agents use.
    ConfigMap,
    /// A Lease.
    Lease,
}

impl Default for Kubelet {
    fn default() -> Self {
        Self {
            enabled: None,
            url: None,
            token_file: format!("{SERVICE_ACCOUNT}/token").into(),
            ca_files: vec![format!("{SERVICE_ACCOUNT}/ca.crt").into()],
            server_name: None,
            insecure: false,
            timeout: Duration::from_secs(10),
            summary: true,
            annotations: Vec::new(),
            label_bytes: 8 << 10,
        }
    }
}

impl Default for Api {
    fn default() -> Self {
        Self { enabled: None, kubeconfig: None, node: true, services: true, jobs: true }
    }
}

impl Default for Cluster {
    fn default() -> Self {
        Self { pending_pods: true, max_pending_pods: 1000, page_size: 500 }
    }
}

impl Default for Leader {
    fn default() -> Self {
        Self {
            kind: LockKind::ConfigMap,
            name: LOCK_NAME.into(),
            namespace: "amazon-cloudwatch".into(),
            identity: None,
            lease_duration: Duration::from_secs(60),
            renew_deadline: Duration::from_secs(15),
            retry_period: Duration::from_secs(5),
        }
    }
}

/// Values of `enabled`; `None` leaves the decision to the agent.
pub(super) const ENABLED: [(&str, Option<bool>); 3] =
    [("auto", None), ("true", Some(true)), ("false", Some(false))];

pub(super) fn role(text: &str) -> Result<Role, String> {
    let all = [Role::All, Role::Node, Role::Cluster, Role::Task, Role::Fargate];
    one_of(&all.map(|role| (role.as_str(), role)))(text)
}

pub(super) fn read_kubelet(section: &Section<'_>, environment: &Environment) -> Kubelet {
    let default = Kubelet::default();
    let enabled = section.value("enabled", one_of(&ENABLED)).flatten();
    let url = section
        .value("url", address)
        .or_else(|| environment.host_ip.as_deref().map(insightd_kubernetes::kubelet::url_for_host));
    let token_file = section.text("token_file").map(PathBuf::from);
    let ca_files = section.texts("ca_files").map(|files| files.into_iter().map(PathBuf::from).collect());
    let server_name = section.text("server_name");
    let insecure = section.value("insecure", flag);
    let timeout = section.value("timeout", |text| match values::duration(text)? {
        time if (Duration::from_millis(100)..=Duration::from_secs(60)).contains(&time) => Ok(time),
        _ => Err("must be from 100ms to 60s".to_string()),
    });
    let summary = section.value("summary", flag);
    let annotations = section.texts("annotations");
    let label_bytes = section.value("label_bytes", |text| match values::size(text)? {
        bytes if bytes <= 1 << 20 => Ok(bytes as usize),
        _ => Err("must be 1MiB or less".to_string()),
    });
    if enabled == Some(true) && url.is_none() {
        section.problem("url", "required with `enabled: true` unless HOST_IP is set");
    }
    section.finish();
    Kubelet {
        enabled,
        url,
        token_file: token_file.unwrap_or(default.token_file),
        ca_files: ca_files.unwrap_or(default.ca_files),
        server_name,
        insecure: insecure.unwrap_or(default.insecure),
        timeout: timeout.unwrap_or(default.timeout),
        summary: summary.unwrap_or(default.summary),
        annotations: annotations.unwrap_or(default.annotations),
        label_bytes: label_bytes.unwrap_or(default.label_bytes),
    }
}

fn address(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("https://").unwrap_or_default().trim_end_matches('/');
    if host.is_empty() || host.contains(['/', '?', '#', '@', ' ']) {
        return Err(format!("invalid kubelet address `{text}`: expected https://ADDRESS:10250"));
    }
    Ok(format!("https://{host}"))
}

pub(super) fn read_api(section: &Section<'_>) -> Api {
    let default = Api::default();
    let enabled = section.value("enabled", one_of(&ENABLED)).flatten();
    let kubeconfig = section.text("kubeconfig").map(PathBuf::from);
    let node = section.value("node", flag);
    let services = section.value("services", flag);
    let jobs = section.value("jobs", flag);
    section.finish();
    Api {
        enabled,
        kubeconfig,
        node: node.unwrap_or(default.node),
        services: services.unwrap_or(default.services),
        jobs: jobs.unwrap_or(default.jobs),
    }
}

pub(super) fn read_cluster(section: &Section<'_>) -> Cluster {
    let default = Cluster::default();
    let pending_pods = section.value("pending_pods", flag);
    let max_pending_pods = section.value("max_pending_pods", |text| match integer(text)? {
        pods @ 0..=100_000 => Ok(pods as usize),
        _ => Err("must be from 0 to 100000".to_string()),
    });
    let page_size = section.value("page_size", |text| match integer(text)? {
        objects @ 10..=10_000 => Ok(objects as u32),
        _ => Err("must be from 10 to 10000".to_string()),
    });
    section.finish();
    Cluster {
        pending_pods: pending_pods.unwrap_or(default.pending_pods),
        max_pending_pods: max_pending_pods.unwrap_or(default.max_pending_pods),
        page_size: page_size.unwrap_or(default.page_size),
    }
}

pub(super) fn read_leader(section: &Section<'_>, environment: &Environment) -> Leader {
    let default = Leader::default();
    let kinds = [("configmap", LockKind::ConfigMap), ("lease", LockKind::Lease)];
    let seconds = |text: &str| match values::duration(text)? {
        time if time.subsec_nanos() == 0 && time.as_secs() > 0 => Ok(time),
        _ => Err("must be whole seconds, 1s or more: the lock stores whole seconds".to_string()),
    };
    let kind = section.value("kind", one_of(&kinds));
    let name = section.text("name");
    let namespace = section.text("namespace").or_else(|| environment.namespace.clone());
    let identity = section.text("identity").or_else(|| environment.pod_name.clone());
    let lease_duration = section.value("lease_duration", seconds).unwrap_or(default.lease_duration);
    let renew_deadline = section.value("renew_deadline", seconds).unwrap_or(default.renew_deadline);
    let retry_period = section.value("retry_period", seconds).unwrap_or(default.retry_period);
    if lease_duration <= renew_deadline {
        section.problem(
            "lease_duration",
            "must be more than `renew_deadline`; otherwise two agents may lead at once",
        );
    }
    // Candidates spread their attempts, so one may come a fifth later than the period.
    if renew_deadline <= retry_period.mul_f64(1.2) {
        section.problem(
            "renew_deadline",
            "must be more than 1.2 times `retry_period`; otherwise one lost request ends the leadership",
        );
    }
    section.finish();
    Leader {
        kind: kind.unwrap_or(default.kind),
        name: name.unwrap_or(default.name),
        namespace: namespace.unwrap_or(default.namespace),
        identity,
        lease_duration,
        renew_deadline,
        retry_period,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn environment() -> Environment {
        Environment {
            host_ip: Some("fd00::7".into()),
            namespace: Some("monitoring".into()),
            pod_name: Some("insightd-x7".into()),
            ..Environment::default()
        }
    }

    fn config(text: &str) -> Config {
        Config::parse(text, None, &environment()).unwrap()
    }

    fn problem(text: &str) -> String {
        Config::parse(text, None, &Environment::default()).unwrap_err().to_string()
    }

    #[test]
    fn the_environment_of_the_pod_fills_in() {
        let read = config("");
        assert_eq!(read.kubelet.url.as_deref(), Some("https://[fd00::7]:10250"));
        assert_eq!(read.leader.namespace, "monitoring");
        assert_eq!(read.leader.identity.as_deref(), Some("insightd-x7"));
        let read = config("kubelet: {url: 'https://node.local:10250/'}\nleader: {namespace: kube-system}");
        assert_eq!(read.kubelet.url.as_deref(), Some("https://node.local:10250"));
        assert_eq!(read.leader.namespace, "kube-system");
    }

    #[test]
    fn addresses_that_cannot_be_a_kubelet_are_refused() {
        for url in ["http://10.0.0.7:10250", "10.0.0.7", "https://", "https://a/pods", "https://u:p@a"] {
            assert!(
                problem(&format!("kubelet: {{url: '{url}'}}")).contains("invalid kubelet address"),
                "{url}"
            );
        }
        assert!(problem("kubelet: {enabled: true}").contains("required with `enabled: true`"));
    }

    #[test]
    fn times_that_allow_two_leaders_are_refused() {
        assert!(problem("leader: {lease_duration: 15s}").contains("two agents may lead at once"));
        assert!(problem("leader: {retry_period: 20s}").contains("one lost request ends the leadership"));
        assert!(problem("leader: {renew_deadline: 6s, retry_period: 5s}").contains("1.2 times"));
        assert!(problem("leader: {retry_period: 500ms}").contains("whole seconds"));
    }

    #[test]
    fn roles() {
        for role in ["all", "node", "cluster", "task", "fargate"] {
            assert_eq!(config(&format!("role: {role}")).role.as_str(), role);
        }
        assert!(Role::All.has_node() && Role::All.has_cluster());
        assert!(Role::Node.has_node() && !Role::Node.has_cluster());
        assert!(!Role::Cluster.has_node() && Role::Cluster.has_cluster());
        for role in [Role::Task, Role::Fargate] {
            assert!(!role.has_node() && !role.has_cluster());
        }
        assert!(problem("role: leader").contains("expected one of all, node, cluster, task, fargate"));
    }
}
