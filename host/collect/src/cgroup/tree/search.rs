//! Search for the directories of a node that hold pods.

use super::strays::Stray;
use super::{WalkedHierarchy, join};
use crate::cgroup::expected::Expected;
use crate::cgroup::path::{self, DirKind};
use crate::report::Problems;

/// Interval between searches of the whole hierarchy, 300 s: a kubelet may start late, or a second one inside a container.
/// Pods below a known top directory are found at every tick regardless.
pub(super) const SEARCH_NS: u64 = 300 * 1_000_000_000;
/// First pause between two searches that find nothing, 10 s; each one doubles it, up to [`SEARCH_NS`].
pub(super) const FIRST_PAUSE_NS: u64 = 10 * 1_000_000_000;
/// Maximum depth of a search, and maximum number of directories.
const SEARCH_DEPTH: usize = 10;
const SEARCH_DIRECTORIES: usize = 20_000;

/// The known top directories, sorted, and the time of the next search.
#[derive(Debug)]
pub(super) struct Search {
    pub(super) tops: Vec<String>,
    /// Directories outside all pods that hold containers of pods.
    pub(super) stray_parents: Vec<String>,
    /// `true` if the whole hierarchy was searched at this tick.
    pub(super) searched: bool,
    /// Time of the last search requested because of missing containers.
    requested_ns: Option<u64>,
    due_ns: Option<u64>,
    pause_ns: u64,
}

impl Default for Search {
    fn default() -> Self {
        Self {
            tops: Vec::new(),
            stray_parents: Vec::new(),
            searched: false,
            requested_ns: None,
            due_ns: None,
            pause_ns: FIRST_PAUSE_NS,
        }
    }
}

impl Search {
    /// Searches the hierarchy if due. Between two searches, a node without pods only reads the root directory, below which
    /// most kubelets create the top directory.
    pub(super) fn update(
        &mut self,
        walked: WalkedHierarchy<'_>,
        now_ns: u64,
        expected: &Expected,
        problems: &mut Problems,
    ) {
        // a due time beyond the longest pause comes from another clock, such as another recording
        let due = self.due_ns.is_none_or(|at| now_ns >= at || at - now_ns > SEARCH_NS);
        // rate limit: containers without a cgroup may come and go all the time
        let is_pause_over = self.requested_ns.is_none_or(|at| now_ns.saturating_sub(at) >= FIRST_PAUSE_NS);
        let requested = is_pause_over && expected.is_search_due();
        self.searched = due || requested;
        if !self.searched {
            if self.tops.is_empty() {
                self.walk(walked, 0, expected);
            }
            return;
        }
        if requested {
            self.requested_ns = Some(now_ns);
        }
        self.tops.clear();
        self.stray_parents.clear();
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

    /// Drops top directories that are gone. If none is left, the next search is due after [`FIRST_PAUSE_NS`].
    pub(super) fn forget(&mut self, gone: &[String], now_ns: u64) {
        self.tops.retain(|top| !gone.contains(top));
        if !gone.is_empty() && self.tops.is_empty() {
            self.due_ns = Some(now_ns.saturating_add(FIRST_PAUSE_NS));
            self.pause_ns = FIRST_PAUSE_NS;
        }
    }

    /// Walks the hierarchy. Returns the error text if a bound was reached.
    fn walk(&mut self, walked: WalkedHierarchy<'_>, depth: usize, expected: &Expected) -> Option<String> {
        let Self { tops, stray_parents, .. } = self;
        let mut walk = Walk { walked, expected, left: SEARCH_DIRECTORIES, too_deep: 0, tops, stray_parents };
        walk.directory("", depth);
        let (left, too_deep) = (walk.left, walk.too_deep);
        self.tops.sort_unstable();
        if left == 0 {
            Some(format!(
                "search for pods stopped after {SEARCH_DIRECTORIES} directories; pods elsewhere are missing"
            ))
        } else if depth > 0 && too_deep > 0 {
            Some(format!("search for pods skipped {too_deep} directories below level {SEARCH_DEPTH}"))
        } else {
            None
        }
    }
}

struct Walk<'w> {
    walked: WalkedHierarchy<'w>,
    left: usize,
    too_deep: usize,
    expected: &'w Expected,
    tops: &'w mut Vec<String>,
    stray_parents: &'w mut Vec<String>,
}

impl Walk<'_> {
    /// Walks one directory. Ignores a directory that cannot be opened: they come and go, and hardly any has pods in it.
    fn directory(&mut self, path: &str, depth: usize) {
        let Ok(dir) = self.walked.open(path) else { return };
        let parent = path.rsplit('/').next().unwrap_or(path);
        let mut deeper = Vec::new();
        let mut has_strays = false;
        let listed = dir.for_each(|entry| {
            if !entry.is_dir || self.left == 0 {
                return;
            }
            self.left -= 1;
            match path::dir_kind(parent, entry.name) {
                DirKind::Top => self.tops.push(join(path, entry.name)),
                DirKind::Pod(_) | DirKind::Class => {}
                DirKind::Other if Stray::parse(entry.name, self.expected).is_some() => has_strays = true,
                DirKind::Other => deeper.push(join(path, entry.name)),
            }
        });
        if has_strays && !self.stray_parents.iter().any(|parent_path| parent_path == path) {
            self.stray_parents.push(path.to_owned());
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
