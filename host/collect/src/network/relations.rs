//! Relations between the node's interfaces: bonds, bridges, tunnels, and the lower interfaces of each.
//!
//! The directory of an interface in `/sys/class/net` has these facts: `uevent` names the kind of most virtual ones
//! (`DEVTYPE`); `tun_flags`, `bonding` and `bridge` each exist for one kind; `device` links to the hardware, `master` to the
//! bond or bridge that it is a port of, and each `lower_NAME` to a lower interface. `/proc/net/vlan/config` and the list of a
//! bond's ports complete it where sysfs does not have the links.

use std::collections::HashMap;
use std::ffi::CStr;

use crate::error::{FileError, is_absent};
use crate::proc::vlan;
use crate::report::Problems;
use crate::root::{Dir, HostRoot, ReadBuffer};

const DIRECTORY: &str = "/sys/class/net";
const VLANS: &str = "/proc/1/net/vlan/config";
/// Interval, in ticks, at which a known interface is re-read: ports come and go.
const REREAD_TICKS: u32 = 10;
/// Maximum number of known interfaces re-read in one tick.
const MAX_REREAD: usize = 32;
/// Maximum number of known interfaces; a node has at least one per pod.
pub(crate) const MAX_INTERFACES: usize = 2048;
/// Maximum number of lower interfaces of one interface, and of ports of a bond; ports of a bridge are not listed.
const MAX_OVER: usize = 64;
/// Hardware types (`ARPHRD_…`) of IP in IP, IPv6 tunnels, SIT, GRE and GRE over IPv6.
const TUNNELS: [&str; 5] = ["768", "769", "776", "778", "823"];
/// Upper bound on the length of the name of an interface or kind, bytes.
const MAX_NAME: usize = 64;

/// Relations of one interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Relation {
    /// `DEVTYPE` of its `uevent`, else `bond`, `bridge`, `tun` or `tunnel`, else `hardware`.
    pub(crate) kind: Option<String>,
    /// The interface, such as a bond or bridge, that it is a port of.
    pub(crate) master: Option<String>,
    /// Lower interfaces, sorted by name.
    pub(crate) over: Vec<String>,
    /// Ports of a bond, from `bonding/slaves`.
    ports: Vec<String>,
}

#[derive(Debug)]
struct KnownInterface {
    /// Inode of its entry in sysfs; 0 in a recording.
    identity: u64,
    seen: bool,
    relation: Option<Relation>,
    /// Ticks since it was last read.
    age: u32,
}

impl KnownInterface {
    fn new(identity: u64) -> Self {
        Self { identity, seen: true, relation: None, age: 0 }
    }
}

/// The node's interfaces, by name. One that was removed and created again restarts its counters under the old name.
#[derive(Debug, Default)]
pub(crate) struct Interfaces {
    known: HashMap<String, KnownInterface>,
    /// VLANs and their lower interfaces, from `/proc/net/vlan/config`.
    vlans: Vec<(String, String)>,
}

impl Interfaces {
    /// Lists all interfaces with their identities, and reads the new and due ones, except those that match `is_excluded`.
    pub(crate) fn update(
        &mut self,
        root: &HostRoot,
        is_excluded: impl Fn(&str) -> bool,
        buffer: &mut ReadBuffer,
        problems: &mut Problems,
    ) {
        self.list(root, problems);
        let recording = root.is_recording();
        let due = self.due(is_excluded, recording);
        if due.is_empty() && !recording {
            return;
        }
        for name in due {
            self.reread(&name, root, buffer, problems);
        }
        self.read_vlans(root, buffer, problems);
    }

    /// Lists all interfaces with their identities.
    fn list(&mut self, root: &HostRoot, problems: &mut Problems) {
        let mut left_out = 0;
        self.known.values_mut().for_each(|known| known.seen = false);
        let listed = root.dir(DIRECTORY).and_then(|dir| {
            dir.for_each(|entry| {
                let identity = if root.is_recording() { 0 } else { entry.inode };
                left_out += usize::from(!self.mark_seen(entry.name, identity));
            })
        });
        match listed {
            Err(errno) if !is_absent(errno) => {
                // keep the known interfaces: they may still exist
                problems.add("sys", || DIRECTORY.to_owned(), std::io::Error::from(errno));
            }
            Ok(()) | Err(_) => self.known.retain(|_, known| known.seen),
        }
        if left_out > 0 {
            let error = format!("{left_out} interfaces skipped: more than {MAX_INTERFACES}");
            problems.add("sys", || DIRECTORY.to_owned(), error);
        }
    }

