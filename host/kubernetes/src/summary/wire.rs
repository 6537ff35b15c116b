//! The fields of a summary that are read, as the kubelet's stats API documents them; all optional.

use serde::Deserialize;

use crate::text::{List, Object, Text};

use super::FsStats;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Pod<'a> {
    #[serde(borrow)]
    pub(super) pod_ref: Option<Object<Reference<'a>>>,
    pub(super) containers: Option<List<Object<Container<'a>>>>,
    pub(super) volume: Option<List<Object<Volume<'a>>>>,
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
    pub(super) rootfs: Option<Object<Fs>>,
    pub(super) logs: Option<Object<Fs>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Fs {
    pub(super) capacity_bytes: Option<u64>,
    pub(super) available_bytes: Option<u64>,
    pub(super) used_bytes: Option<u64>,
    pub(super) inodes: Option<u64>,
    pub(super) inodes_free: Option<u64>,
    pub(super) inodes_used: Option<u64>,
}

impl From<Fs> for FsStats {
    fn from(fs: Fs) -> Self {
        let Fs { capacity_bytes, available_bytes, used_bytes, inodes, inodes_free, inodes_used } = fs;
        Self { capacity_bytes, available_bytes, used_bytes, inodes, inodes_free, inodes_used }
    }
}

/// The figures stand beside the name, in the same object. (Not flattened: serde would collect the object into a tree.)
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Volume<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    pub(super) pvc_ref: Option<Object<Claim<'a>>>,
    capacity_bytes: Option<u64>,
    available_bytes: Option<u64>,
    used_bytes: Option<u64>,
    inodes: Option<u64>,
    inodes_free: Option<u64>,
    inodes_used: Option<u64>,
}

impl Volume<'_> {
    pub(super) fn fs(&self) -> FsStats {
        FsStats {
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
