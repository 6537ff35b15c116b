//! The object that holds the record of a leader election.

/// Kind of the lock object. Locks of different kinds do not exclude each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LockKind {
    /// A record in an annotation of a ConfigMap, as used by existing Container Insights agents.
    ConfigMap,
    /// A Lease of `coordination.k8s.io/v1`.
    Lease,
}

impl LockKind {
    /// Returns `kind` of the object.
    pub fn name(self) -> &'static str {
        match self {
            Self::ConfigMap => "ConfigMap",
            Self::Lease => "Lease",
        }
    }

    pub(crate) fn api_version(self) -> &'static str {
        match self {
            Self::ConfigMap => "v1",
            Self::Lease => "coordination.k8s.io/v1",
        }
    }

    pub(crate) fn resource(self) -> &'static str {
        match self {
            Self::ConfigMap => "configmaps",
            Self::Lease => "leases.coordination.k8s.io",
        }
    }
}

/// The lock object of a leader election.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LockRef {
    /// Kind of the object.
    pub kind: LockKind,
    /// Namespace of the object.
    pub namespace: String,
    /// Name of the object.
    pub name: String,
    /// Uid of the object, once it has been read.
    pub uid: Option<String>,
}
