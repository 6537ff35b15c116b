//! Containers that are running according to the kubelet.

use std::collections::HashMap;

/// Ticks without a cgroup after which a container is searched for; it may start or end between two updates of the kubelet's list.
const PATIENCE: u32 = 2;
/// As `PATIENCE`, for one that had a cgroup: it has ended, and during mass deletion of pods the kubelet lists it as running for minutes.
const PATIENCE_AFTER: u32 = 20;

#[derive(Debug)]
struct One {
    /// Uid of the pod.
    uid: String,
    listed: bool,
    /// Ticks without a cgroup.
    missing: u32,
    /// `true` if it had a cgroup before.
    was_there: bool,
    /// `true` if a search did not find it.
    looked_for: bool,
    told: bool,
}

impl One {
    fn patience(&self) -> u32 {
        if self.was_there { PATIENCE_AFTER } else { PATIENCE }
    }
}

/// The last list of containers from the kubelet, and for how long each has had no cgroup.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    by_id: HashMap<String, One>,
}

impl Expected {
    /// Replaces the list with up to `most` pairs of container id and pod uid.
    pub(crate) fn set<'i>(&mut self, running: impl Iterator<Item = (&'i str, &'i str)>, most: usize) {
        self.by_id.values_mut().for_each(|one| one.listed = false);
        for (id, uid) in running.take(most) {
            match self.by_id.get_mut(id) {
                Some(one) => one.listed = true,
                None => {
                    let one = One {
                        uid: uid.to_owned(),
                        listed: true,
                        missing: 0,
                        was_there: false,
                        looked_for: false,
                        told: false,
                    };
                    self.by_id.insert(id.to_owned(), one);
                }
            }
        }
        self.by_id.retain(|_, one| one.listed);
    }

    /// Returns the uid of the pod that a container belongs to.
    pub(crate) fn uid(&self, id: &str) -> Option<&str> {
        self.by_id.get(id).map(|one| one.uid.as_str())
    }

    /// Returns true if a container has been missing for longer than a race explains, and was not searched for yet.
    pub(crate) fn is_search_due(&self) -> bool {
        self.by_id.values().any(|one| one.missing >= one.patience() && !one.looked_for)
    }

    /// Takes the ids of all containers that have a cgroup. `searched`: the whole hierarchy was searched for them. Returns the
    /// number of containers searched for in vain and, for those not yet reported, their number and one of them with its pod.
    pub(crate) fn found<'i>(
        &mut self,
        ids: impl Iterator<Item = &'i str>,
        searched: bool,
    ) -> (usize, Option<(usize, String, String)>) {
        self.by_id.values_mut().for_each(|one| one.missing = one.missing.saturating_add(1));
        for id in ids {
            if let Some(one) = self.by_id.get_mut(id) {
                (one.missing, one.was_there, one.looked_for, one.told) = (0, true, false, false);
            }
        }
        for one in self.by_id.values_mut() {
            one.looked_for |= searched && one.missing > one.patience();
        }
        let missing = self.by_id.values().filter(|one| one.looked_for).count();
        let mut news: Vec<_> = self.by_id.iter_mut().filter(|(_, one)| one.looked_for && !one.told).collect();
        news.iter_mut().for_each(|(_, one)| one.told = true);
        let first = news.iter().min_by_key(|(id, _)| *id);
        (missing, first.map(|(id, one)| (news.len(), (*id).clone(), one.uid.clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_told_once_after_a_search() {
        let mut expected = Expected::default();
        let list = [("a", "p"), ("b", "q")];
        expected.set(list.into_iter(), 10);
        assert_eq!((expected.uid("a"), expected.uid("c")), (Some("p"), None));
        let b = |expected: &mut Expected, searched| expected.found(["b"].into_iter(), searched);
        // it may have started, or ended, since the kubelet's update
        assert_eq!(b(&mut expected, true), (0, None));
        assert!(!expected.is_search_due());
        assert_eq!(b(&mut expected, false), (0, None));
        assert!(expected.is_search_due());
        assert_eq!(b(&mut expected, false), (0, None), "it was not looked for");
        assert!(expected.is_search_due());
        let told = Some((1, "a".to_owned(), "p".to_owned()));
        assert_eq!(b(&mut expected, true), (1, told.clone()));
        expected.set(list.into_iter(), 10);
        assert_eq!(b(&mut expected, true), (1, None), "once");
        assert!(!expected.is_search_due());
        assert_eq!(expected.found(["a", "b"].into_iter(), true), (0, None));
        for _ in 0..PATIENCE_AFTER {
            assert_eq!(b(&mut expected, true), (0, None), "it may have ended");
        }
        assert_eq!(b(&mut expected, true), (1, told), "it was there in between");
    }

    #[test]
    fn what_the_kubelet_does_not_list_is_not_expected() {
        let mut expected = Expected::default();
        expected.set([("a", "p"), ("b", "q"), ("c", "r")].into_iter(), 2);
        assert_eq!(expected.uid("c"), None, "a bound");
        expected.set([("b", "q")].into_iter(), 2);
        for _ in 0..5 {
            assert_eq!(expected.found(["b"].into_iter(), true), (0, None));
        }
        assert_eq!(expected.uid("a"), None);
    }
}
