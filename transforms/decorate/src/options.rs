//! The configuration of `decorate`.

use alloc::string::String;

use insights_sdk::Settings;

/// See the README for what each one does.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) cluster_name: Option<String>,
    pub(crate) node_name: Option<String>,
    pub(crate) orchestrator: Option<Orchestrator>,
    pub(crate) prefer_full_pod_name: bool,
    pub(crate) full_pod_name: bool,
    pub(crate) container_name: bool,
    pub(crate) service: bool,
    pub(crate) labels: bool,
    pub(crate) enhanced: bool,
}

/// Which family of events a node gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Orchestrator {
    /// `Node`, `Pod`, `Container`, …
    Kubernetes,
    /// `Instance`, …
    Ecs,
}

impl Orchestrator {
    /// From its name in the configuration or in the node's attribute.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "eks" | "kubernetes" => Some(Self::Kubernetes),
            "ecs" => Some(Self::Ecs),
            _ => None,
        }
    }
}

impl Options {
    /// Reads the settings; what is wrong stays recorded in them.
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let mut orchestrator = None;
        if let Some(name) = settings.string("orchestrator") {
            orchestrator = Orchestrator::parse(&name);
            if orchestrator.is_none() {
                settings.problem("orchestrator", "expected eks, kubernetes or ecs");
            }
        }
        Self {
            cluster_name: settings.string("cluster_name").filter(|name| !name.is_empty()),
            node_name: settings.string("node_name").filter(|name| !name.is_empty()),
            orchestrator,
            prefer_full_pod_name: settings.flag("prefer_full_pod_name").unwrap_or(false),
            full_pod_name: settings.flag("add_full_pod_name_metric_label").unwrap_or(false),
            container_name: settings.flag("add_container_name_metric_label").unwrap_or(false),
            service: settings.flag("add_service_as_attribute").unwrap_or(true),
            labels: settings.flag("labels").unwrap_or(true),
            enhanced: settings.flag("enhanced").unwrap_or(false),
        }
    }
}
