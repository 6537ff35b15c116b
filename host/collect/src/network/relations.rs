//! How the node's interfaces relate to each other: which is a bond, a bridge or a tunnel, and which lies over others.
//!
//! The directory of an interface in `/sys/class/net` says it: `uevent` names the kind of most virtual ones (`DEVTYPE`),
//! `tun_flags`, `bonding` and `bridge` are there for one kind each, `device` leads to the hardware, `master` to the bond or
//! bridge that it is a port of, and each `lower_NAME` to one that it lies over. `/proc/net/vlan/config` and the list of a
//! bond's ports say the same where sysfs does not.

use std::collections::HashMap;
use std::ffi::CStr;

use crate::error::{FileError, is_absent};
use crate::proc::vlan;
use crate::report::Problems;
use crate::root::{Dir, HostRoot, ReadBuffer};

const DIRECTORY: &str = "/sys/class/net";
const VLANS: &str = "/proc/1/net/vlan/config";
/// An interface is looked at anew after so many ticks: ports come and go.
const EVERY_TICKS: u32 = 10;
/// So many known ones are looked at anew in one tick.
const MAX_AGAIN: usize = 32;
/// So many interfaces are known; nodes have one for each pod.
const MAX_INTERFACES: usize = 2048;
/// An interface lies over so many others at most; the ports of a bridge are not asked for.
const MAX_OVER: usize = 64;
/// Hardware types (`ARPHRD_…`) of IP in IP, IPv6 tunnels, SIT, GRE and GRE over IPv6.
const TUNNELS: [&str; 5] = ["768", "769", "776", "778", "823"];
/// Longer than any name of an interface or of a kind.
const MAX_NAME: usize = 64;

/// Facts about one interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Relation {
    /// `DEVTYPE` of its `uevent`, else `bond`, `bridge`, `tun` or `tunnel`, else `hardware`.
    pub(crate) kind: Option<String>,
    /// The interface that it is a port of.
    pub(crate) master: Option<String>,
    /// The interfaces that it lies over, in order of name.
    pub(crate) over: Vec<String>,
    /// Ports of a bond.
    ports: Vec<String>,
}

#[derive(Debug)]
struct Known {
    /// Inode of its entry in sysfs; 0 in a recording.
    identity: u64,
    seen: bool,
    relation: Option<Relation>,
    /// Ticks since it was looked at.
    age: u32,
}

impl Known {
    fn new(identity: u64) -> Self {
        Self { identity, seen: true, relation: None, age: 0 }
    }
}

/// The node's interfaces, by name. One that was removed and made anew counts from zero under its old name.
#[derive(Debug, Default)]
pub(crate) struct Interfaces {
    known: HashMap<String, Known>,
    /// VLANs and what they lie over, as their own list says.
    vlans: Vec<(String, String)>,
}

