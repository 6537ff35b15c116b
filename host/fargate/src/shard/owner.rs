//! Rendezvous hashing of node names.

use crate::fnv::fnv1a;

/// Returns the ordinal below `replicas` that reads a node; `None` if there are no replicas.
pub fn owner(node: &str, replicas: u32) -> Option<u32> {
    // Of equal weights, the lowest ordinal: `max_by_key` returns the last of equal elements.
    (0..replicas).rev().max_by_key(|&ordinal| weight(node, ordinal))
}

/// Returns the weight of a replica for a node.
fn weight(node: &str, ordinal: u32) -> u64 {
    // FNV-1a alone hardly mixes its last bytes into the high bits, which decide the comparison.
    mix(fnv1a(node.as_bytes()) ^ mix(u64::from(ordinal) + 1))
}

/// Finalizer of MurmurHash3 with 64 bits (`fmix64`).
fn mix(mut hash: u64) -> u64 {
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(index: u32) -> String {
        let [.., high, low] = index.to_be_bytes();
        format!("fargate-ip-192-168-{high}-{low}.eu-west-1.compute.internal")
    }

    /// Computed by an independent implementation from the published definitions of FNV-1a and `fmix64`. They must never
    /// change: replicas of two versions share the nodes during an update.
    #[test]
    fn weights_never_change() {
        for (node, ordinal, expected) in [
            ("", 0, 0x85ba_d54d_da0e_0188),
            ("", 1, 0xbe20_302f_c2dd_6dfb),
            ("", 7, 0x395e_fe5c_5040_470a),
            ("fargate-ip-192-168-100-1.eu-west-1.compute.internal", 0, 0xa718_e07a_d24a_708b),
            ("fargate-ip-192-168-100-1.eu-west-1.compute.internal", 1, 0xe887_f02f_270f_7e76),
            ("fargate-ip-192-168-100-1.eu-west-1.compute.internal", 7, 0xd028_c974_26c1_5133),
            ("fargate-ip-10-0-31-207.us-east-2.compute.internal", 0, 0x3da7_11ed_5556_b315),
            ("fargate-ip-10-0-31-207.us-east-2.compute.internal", 1, 0xbdaa_d3d6_abca_03de),
            ("fargate-ip-10-0-31-207.us-east-2.compute.internal", 7, 0x4e48_1f25_76f3_6832),
            ("node-é", 0, 0x51d5_7f6f_e746_ed2e),
            ("node-é", 1, 0x88ac_dbed_1ff5_4a82),
            ("node-é", 7, 0x55ab_b7c8_8c3d_6166),
        ] {
            assert_eq!(weight(node, ordinal), expected, "{node} {ordinal}");
        }
        assert_eq!((mix(0), mix(1)), (0, 0xb456_bcfc_34c2_cb2c));
    }

    #[test]
    fn owners_never_change() {
        for (node, owners) in [
            ("", [0, 1, 2, 2, 6]),
            ("fargate-ip-192-168-100-1.eu-west-1.compute.internal", [0, 1, 1, 1, 1]),
            ("fargate-ip-10-0-31-207.us-east-2.compute.internal", [0, 1, 2, 2, 6]),
            ("node-é", [0, 1, 2, 3, 3]),
        ] {
            let found = [1, 2, 3, 5, 8].map(|replicas| owner(node, replicas).unwrap());
            assert_eq!(found, owners, "{node}");
        }
        assert_eq!(owner("node", 0), None);
    }

    #[test]
    fn nodes_move_only_to_an_added_replica() {
        for replicas in 1..10 {
            for node in (0..2000).map(name) {
                let (before, after) = (owner(&node, replicas), owner(&node, replicas + 1));
                assert!(before == after || after == Some(replicas), "{node} {replicas}");
            }
        }
    }

    #[test]
    fn nodes_are_spread_evenly() {
        for replicas in 2..8_u32 {
            let mut counts = vec![0_u32; replicas as usize];
            for node in (0..10_000).map(name) {
                counts[owner(&node, replicas).unwrap() as usize] += 1;
            }
            let expected = 10_000 / replicas;
            // Five standard deviations of a binomial distribution are less than a tenth here.
            let is_even = |&count: &u32| count.abs_diff(expected) < expected / 8;
            assert!(counts.iter().all(is_even), "{replicas}: {counts:?}");
        }
    }
}
