//! Selection of a node's interfaces that lead out of it, so that traffic passing several of them is counted once.
//!
//! A byte sent by a pod passes the pod's interface, a bridge or a tunnel, perhaps a VLAN, a bond and one of the bond's ports. It
//! is counted on the bond, or on the hardware if there is no bond. The host reports the relations (`interface.kind`,
//! `interface.master`, `interface.over`); without them the names decide.

use insights_sdk::Entity;

use crate::options::Options;
use crate::raw::{Raw, attribute};

/// Kinds that only forward traffic that passes another interface too.
const SOFTWARE: &[&str] = &[
    "bareudp",
    "bridge",
    "geneve",
    "gretap",
    "gtp",
    "ip6gretap",
    "l2tpeth",
    "tun",
    "tunnel",
    "vxlan",
    "wireguard",
];
/// Maximum depth of masters: a port of a bond that is a port of a bridge; no machine has more levels.
const LEVELS: u32 = 4;

/// The interfaces of one node.
pub(crate) struct Uplink<'u, 'b> {
    pub(crate) interfaces: &'u [Entity<'b>],
    pub(crate) raw: &'u Raw,
    pub(crate) options: &'u Options,
}

impl<'b> Uplink<'_, 'b> {
    /// Returns true if the traffic of this interface passes no other counted interface.
    pub(crate) fn counts(&self, interface: Entity<'b>) -> bool {
        self.counts_at(interface, LEVELS)
    }

    fn counts_at(&self, interface: Entity<'b>, levels: u32) -> bool {
        let name = self.name(interface);
        let kind = attribute(interface, self.raw.interface_kind);
        if self.options.is_pod_side(name, kind.is_some()) || kind.is_some_and(|kind| SOFTWARE.contains(&kind))
        {
            return false;
        }
        if !matches!(kind, Some("bond" | "hardware")) && self.lies_over_another(interface, name) {
            return false;
        }
        let master = attribute(interface, self.raw.interface_master).filter(|_| levels > 0);
        !master.and_then(|master| self.find(master)).is_some_and(|master| self.counts_at(master, levels - 1))
    }

    /// Returns true if the interface lies over another one of the node: VLANs, macvlans and the like, and other bundles.
    fn lies_over_another(&self, interface: Entity<'b>, name: &str) -> bool {
        let is_there = |below: &str| self.find(below).is_some();
        match attribute(interface, self.raw.interface_over) {
            Some(over) => over.split(',').any(is_there),
            // By convention `eth0.100` is a VLAN over `eth0`.
            None => name.rsplit_once('.').is_some_and(|(below, _)| is_there(below)),
        }
    }

    fn find(&self, name: &str) -> Option<Entity<'b>> {
        self.interfaces.iter().copied().find(|interface| self.name(*interface) == name)
    }

    fn name(&self, interface: Entity<'b>) -> &'b str {
        attribute(interface, self.raw.interface).unwrap_or_else(|| interface.id())
    }
}
