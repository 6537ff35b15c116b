//! Containers that are running according to the kubelet, or to the agent of ECS.

use std::collections::HashMap;

use super::path::PodKind;

/// Ticks without a cgroup after which a container is searched for; it may start or end between two updates of the kubelet's list.
const GRACE_TICKS: u32 = 2;
/// As `GRACE_TICKS`, for a container that had a cgroup: it has ended, and during mass deletion of pods the kubelet lists it as running for minutes.
const GRACE_TICKS_AFTER_CGROUP: u32 = 20;

#[derive(Debug)]
struct ExpectedContainer {
    /// Uid of the pod, or id of the task.
    uid: String,
    kind: PodKind,
    listed: bool,
    /// Ticks without a cgroup.
    missing: u32,
    /// `true` if it had a cgroup before.
    had_cgroup: bool,
    /// `true` if a search did not find it.
    searched: bool,
    reported: bool,
}

impl ExpectedContainer {
    fn owner(&self) -> String {
        format!("{} {}", self.kind.role(), self.uid)
    }

    fn grace_ticks(&self) -> u32 {
        if self.had_cgroup { GRACE_TICKS_AFTER_CGROUP } else { GRACE_TICKS }
    }
}

/// The last list of containers, and for how long each has had no cgroup.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    by_id: HashMap<String, ExpectedContainer>,
}

impl Expected {
    /// Replaces the list with up to `limit` pairs of container id and id of its pod or task.
    pub(crate) fn set<'i>(
        &mut self,
        running: impl Iterator<Item = (&'i str, &'i str)>,
        kind: PodKind,
        limit: usize,
    ) {
        self.by_id.values_mut().for_each(|container| container.listed = false);
        for (id, uid) in running.take(limit) {
            match self.by_id.get_mut(id) {
                Some(container) => container.listed = true,
                None => {
                    let container = ExpectedContainer {
                        uid: uid.to_owned(),
                        kind,
                        listed: true,
                        missing: 0,
                        had_cgroup: false,
                        searched: false,
                        reported: false,
                    };
                    self.by_id.insert(id.to_owned(), container);
                }
            }
        }
        self.by_id.retain(|_, container| container.listed);
    }

    /// Returns the uid of the pod that a container belongs to, or the id of its task.
    pub(crate) fn owner(&self, id: &str) -> Option<(&str, PodKind)> {
        self.by_id.get(id).map(|container| (container.uid.as_str(), container.kind))
    }

    /// Returns true if a container has been missing for longer than a race explains, and was not searched for yet.
    pub(crate) fn is_search_due(&self) -> bool {
        self.by_id
            .values()
            .any(|container| container.missing >= container.grace_ticks() && !container.searched)
    }

    /// Takes the ids of all containers that have a cgroup. `searched`: the whole hierarchy was searched for them. Returns the
    /// number of containers searched for in vain and, for those not yet reported, their number and one of them with its owner,
    /// such as `pod UID`.
    pub(crate) fn update<'i>(
        &mut self,
        ids: impl Iterator<Item = &'i str>,
        searched: bool,
    ) -> (usize, Option<(usize, String, String)>) {
        self.by_id.values_mut().for_each(|container| container.missing = container.missing.saturating_add(1));
        for id in ids {
            if let Some(container) = self.by_id.get_mut(id) {
                (container.missing, container.had_cgroup, container.searched, container.reported) =
                    (0, true, false, false);
            }
        }
        for container in self.by_id.values_mut() {
            container.searched |= searched && container.missing > container.grace_ticks();
        }
        let missing = self.by_id.values().filter(|container| container.searched).count();
        let mut unreported: Vec<_> = self
            .by_id
            .iter_mut()
            .filter(|(_, container)| container.searched && !container.reported)
            .collect();
        unreported.iter_mut().for_each(|(_, container)| container.reported = true);
        let first = unreported.iter().min_by_key(|(id, _)| *id);
        (missing, first.map(|(id, container)| (unreported.len(), (*id).clone(), container.owner())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POD: PodKind = PodKind::Pod(None);

    #[test]
    fn a_missing_container_is_reported_once_after_a_search() {
        let mut expected = Expected::default();
        let list = [("a", "p"), ("b", "q")];
        expected.set(list.into_iter(), POD, 10);
        assert_eq!((expected.owner("a"), expected.owner("c")), (Some(("p", POD)), None));
        let b = |expected: &mut Expected, searched| expected.update(["b"].into_iter(), searched);
        // it may have started, or ended, since the kubelet's update
        assert_eq!(b(&mut expected, true), (0, None));
        assert!(!expected.is_search_due());
        assert_eq!(b(&mut expected, false), (0, None));
        assert!(expected.is_search_due());
        assert_eq!(b(&mut expected, false), (0, None), "it was not looked for");
        assert!(expected.is_search_due());
        let reported = Some((1, "a".to_owned(), "pod p".to_owned()));
        assert_eq!(b(&mut expected, true), (1, reported.clone()));
        expected.set(list.into_iter(), POD, 10);
        assert_eq!(b(&mut expected, true), (1, None), "once");
        assert!(!expected.is_search_due());
        assert_eq!(expected.update(["a", "b"].into_iter(), true), (0, None));
        for _ in 0..GRACE_TICKS_AFTER_CGROUP {
            assert_eq!(b(&mut expected, true), (0, None), "it may have ended");
        }
        assert_eq!(b(&mut expected, true), (1, reported), "it was there in between");
    }

    #[test]
    fn containers_that_the_kubelet_does_not_list_are_not_expected() {
        let mut expected = Expected::default();
        expected.set([("a", "p"), ("b", "q"), ("c", "r")].into_iter(), POD, 2);
        assert_eq!(expected.owner("c"), None, "a bound");
        expected.set([("b", "q")].into_iter(), POD, 2);
        for _ in 0..5 {
            assert_eq!(expected.update(["b"].into_iter(), true), (0, None));
        }
        assert_eq!(expected.owner("a"), None);
    }
}
