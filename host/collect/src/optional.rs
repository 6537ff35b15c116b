//! Facts that are read only if a pipeline asks for them.

/// A group of facts with a prefix of its own, so that the names that a component reads tell whether it needs the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// CPU time by mode, of the node and of each CPU: `/proc/stat`.
    CpuTime,
    /// All of `/proc/meminfo`.
    MemInfo,
    /// `/proc/loadavg`.
    Load,
    /// All of `/proc/diskstats`.
    DiskStats,
    /// Start of the node and of containers.
    Start,
    /// PersistentVolumeClaims of the cluster.
    Claims,
    /// PersistentVolumes of the cluster.
    PersistentVolumes,
    /// Ingresses of the cluster.
    Ingresses,
    /// Jobs of the cluster.
    Jobs,
    /// CronJobs of the cluster.
    CronJobs,
    /// Further fields of objects of the cluster that are watched in any case.
    Status,
    /// The agent's own counters.
    Agent,
}

impl Group {
    /// All groups.
    pub const ALL: [Self; 12] = [
        Self::CpuTime,
        Self::MemInfo,
        Self::Load,
        Self::DiskStats,
        Self::Start,
        Self::Claims,
        Self::PersistentVolumes,
        Self::Ingresses,
        Self::Jobs,
        Self::CronJobs,
        Self::Status,
        Self::Agent,
    ];

    /// Returns the beginning of all raw names of the group, which no other raw name has.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::CpuTime => "cputime.",
            Self::MemInfo => "meminfo.",
            Self::Load => "load.",
            Self::DiskStats => "diskstats.",
            Self::Start => "start.",
            Self::Claims => "claim.",
            Self::PersistentVolumes => "persistentvolume.",
            Self::Ingresses => "ingress.",
            Self::Jobs => "job.",
            Self::CronJobs => "cronjob.",
            Self::Status => "status.",
            Self::Agent => "insightd.",
        }
    }
}

/// A set of groups; empty by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OptionalFacts(u16);

impl OptionalFacts {
    /// Returns all groups.
    pub fn all() -> Self {
        Group::ALL.into_iter().fold(Self::default(), Self::with)
    }

    /// Returns the groups that components with these `reads` need. A name counts only if it begins with the prefix of the
    /// group: `*` means whatever is there, and switches nothing on.
    pub fn from_reads<'r>(reads: impl IntoIterator<Item = &'r str>) -> Self {
        reads.into_iter().fold(Self::default(), |facts, name| {
            let needed = Group::ALL.into_iter().filter(|group| name.starts_with(group.prefix()));
            needed.fold(facts, Self::with)
        })
    }

    /// Returns the set with one more group.
    #[must_use]
    pub fn with(self, group: Group) -> Self {
        Self(self.0 | 1 << group as u8)
    }

    /// Returns true if the set has the group.
    pub fn has(self, group: Group) -> bool {
        self.0 & (1 << group as u8) != 0
    }

    /// Returns true if nothing is wanted.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_prefix_of_a_group_switches_it_on() {
        let others = [
            "*",
            "",
            "cpu.*",
            "cpu*",
            "cputime",
            "c*",
            "memory.*",
            "mem*",
            "load",
            "start",
            "pod.start_unix_ms",
            "agent.heartbeat",
        ];
        assert!(OptionalFacts::from_reads(others).is_empty());
        for group in Group::ALL {
            for name in ["*", "some_ms"] {
                let name = format!("{}{name}", group.prefix());
                let facts = OptionalFacts::from_reads(["*", &name]);
                assert_eq!(facts, OptionalFacts::default().with(group), "{name}");
                assert!(!facts.is_empty() && facts.has(group));
            }
        }
        let two = OptionalFacts::from_reads(["load.*", "node.*", "load.1m", "start.boot_unix_ms"]);
        assert_eq!(two, OptionalFacts::default().with(Group::Start).with(Group::Load));
        assert!(!two.has(Group::CpuTime));
        assert!(Group::ALL.into_iter().all(|group| OptionalFacts::all().has(group)));
    }
}
