//! Fields of a summary, as documented by the kubelet's stats API; all are optional.

use serde::Deserialize;

use crate::text::{List, Object, Text};

use super::number::Number;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Pod<'a> {
    #[serde(borrow)]
    pub(super) pod_ref: Option<Object<Reference<'a>>>,
    pub(super) containers: Option<List<Object<Container<'a>>>>,
    pub(super) volume: Option<List<Object<Volume<'a>>>>,
    pub(super) cpu: Option<Object<Cpu<'a>>>,
    pub(super) memory: Option<Object<Memory>>,
    pub(super) network: Option<Object<Network<'a>>>,
    #[serde(rename = "ephemeral-storage")]
    pub(super) ephemeral_storage: Option<Object<Fs>>,
}

/// Network statistics: the counters of the default interface are in this object, beside the list of all interfaces.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Network<'a> {
    #[serde(borrow)]
    pub(super) time: Option<Text<'a>>,
    pub(super) name: Option<Text<'a>>,
    rx_bytes: Option<Number>,
    rx_errors: Option<Number>,
    tx_bytes: Option<Number>,
    tx_errors: Option<Number>,
    pub(super) interfaces: Option<List<Object<Interface<'a>>>>,
}

impl Network<'_> {
    pub(super) fn default_interface(&self) -> Traffic {
        let Self { rx_bytes, rx_errors, tx_bytes, tx_errors, .. } = *self;
        Traffic { rx_bytes, rx_errors, tx_bytes, tx_errors }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Interface<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    rx_bytes: Option<Number>,
    rx_errors: Option<Number>,
    tx_bytes: Option<Number>,
    tx_errors: Option<Number>,
}

impl Interface<'_> {
    pub(super) fn traffic(&self) -> Traffic {
        let Self { rx_bytes, rx_errors, tx_bytes, tx_errors, .. } = *self;
        Traffic { rx_bytes, rx_errors, tx_bytes, tx_errors }
    }
}

/// Counters of an interface, as in the document.
pub(super) struct Traffic {
    pub(super) rx_bytes: Option<Number>,
    pub(super) rx_errors: Option<Number>,
    pub(super) tx_bytes: Option<Number>,
    pub(super) tx_errors: Option<Number>,
}

#[derive(Deserialize)]
pub(super) struct Reference<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    pub(super) namespace: Option<Text<'a>>,
    pub(super) uid: Option<Text<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Container<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    pub(super) cpu: Option<Object<Cpu<'a>>>,
    pub(super) memory: Option<Object<Memory>>,
    pub(super) rootfs: Option<Object<Fs>>,
    pub(super) logs: Option<Object<Fs>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Cpu<'a> {
    #[serde(borrow)]
    pub(super) time: Option<Text<'a>>,
    pub(super) usage_nano_cores: Option<Number>,
    pub(super) usage_core_nano_seconds: Option<Number>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Memory {
    pub(super) usage_bytes: Option<Number>,
    pub(super) working_set_bytes: Option<Number>,
    pub(super) rss_bytes: Option<Number>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Fs {
    pub(super) capacity_bytes: Option<Number>,
    pub(super) available_bytes: Option<Number>,
    pub(super) used_bytes: Option<Number>,
    pub(super) inodes: Option<Number>,
    pub(super) inodes_free: Option<Number>,
    pub(super) inodes_used: Option<Number>,
}

/// A volume; its figures are in the same object as its name. (Not flattened: serde would collect the object into a tree.)
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Volume<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    pub(super) pvc_ref: Option<Object<Claim<'a>>>,
    capacity_bytes: Option<Number>,
    available_bytes: Option<Number>,
    used_bytes: Option<Number>,
    inodes: Option<Number>,
    inodes_free: Option<Number>,
    inodes_used: Option<Number>,
}

impl Volume<'_> {
    pub(super) fn fs(&self) -> Fs {
        Fs {
            capacity_bytes: self.capacity_bytes,
            available_bytes: self.available_bytes,
            used_bytes: self.used_bytes,
            inodes: self.inodes,
            inodes_free: self.inodes_free,
            inodes_used: self.inodes_used,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Claim<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
}
