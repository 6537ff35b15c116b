//! Checks of the agent on a healthy node.

pub(crate) mod cluster;
pub(crate) mod deploys;
pub(crate) mod dialect;
pub(crate) mod figures;
pub(crate) mod identity;
mod jobs;
pub(crate) mod rates;
pub(crate) mod recorded;
pub(crate) mod types;

use std::collections::BTreeMap;
use std::fmt::Debug;

/// Returns the keys whose values differ, with both values; empty if none does.
fn differences<K: Ord + Debug, V: PartialEq + Debug>(
    theirs: &BTreeMap<K, V>,
    ours: &BTreeMap<K, V>,
) -> String {
    let differing = theirs.keys().chain(ours.keys()).filter(|key| theirs.get(*key) != ours.get(*key));
    let told = differing
        .map(|key| format!("{key:?}: API server {:?}, ours {:?}", theirs.get(key), ours.get(key)))
        .collect::<Vec<_>>();
    told.join("; ")
}
