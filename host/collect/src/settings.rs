//! Settings of the collector.

use std::time::Duration;

/// Settings of the collector. [`Settings::default`] suits a node; only the names have to be filled in.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name of the node: attribute `node.name` and id of the `node` entity.
    pub node_name: String,
    /// `eks`, `kubernetes` or `ecs`.
    pub orchestrator: String,
    /// Name of the cluster, if known.
    pub cluster_name: Option<String>,
    /// Excluded interfaces, by name, compared without regard to ASCII case; a trailing `*` matches any suffix.
    pub interface_exclude: Vec<String>,
    /// Block devices excluded from `disk`, by kernel name; a trailing `*` matches any suffix. Loop devices pass their I/O on
    /// to other devices and RAM devices have no disk behind them, so both would count twice.
    pub disk_exclude: Vec<String>,
    /// Time limit for `statfs` on all file systems together.
    pub statfs_timeout: Duration,
    /// Time for which the last reading of a counter is kept after the counter was last seen.
    pub forget_after: Duration,
    /// Interval, in ticks, at which the bounds of a cgroup (`cpu.max`, `memory.max`, `pids.max`, …) are re-read after the
    /// first read: they rarely change, and are a third of all files.
    pub bounds_every: u32,
    /// Maximum number of pod and container cgroups read, checked before each pod; the rest is left out and reported.
    pub max_cgroups: usize,
    /// Enables the interfaces of pods. Off saves one process list and one file per pod.
    pub pod_network: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        Self {
            node_name: String::new(),
            orchestrator: "kubernetes".to_owned(),
            cluster_name: None,
            interface_exclude: texts(&["lo", "veth*", "docker*", "nerdctl*"]),
            disk_exclude: texts(&["loop*", "ram*", "sr*"]),
            statfs_timeout: Duration::from_secs(2),
            forget_after: Duration::from_secs(600),
            bounds_every: 5,
            max_cgroups: 20_000,
            pod_network: true,
        }
    }
}

/// Returns true if one of the patterns (a name, or a prefix and `*`) matches `name`, ignoring ASCII case.
pub fn matches_any(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        // interface names are arbitrary bytes to the kernel, so `get` guards the character boundary
        Some(start) => name.get(..start.len()).is_some_and(|front| front.eq_ignore_ascii_case(start)),
        None => name.eq_ignore_ascii_case(pattern),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let patterns = Settings::default().interface_exclude;
        for out in ["lo", "LO", "veth", "veth12", "VETH1", "docker0", "nerdctl0"] {
            assert!(matches_any(&patterns, out), "{out}");
        }
        for stays in ["lo0", "eth0", "vet", "éth", "cni0", ""] {
            assert!(!matches_any(&patterns, stays), "{stays}");
        }
    }
}