    /// Returns the interfaces to read in this tick: all new ones, and [`MAX_REREAD`] of those read longest ago. In a recording all
    /// are new, since its frames may be far apart.
    fn due(&mut self, is_excluded: impl Fn(&str) -> bool, recording: bool) -> Vec<String> {
        let mut due: Vec<(u32, String)> = Vec::new();
        for (name, known) in self.known.iter_mut().filter(|(name, _)| !is_excluded(name)) {
            known.age = known.age.saturating_add(1);
            let is_new = known.relation.is_none() || recording;
            if is_new || known.age >= REREAD_TICKS {
                due.push((if is_new { u32::MAX } else { known.age }, name.clone()));
            }
        }
        due.sort_unstable_by(|a, b| b.cmp(a));
        let count = due.partition_point(|(age, _)| *age == u32::MAX);
        due.truncate(count + MAX_REREAD);
        due.into_iter().map(|(_, name)| name).collect()
    }

    /// Reads the relations of one interface. After an error, the known ones are kept.
    fn reread(&mut self, name: &str, root: &HostRoot, buffer: &mut ReadBuffer, problems: &mut Problems) {
        // the entries of a live sysfs are symbolic links
        let path = format!("{DIRECTORY}/{name}");
        let (mut failed, mut skipped_lower) = (None, 0);
        let relation = match root.dir(&path) {
            Ok(dir) => Some(read(&dir, buffer, &mut failed, &mut skipped_lower)),
            // it was removed, or is a file such as bonding_masters
            Err(errno) if is_absent(errno) => Some(Relation::default()),
            Err(errno) => {
                failed = Some(errno.into());
                None
            }
        };
        if let Some(known) = self.known.get_mut(name) {
            known.relation = relation.or(known.relation.take()).or(Some(Relation::default()));
            known.age = 0;
        }
        if skipped_lower > 0 {
            let error = format!("{skipped_lower} lower interfaces skipped: more than {MAX_OVER}");
            problems.add("sys", || path.clone(), error);
        }
        if let Some(error) = failed {
            problems.add("sys", || path, error);
        }
    }

    /// Reads the list of VLANs.
    fn read_vlans(&mut self, root: &HostRoot, buffer: &mut ReadBuffer, problems: &mut Problems) {
        self.vlans.clear();
        let mut skipped_rows = 0;
        let skipped = match root.read(VLANS, buffer) {
            Ok(Some(text)) => vlan::each(text, |vlan, over| {
                if self.vlans.len() >= MAX_INTERFACES {
                    skipped_rows += 1;
                } else if is_name(vlan) && is_name(over) {
                    self.vlans.push((vlan.to_owned(), over.to_owned()));
                }
            }),
            Ok(None) => None,
            Err(error) => {
                problems.add("network", || VLANS.to_owned(), error);
                None
            }
        };
        if skipped_rows > 0 {
            let error = format!("{skipped_rows} rows skipped: more than {MAX_INTERFACES}");
            problems.add("network", || VLANS.to_owned(), error);
        }
        if let Some(error) = skipped {
            problems.add("network", || VLANS.to_owned(), format_args!("{error}; row skipped"));
        }
    }

    /// Marks an interface as seen. Returns false if there are too many.
    fn mark_seen(&mut self, name: &str, identity: u64) -> bool {
        let has_room = self.known.len() < MAX_INTERFACES;
        match self.known.get_mut(name) {
            Some(known) if known.identity == identity => known.seen = true,
            Some(known) => *known = KnownInterface::new(identity),
            None if has_room => _ = self.known.insert(name.to_owned(), KnownInterface::new(identity)),
            None => return false,
        }
        true
    }

