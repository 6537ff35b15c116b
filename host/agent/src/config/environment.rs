//! Environment variables of the agent's configuration. Its AWS and Kubernetes clients and `insightctl transform` read
//! variables of their own.

/// Variables with the node name; the manifests of Container Insights set them from `spec.nodeName`.
const NODE_NAMES: [&str; 2] = ["K8S_NODE_NAME", "HOST_NAME"];

/// Variable with the cluster name.
const CLUSTER_NAME: &str = "K8S_CLUSTER_NAME";

/// Variable with the address of the node, from `status.hostIP`.
const HOST_IP: &str = "HOST_IP";

/// Variables with the namespace, name and UID of the agent's pod.
const POD: [&str; 3] = ["K8S_NAMESPACE", "POD_NAME", "POD_UID"];

/// Variables from which the AWS SDK gets credentials, beside files and instance metadata.
const CREDENTIALS: [&str; 6] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];

/// Values of the environment variables. A variable that is empty or not UTF-8 counts as absent. All but the names of
/// node and cluster are trimmed.
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
    /// `true` if any variable tells the AWS SDK where credentials are.
    pub has_credentials: bool,
}

impl Environment {
    /// Reads the environment of this process.
    pub fn of_process() -> Self {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// Reads variables through `variable`, which returns the value of a name.
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