impl Interfaces {
    /// Lists them, which gives all identities at once, and looks at those that are new or due, unless `is_left_out`.
    pub(crate) fn update(
        &mut self,
        root: &HostRoot,
        is_left_out: impl Fn(&str) -> bool,
        buffer: &mut ReadBuffer,
        problems: &mut Problems,
    ) {
        let mut left_out = 0;
        self.known.values_mut().for_each(|known| known.seen = false);
        let listed = root.dir(DIRECTORY).and_then(|dir| {
            dir.for_each(|entry| {
                let identity = if root.is_recording() { 0 } else { entry.inode };
                left_out += usize::from(!self.see(entry.name, identity));
            })
        });
        match listed {
            Err(errno) if !is_absent(errno) => {
                // those that were known may be there all the same
                problems.add("sys", || DIRECTORY.to_owned(), std::io::Error::from(errno));
            }
            Ok(()) | Err(_) => self.known.retain(|_, known| known.seen),
        }
        if left_out > 0 {
            let error = format!("{left_out} interfaces left out: more than {MAX_INTERFACES}");
            problems.add("sys", || DIRECTORY.to_owned(), error);
        }
        let recording = root.is_recording();
        let mut due: Vec<(u32, String)> = Vec::new();
        for (name, known) in self.known.iter_mut().filter(|(name, _)| !is_left_out(name)) {
            known.age = known.age.saturating_add(1);
            let is_new = known.relation.is_none() || recording;
            if is_new || known.age >= EVERY_TICKS {
                due.push((if is_new { u32::MAX } else { known.age }, name.clone()));
            }
        }
        if due.is_empty() && !recording {
            return;
        }
        due.sort_unstable_by(|a, b| b.cmp(a));
        let is_new = |(age, _): &(u32, String)| *age == u32::MAX;
        let count = due.partition_point(is_new);
        for (_, name) in due.into_iter().take(count + MAX_AGAIN) {
            // the entries of a live sysfs are links
            let path = format!("{DIRECTORY}/{name}");
            let (mut failed, mut beyond) = (None, 0);
            let relation = match root.dir(&path) {
                Ok(dir) => Some(read(&dir, buffer, &mut failed, &mut beyond)),
                // it ended, or is a file such as bonding_masters
                Err(errno) if is_absent(errno) => Some(Relation::default()),
                Err(errno) => {
                    failed = Some(errno.into());
                    None
                }
            };
            if let Some(known) = self.known.get_mut(&name) {
                known.relation = relation.or(known.relation.take()).or(Some(Relation::default()));
                known.age = 0;
            }
            if beyond > 0 {
                let error = format!("{beyond} interfaces below it left out: more than {MAX_OVER}");
                problems.add("sys", || path.clone(), error);
            }
            if let Some(error) = failed {
                problems.add("sys", || path, error);
            }
        }
        self.vlans.clear();
        let mut beyond = 0;
        let skipped = match root.read(VLANS, buffer) {
            Ok(Some(text)) => vlan::each(text, |vlan, over| {
                if self.vlans.len() >= MAX_INTERFACES {
                    beyond += 1;
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
        if beyond > 0 {
            let error = format!("{beyond} rows left out: more than {MAX_INTERFACES}");
            problems.add("network", || VLANS.to_owned(), error);
        }
        if let Some(error) = skipped {
            problems.add("network", || VLANS.to_owned(), format_args!("{error}; the row is left out"));
        }
    }

    /// Returns false when there are too many.
    fn see(&mut self, name: &str, identity: u64) -> bool {
        let has_room = self.known.len() < MAX_INTERFACES;
        match self.known.get_mut(name) {
            Some(known) if known.identity == identity => known.seen = true,
            Some(known) => *known = Known::new(identity),
            None if has_room => _ = self.known.insert(name.to_owned(), Known::new(identity)),
            None => return false,
        }
        true
    }

    /// 0 where nothing is known.
    pub(crate) fn identity(&self, name: &str) -> u64 {
        self.known.get(name).map_or(0, |known| known.identity)
    }

    /// Facts about one interface; empty where nothing is known.
    pub(crate) fn relation(&self, name: &str) -> Relation {
        let known = self.known.get(name).and_then(|known| known.relation.clone());
        let mut relation = known.unwrap_or_default();
        if relation.master.is_none() {
            let has_port = |known: &Known| {
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

/// Looks at one interface. What cannot be read is not known; `failed` takes the first such file's error, `beyond` the number of
/// interfaces below it that are left out.
fn read(dir: &Dir, buffer: &mut ReadBuffer, failed: &mut Option<FileError>, beyond: &mut usize) -> Relation {
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
        // those that were listed before count
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
                *beyond += cut(&mut relation.ports);
            }
        }
        // its ports say so themselves, and there may be one for each pod
        Some("bridge") => relation.over.clear(),
        _ => {}
    }
    *beyond += cut(&mut relation.over);
    relation
}

/// Puts names in order and leaves out those that are too many; how many these are.
fn cut(names: &mut Vec<String>) -> usize {
    names.sort_unstable();
    let beyond = names.len().saturating_sub(MAX_OVER);
    names.truncate(MAX_OVER);
    beyond
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
