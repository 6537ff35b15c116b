//! The variables of the environment that mean something to the agent. Nothing else reads the environment.

/// Name of the node, as the manifests of Container Insights set it from `spec.nodeName`.
const NODE_NAMES: [&str; 2] = ["K8S_NODE_NAME", "HOST_NAME"];

/// Name of the cluster.
const CLUSTER_NAME: &str = "K8S_CLUSTER_NAME";

/// Address of the node, from `status.hostIP`.
const HOST_IP: &str = "HOST_IP";

/// Namespace, name and uid of the agent's pod.
const POD: [&str; 3] = ["K8S_NAMESPACE", "POD_NAME", "POD_UID"];

/// What the environment says. A variable that is empty or not UTF-8 is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// `K8S_NODE_NAME`, else `HOST_NAME`.
    pub node_name: Option<String>,
    /// `K8S_CLUSTER_NAME`.
    pub cluster_name: Option<String>,
    /// `HOST_IP`.
    pub host_ip: Option<String>,
    /// `K8S_NAMESPACE`.
    pub namespace: Option<String>,
    /// `POD_NAME`.
    pub pod_name: Option<String>,
    /// `POD_UID`.
    pub pod_uid: Option<String>,
}

impl Environment {
    /// That of this process.
    pub fn of_process() -> Self {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// From any source of variables.
    pub fn from_lookup(variable: impl Fn(&str) -> Option<String>) -> Self {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let [namespace, pod_name, pod_uid] = POD.map(variable);
        Self {
            node_name: NODE_NAMES.iter().find_map(|name| variable(name)),
            cluster_name: variable(CLUSTER_NAME),
            host_ip: variable(HOST_IP),
            namespace,
            pod_name,
            pod_uid,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_variables_are_absent() {
        let environment = Environment::from_lookup(|name| match name {
            "K8S_NODE_NAME" => Some(String::new()),
            "HOST_NAME" => Some("ip-10-0-0-1".into()),
            _ => None,
        });
        assert_eq!(environment.node_name.as_deref(), Some("ip-10-0-0-1"));
        assert_eq!(environment.cluster_name, None);
    }
}
