//! Facts that every node reads from the API server, in addition to the kubelet's pods.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::pods::{Owner, Pod};

/// The facts at one moment. A clone copies three pointers.
#[derive(Clone, Debug, Default)]
pub struct LocalState {
    /// The agent's own Node; absent until it was read once, and after it was deleted.
    pub node: Option<Arc<NodeFacts>>,
    /// Services of all namespaces.
    pub services: Arc<Services>,
    /// Owners of the Jobs of local pods, by `NAMESPACE/NAME`; contains only Jobs that have an owner.
    pub jobs: Arc<BTreeMap<Box<str>, Owner>>,
}

/// Returns the key of a Job in [`LocalState::jobs`].
#[cfg(any(test, feature = "client"))]
pub(crate) fn job_key(namespace: &str, name: &str) -> String {
    format!("{namespace}/{name}")
}

/// The stored facts of a Node object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeFacts {
    /// `status.conditions`: type and status.
    pub conditions: Vec<(Box<str>, ConditionStatus)>,
    /// `status.capacity.pods`.
    pub capacity_pods: Option<u64>,
    /// `status.allocatable.pods`.
    pub allocatable_pods: Option<u64>,
    /// Label `node.kubernetes.io/instance-type`.
    pub instance_type: Option<Box<str>>,
    /// `spec.providerID`, such as `aws:///us-west-2a/i-0123`.
    pub provider_id: Option<Box<str>>,
}

/// Status of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionStatus {
    /// Status `True`.
    True,
    /// Status `False`.
    False,
    /// Status `Unknown`, or any other text.
    Unknown,
}

impl ConditionStatus {
    /// Parses the text of `status`.
    #[cfg(any(test, feature = "client"))]
    pub(crate) fn parse(status: &str) -> Self {
        match status {
            "True" => Self::True,
            "False" => Self::False,
            _ => Self::Unknown,
        }
    }

    /// Returns the value of the gauge: 1 for true, 0 for false, -1 for unknown.
    pub fn value(self) -> f64 {
        match self {
            Self::True => 1.0,
            Self::False => 0.0,
            Self::Unknown => -1.0,
        }
    }
}

/// A service with a selector, in a single allocation: clusters have thousands of services, and every node holds all of
/// them.
///
/// The text is `NAMESPACE NUL NAME NUL KEY NUL VALUE NUL …`, which sorts by namespace and name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Service(Arc<str>);

impl Service {
    /// Creates a service. Returns `None` if one of the texts contains a NUL, which the API does not allow.
    pub fn new<'t>(
        namespace: &str,
        name: &str,
        selector: impl IntoIterator<Item = (&'t str, &'t str)>,
    ) -> Option<Self> {
        let mut text = String::with_capacity(128);
        let mut whole = true;
        let mut push = |part: &str| {
            whole &= !part.contains('\0');
            text.push_str(part);
            text.push('\0');
        };
        push(namespace);
        push(name);
        for (key, value) in selector {
            push(key);
            push(value);
        }
        whole.then(|| Self(text.into()))
    }

    /// Returns the namespace.
    pub fn namespace(&self) -> &str {
        self.parts().next().unwrap_or_default()
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        self.parts().nth(1).unwrap_or_default()
    }

    /// Returns the pairs of `spec.selector`.
    pub fn selector(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut parts = self.parts().skip(2);
        std::iter::from_fn(move || Some((parts.next()?, parts.next()?)))
    }

    /// Returns true if the service selects `pod`. Without a selector it selects no pod.
    pub fn selects(&self, pod: &Pod) -> bool {
        let has = |key: &str, value: &str| {
            let at = pod.labels.binary_search_by(|(other, _)| (**other).cmp(key));
            at.is_ok_and(|at| &*pod.labels[at].1 == value)
        };
        let mut selector = self.selector().peekable();
        self.namespace() == &*pod.namespace
            && selector.peek().is_some()
            && selector.all(|(key, value)| has(key, value))
    }

    /// Returns the approximate memory in bytes.
    #[cfg(feature = "client")]
    pub(crate) fn bytes(&self) -> usize {
        2 * size_of::<usize>() + size_of::<Self>() + self.0.len()
    }

    fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split_terminator('\0')
    }

    fn id(&self) -> (&str, &str) {
        (self.namespace(), self.name())
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} {:?}", self.namespace(), self.name(), self.selector().collect::<Vec<_>>())
    }
}

/// Services, sorted by namespace and name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Services(Vec<Service>);

impl Services {
    /// Creates the collection from `services` in any order; of two with the same name the last one is kept.
    pub fn new(mut services: Vec<Service>) -> Self {
        services.reverse();
        services.sort_by(|left, right| left.id().cmp(&right.id()));
        services.dedup_by(|later, kept| later.id() == kept.id());
        services.shrink_to_fit();
        Self(services)
    }

    /// Returns all services.
    pub fn iter(&self) -> std::slice::Iter<'_, Service> {
        self.0.iter()
    }

    /// Returns the services of one namespace.
    pub(crate) fn in_namespace(&self, namespace: &str) -> &[Service] {
        let begin = self.0.partition_point(|service| service.namespace() < namespace);
        let after = &self.0[begin..];
        &after[..after.partition_point(|service| service.namespace() == namespace)]
    }

    /// Returns the service of this name.
    #[cfg(any(test, feature = "client"))]
    pub(crate) fn get(&self, namespace: &str, name: &str) -> Option<&Service> {
        Some(&self.0[self.find(namespace, name).ok()?])
    }

    /// Inserts or replaces a service. Returns true if anything changed.
    #[cfg(any(test, feature = "client"))]
    pub(crate) fn insert(&mut self, service: Service) -> bool {
        match self.find(service.namespace(), service.name()) {
            Ok(at) => {
                let changed = self.0[at] != service;
                self.0[at] = service;
                changed
            }
            Err(at) => {
                self.0.insert(at, service);
                true
            }
        }
    }

    /// Removes a service, if it is there.
    #[cfg(any(test, feature = "client"))]
    pub(crate) fn remove(&mut self, namespace: &str, name: &str) {
        if let Ok(at) = self.find(namespace, name) {
            self.0.remove(at);
        }
    }

    #[cfg(any(test, feature = "client"))]
    fn find(&self, namespace: &str, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|service| service.id().cmp(&(namespace, name)))
    }
}
