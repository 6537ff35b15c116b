//! What the collector is told.

use std::time::Duration;

/// How to read a host. [`Settings::default`] suits a node; only the names have to be filled in.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name of the node: attribute `node.name` and id of the `node` entity.
    pub node_name: String,
    /// `eks`, `kubernetes` or `ecs`.
    pub orchestrator: String,
    /// Name of the cluster, where known.
    pub cluster_name: Option<String>,
    /// Interfaces that are left out, by name in small letters; a trailing `*` stands for any rest.
    pub interface_exclude: Vec<String>,
    /// Block devices that are left out of `disk`, by kernel name; a trailing `*` stands for any rest. Loop and RAM
    /// devices hand on to others or to nobody, and would count twice.
    pub disk_exclude: Vec<String>,
    /// How long all file systems together may take to say how full they are.
    pub statfs_timeout: Duration,
    /// How long a counter that is not seen any more keeps its last reading.
    pub forget_after: Duration,
    /// Bounds (`cpu.max`, `memory.max`, `pids.max`, …) are read at first sight of a cgroup and then every so many ticks:
    /// they hardly ever change, and are a third of all files.
    pub bounds_every: u32,
    /// At most so many cgroups of pods and containers are read; the rest is left out and reported.
    pub max_cgroups: usize,
    /// Interfaces of pods: off saves one process list and one file a pod.
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

/// Returns true if one of the patterns (a name, or a start and `*`) fits `name`.
pub fn fits(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        // interface names are bytes to the kernel; the patterns are compared without regard to case
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
            assert!(fits(&patterns, out), "{out}");
        }
        for stays in ["lo0", "eth0", "vet", "éth", "cni0", ""] {
            assert!(!fits(&patterns, stays), "{stays}");
        }
    }
}
