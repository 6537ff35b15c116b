//! Selection of the nodes that install a new bundle first.

use insightd_pipeline::Sha256;

use crate::config::Rollout;

/// Returns true if a node belongs to the first `share` (0 to 1) of a fleet, by the SHA-256 of its name. A node in a share is in every
/// larger share too, so a growing rollout never takes a node out again.
pub fn is_chosen(node_name: &str, share: f64) -> bool {
    let hash = Sha256::of(node_name.as_bytes()).0;
    let [a, b, c, d, ..] = hash;
    let position = f64::from(u32::from_be_bytes([a, b, c, d])) / (f64::from(u32::MAX) + 1.0);
    position < share
}

/// Returns the reason why a node keeps its bundle instead of installing a new one: the rollout is disabled, or the node is not a
/// canary (see [`is_chosen`]).
pub fn hold_reason(terms: &Rollout, is_canary: bool) -> Option<String> {
    if !terms.enabled {
        Some("`rollout.enabled` is false".to_owned())
    } else if !is_canary {
        let share = terms.canary * 100.0;
        Some(format!("this node is not among the first {share}% (`rollout.canary`)"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_names_and_all_of_a_smaller_one() {
        let names: Vec<String> =
            (0..10_000).map(|n| format!("ip-10-0-{}-{}.ec2.internal", n / 250, n % 250)).collect();
        let chosen = |share| names.iter().filter(|name| is_chosen(name, share)).collect::<Vec<_>>();
        assert_eq!(chosen(0.0).len(), 0);
        assert_eq!(chosen(1.0).len(), names.len());
        let (few, more) = (chosen(0.05), chosen(0.5));
        // The binomial's standard deviations are 22 and 50: five of them.
        assert!((390..=610).contains(&few.len()), "{}", few.len());
        assert!((4750..=5250).contains(&more.len()), "{}", more.len());
        assert!(few.iter().all(|name| more.contains(name)));
    }

    #[test]
    fn the_reason_of_a_node_that_is_held() {
        let terms = |enabled| Rollout { enabled, canary: 0.25, ..Rollout::default() };
        assert_eq!(hold_reason(&terms(true), true), None);
        let reason = hold_reason(&terms(true), false);
        assert_eq!(reason.as_deref(), Some("this node is not among the first 25% (`rollout.canary`)"));
        let reason = hold_reason(&terms(false), true);
        assert_eq!(reason.as_deref(), Some("`rollout.enabled` is false"));
    }
}
