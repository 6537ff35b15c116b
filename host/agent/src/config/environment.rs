//! The variables of the environment that mean something to the agent. Nothing else reads the environment.

/// Name of the node, as the manifests of Container Insights set it from `spec.nodeName`.
const NODE_NAMES: [&str; 2] = ["K8S_NODE_NAME", "HOST_NAME"];

/// Name of the cluster.
const CLUSTER_NAME: &str = "K8S_CLUSTER_NAME";

/// Address of the node, from `status.hostIP`.
const HOST_IP: &str = "HOST_IP";

/// Namespace, name and uid of the agent's pod.
const POD: [&str; 3] = ["K8S_NAMESPACE", "POD_NAME", "POD_UID"];

/// Where the AWS SDK finds credentials, beside files and the instance.
const CREDENTIALS: [&str; 6] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];

/// What the environment says. A variable that is empty or not UTF-8 is absent; blanks around those that are no names are left
/// out.
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
    /// Set if any variable tells the AWS SDK where credentials are.
    pub has_credentials: bool,
}

impl Environment {
    /// That of this process.
    pub fn of_process() -> Self {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// From any source of variables.
    pub fn from_lookup(variable: impl Fn(&str) -> Option<String>) -> Self {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let trimmed = |name: &str| {
            variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        let [namespace, pod_name, pod_uid] = POD.map(trimmed);
        Self {
            node_name: NODE_NAMES.iter().find_map(|name| variable(name)),
            cluster_name: variable(CLUSTER_NAME),
            host_ip: trimmed(HOST_IP),
            namespace,
            pod_name,
            pod_uid,
            has_credentials: CREDENTIALS.iter().any(|name| variable(name).is_some()),
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
