//! Where the pods of a node are: the search for their tops.

use super::homes::Stray;
use super::{Walked, join};
use crate::cgroup::expected::Expected;
use crate::cgroup::path::{self, Folder};
use crate::report::Problems;

/// A search through the whole hierarchy is due after so long: a kubelet may start late, or a second one inside a
/// container. Below a known top, nothing is ever missed.
pub(super) const SEARCH_NS: u64 = 300 * 1_000_000_000;
/// First pause between two searches that find nothing; each one doubles it, up to [`SEARCH_NS`].
pub(super) const FIRST_PAUSE_NS: u64 = 10 * 1_000_000_000;
/// A search goes no deeper, and looks at no more directories.
const SEARCH_DEPTH: usize = 10;
const SEARCH_DIRECTORIES: usize = 20_000;

/// The known tops, in order, and when to look for more.
#[derive(Debug)]
pub(super) struct Search {
    pub(super) tops: Vec<String>,
    /// Directories outside of all pods that hold containers of pods.
    pub(super) homes: Vec<String>,
    /// The whole hierarchy was searched at this tick.
    pub(super) searched: bool,
    /// When a search was asked for last by containers that are missing.
    asked_ns: Option<u64>,
    due_ns: Option<u64>,
    pause_ns: u64,
}

impl Default for Search {
    fn default() -> Self {
        Self {
            tops: Vec::new(),
            homes: Vec::new(),
            searched: false,
            asked_ns: None,
            due_ns: None,
            pause_ns: FIRST_PAUSE_NS,
        }
    }
}

impl Search {
    /// Searches when that is due. Between two searches, a node without pods is looked at in the place where most kubelets
    /// put them, right below the root: one directory.
    pub(super) fn update(
        &mut self,
        walked: Walked<'_>,
        now_ns: u64,
        expected: &Expected,
        problems: &mut Problems,
    ) {
        // a time beyond the longest pause belongs to another clock
        let due = self.due_ns.is_none_or(|at| now_ns >= at || at - now_ns > SEARCH_NS);
        // pods without a cgroup for their containers may come and go all the time
        let is_rested = self.asked_ns.is_none_or(|at| now_ns.saturating_sub(at) >= FIRST_PAUSE_NS);
        let asked = is_rested && expected.is_search_due();
        self.searched = due || asked;
        if !self.searched {
            if self.tops.is_empty() {
                self.walk(walked, 0, expected);
            }
            return;
        }
        if asked {
            self.asked_ns = Some(now_ns);
        }
        self.tops.clear();
        self.homes.clear();
        if let Some(left_out) = self.walk(walked, SEARCH_DEPTH, expected) {
            problems.add("cgroup", || walked.point.to_owned(), left_out);
        }
        if self.tops.is_empty() {
            self.due_ns = Some(now_ns.saturating_add(self.pause_ns));
            self.pause_ns = self.pause_ns.saturating_mul(2).min(SEARCH_NS);
        } else {
            self.due_ns = Some(now_ns.saturating_add(SEARCH_NS));
            self.pause_ns = FIRST_PAUSE_NS;
        }
    }

    /// Forgets tops that are gone; without any left, the next search is soon.
    pub(super) fn forget(&mut self, gone: &[String], now_ns: u64) {
        self.tops.retain(|top| !gone.contains(top));
        if !gone.is_empty() && self.tops.is_empty() {
            self.due_ns = Some(now_ns.saturating_add(FIRST_PAUSE_NS));
            self.pause_ns = FIRST_PAUSE_NS;
        }
    }

    /// Returns what the bounds leave out.
    fn walk(&mut self, walked: Walked<'_>, depth: usize, expected: &Expected) -> Option<String> {
        let Self { tops, homes, .. } = self;
        let mut walk = Walk { walked, expected, left: SEARCH_DIRECTORIES, too_deep: 0, tops, homes };
        walk.directory("", depth);
        let (left, too_deep) = (walk.left, walk.too_deep);
        self.tops.sort_unstable();
        if left == 0 {
            Some(format!(
                "search for pods ended after {SEARCH_DIRECTORIES} directories: pods elsewhere are left out"
            ))
        } else if depth > 0 && too_deep > 0 {
            Some(format!(
                "search for pods left out {too_deep} directories, deeper than {SEARCH_DEPTH} levels"
            ))
        } else {
            None
        }
    }
}

struct Walk<'w> {
    walked: Walked<'w>,
    left: usize,
    too_deep: usize,
    expected: &'w Expected,
    tops: &'w mut Vec<String>,
    homes: &'w mut Vec<String>,
}

impl Walk<'_> {
    /// A directory that cannot be opened is no problem here: they come and go, and hardly any has pods in it.
    fn directory(&mut self, path: &str, depth: usize) {
        let Ok(dir) = self.walked.open(path) else { return };
        let parent = path.rsplit('/').next().unwrap_or(path);
        let mut deeper = Vec::new();
        let mut is_home = false;
        let listed = dir.for_each(|entry| {
            if !entry.is_dir || self.left == 0 {
                return;
            }
            self.left -= 1;
            match path::folder(parent, entry.name) {
                Folder::Kubepods => self.tops.push(join(path, entry.name)),
                Folder::Pod(_) | Folder::QosClass => {}
                Folder::Other if Stray::parse(entry.name, self.expected).is_some() => is_home = true,
                Folder::Other => deeper.push(join(path, entry.name)),
            }
        });
        if is_home && !self.homes.iter().any(|home| home == path) {
            self.homes.push(path.to_owned());
        }
        if listed.is_err() {
            return;
        }
        if depth == 0 {
            self.too_deep += deeper.len();
            return;
        }
        for path in deeper {
            self.directory(&path, depth - 1);
        }
    }
}
