//! Configuration of the transform.

use alloc::vec::Vec;

use insights_sdk::Settings;
use insights_sdk::json::integer_text;

/// A group of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Throttling,
    Pressure,
    Oom,
    Pids,
    EphemeralStorage,
    Volumes,
    DaemonSets,
    Claims,
    PersistentVolumes,
    Ingresses,
    Agent,
}

/// Groups by the names that `groups` has.
const GROUPS: [(&str, Group); 11] = [
    ("throttling", Group::Throttling),
    ("pressure", Group::Pressure),
    ("oom", Group::Oom),
    ("pids", Group::Pids),
    ("ephemeral_storage", Group::EphemeralStorage),
    ("volumes", Group::Volumes),
    ("daemonsets", Group::DaemonSets),
    ("claims", Group::Claims),
    ("persistent_volumes", Group::PersistentVolumes),
    ("ingresses", Group::Ingresses),
    ("agent", Group::Agent),
];

/// The parsed configuration.
#[derive(Debug)]
pub(crate) struct Options {
    groups: Vec<Group>,
}

impl Options {
    /// Reads all keys; problems are recorded in `settings`.
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let Some(wanted) = settings.strings("groups") else {
            return Self { groups: GROUPS.iter().map(|&(_, group)| group).collect() };
        };
        if wanted.is_empty() {
            settings.problem(
                "groups",
                "expected at least one group, found an empty list; without the key all are on",
            );
        }
        let mut groups = Vec::new();
        for (at, name) in wanted.iter().enumerate() {
            match GROUPS.iter().find(|(known, _)| known == name) {
                Some(&(_, group)) => groups.push(group),
                None => {
                    let known: Vec<_> = GROUPS.iter().map(|&(known, _)| known).collect();
                    settings.problem(
                        &["groups[", &integer_text(at as u64), "]"].concat(),
                        ["expected one of ", &known.join(", "), ", found ", name].concat(),
                    );
                }
            }
        }
        Self { groups }
    }

    /// Returns true if the metrics of the group are published.
    pub(crate) fn has(&self, group: Group) -> bool {
        self.groups.contains(&group)
    }
}
