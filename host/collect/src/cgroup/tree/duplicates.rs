//! Pods below several roots: the pods of a kubelet in a container also appear below that container's cgroup.

use super::{Pod, Tree};

impl Tree {
    /// Chooses one cgroup of each pod: the one chosen before, else the one in use nearest to the root, else the one nearest to
    /// the root. Hides the others. `is_used` returns true if any process ever ran in the cgroup at that path.
    pub(crate) fn hide_duplicates(&mut self, mut is_used: impl FnMut(&str) -> bool) {
        let Self { search, pods, .. } = self;
        if search.tops.len() < 2 {
            pods.iter_mut().for_each(|pod| pod.hidden = false);
            return;
        }
        let key = |pod: &Pod| (pod.uid.clone(), pod.cgroup.path.len());
        let mut order: Vec<usize> = (0..pods.len()).collect();
        order.sort_by_cached_key(|&index| pods.get(index).map(key));
        let same_pod =
            |a: &usize, b: &usize| pods.get(*a).map(|pod| &pod.uid) == pods.get(*b).map(|pod| &pod.uid);
        let groups: Vec<Vec<usize>> = order.chunk_by(same_pod).map(<[usize]>::to_vec).collect();
        for group in groups {
            let find = |pods: &[Pod], test: &mut dyn FnMut(&Pod) -> bool| {
                group.iter().copied().find(|&index| pods.get(index).is_some_and(&mut *test))
            };
            let settled = find(pods, &mut |pod| pod.chosen).or_else(|| {
                if group.len() < 2 { None } else { find(pods, &mut |pod| is_used(&pod.cgroup.path)) }
            });
            let shown = settled.or(group.first().copied());
            for &index in &group {
                if let Some(pod) = pods.get_mut(index) {
                    pod.hidden = shown != Some(index);
                    pod.chosen = settled == Some(index);
                }
            }
        }
    }
}
