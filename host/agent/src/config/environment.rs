//! Environment variables of the agent's configuration: those with a meaning of their own, and those that values refer
//! to. Its AWS and Kubernetes clients and `insightctl transform` read variables of their own.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;

/// Variables with the node name; the manifests of Container Insights set them from `spec.nodeName`.
const NODE_NAMES: [&str; 2] = ["K8S_NODE_NAME", "HOST_NAME"];

/// Variable with the cluster name.
const CLUSTER_NAME: &str = "K8S_CLUSTER_NAME";

/// Variable with the address of the node, from `status.hostIP`.
const HOST_IP: &str = "HOST_IP";

/// Variables with the namespace, name and UID of the agent's pod.
const POD: [&str; 3] = ["K8S_NAMESPACE", "POD_NAME", "POD_UID"];

/// Variable that Kubernetes sets in every pod.
const IN_POD: &str = "KUBERNETES_SERVICE_HOST";

/// Variable that ECS sets in every container of a task: the address of the task metadata endpoint.
const IN_TASK: &str = "ECS_CONTAINER_METADATA_URI_V4";

/// Variables from which the AWS SDK gets credentials, beside files and instance metadata.
const CREDENTIALS: [&str; 6] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];

/// Variable with a whole configuration, for tasks of ECS, which cannot mount one.
pub(super) const CONFIG_CONTENT: &str = "INSIGHTD_CONFIG_CONTENT";

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
    /// `true` if the agent runs in a pod of Kubernetes.
    pub is_in_pod: bool,
    /// `ECS_CONTAINER_METADATA_URI_V4`, if the agent runs in a task of ECS.
    pub task_metadata: Option<String>,
    /// `true` if any variable tells the AWS SDK where credentials are.
    pub has_credentials: bool,
    /// All variables, for the references in values.
    pub variables: Variables,
}

/// Environment variables by name. Their values may be secrets: the debug format has only names.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Returns the value of a variable; one that is empty counts as absent.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

impl FromIterator<(String, String)> for Variables {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(variables: T) -> Self {
        Self(variables.into_iter().collect())
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Environment {
    /// Reads the environment of this process.
    pub fn of_process() -> Self {
        let all = std::env::vars_os();
        let text =
            |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        let variables: Variables = all.filter_map(text).collect();
        Self {
            variables: variables.clone(),
            ..Self::from_lookup(|name| variables.get(name).map(str::to_owned))
        }
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
            is_in_pod: variable(IN_POD).is_some(),
            task_metadata: trimmed(IN_TASK),
            has_credentials: CREDENTIALS.iter().any(|name| variable(name).is_some()),
            variables: Variables::default(),
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