    /// Returns the identity of an interface, 0 if it is unknown.
    pub(crate) fn identity(&self, name: &str) -> u64 {
        self.known.get(name).map_or(0, |known| known.identity)
    }

    /// Returns the relations of one interface; empty if it is unknown.
    pub(crate) fn relation(&self, name: &str) -> Relation {
        let known = self.known.get(name).and_then(|known| known.relation.clone());
        let mut relation = known.unwrap_or_default();
        if relation.master.is_none() {
            let has_port = |known: &KnownInterface| {
                known.relation.as_ref().is_some_and(|relation| relation.ports.iter().any(|port| port == name))
            };
            let master = self.known.iter().find(|(_, known)| has_port(known));
            relation.master = master.map(|(master, _)| master.clone());
        }
        if let Some((_, over)) = self.vlans.iter().find(|(vlan, _)| vlan == name) {
            relation.kind.get_or_insert_with(|| "vlan".to_owned());
            if relation.over.is_empty() {
                relation.over.push(over.clone());
            }
        }
        relation
    }
}

/// Reads one interface. Facts that cannot be read stay unset; `failed` takes the error of the first such file, `skipped_lower` the
/// number of lower interfaces left out.
fn read(
    dir: &Dir,
    buffer: &mut ReadBuffer,
    failed: &mut Option<FileError>,
    skipped_lower: &mut usize,
) -> Relation {
    let mut relation = Relation::default();
    let (mut hardware, mut kind, mut has_master) = (false, None, false);
    let listed = dir.for_each(|entry| match entry.name {
        "device" => hardware = true,
        "master" => has_master = true,
        "bonding" => kind = Some("bond"),
        "bridge" => kind = Some("bridge"),
        "tun_flags" => kind = Some("tun"),
        name => {
            if let Some(lower) = name.strip_prefix("lower_").filter(|lower| is_name(lower)) {
                relation.over.push(lower.to_owned());
            }
        }
    });
    if let Err(errno) = listed {
        // after an error, the entries listed so far count
        failed.get_or_insert(errno.into());
    }
    let mut text = |dir: &Dir, name: &CStr| match dir.read(name, buffer) {
        Ok(text) => text.map(|text| String::from_utf8_lossy(text).into_owned()).unwrap_or_default(),
        Err(error) => {
            failed.get_or_insert(error);
            String::new()
        }
    };
    if has_master && let Ok(target) = dir.link(c"master") {
        relation.master = last_part(&target).map(str::to_owned);
    }
    relation.kind = devtype(&text(dir, c"uevent")).or_else(|| {
        let mut is_tunnel = || TUNNELS.contains(&text(dir, c"type").trim());
        let kind = kind.or_else(|| is_tunnel().then_some("tunnel"));
        kind.or(hardware.then_some("hardware")).map(str::to_owned)
    });
    match relation.kind.as_deref() {
        Some("bond") => {
            if let Ok(dir) = dir.dir("bonding") {
                let ports = text(&dir, c"slaves");
                let names = ports.split_ascii_whitespace().filter(|name| is_name(name));
                relation.ports = names.map(str::to_owned).collect();
                *skipped_lower += cut(&mut relation.ports);
            }
        }
        // its ports have a `master` link themselves, and there may be one per pod
        Some("bridge") => relation.over.clear(),
        _ => {}
    }
    *skipped_lower += cut(&mut relation.over);
    relation
}

/// Sorts names and truncates them to [`MAX_OVER`]. Returns the number of dropped names.
fn cut(names: &mut Vec<String>) -> usize {
    names.sort_unstable();
    let dropped = names.len().saturating_sub(MAX_OVER);
    names.truncate(MAX_OVER);
    dropped
}

fn devtype(uevent: &str) -> Option<String> {
    let value = uevent.lines().find_map(|line| line.strip_prefix("DEVTYPE="))?;
    is_name(value).then(|| value.to_owned())
}

fn last_part(target: &str) -> Option<&str> {
    target.rsplit('/').next().filter(|name| is_name(name))
}

fn is_name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'/' | b','))
}
