//! Selection of the nodes that take a new bundle first.

use insightd_pipeline::Sha256;

/// Returns true if a node belongs to the first `share` (0 to 1) of a fleet, by the SHA-256 of its name. A node in a share is in every
/// larger share too, so a growing rollout never takes a node out again.
pub fn is_chosen(node_name: &str, share: f64) -> bool {
    let hash = Sha256::of(node_name.as_bytes()).0;
    let [a, b, c, d, ..] = hash;
    let place = f64::from(u32::from_be_bytes([a, b, c, d])) / (f64::from(u32::MAX) + 1.0);
    place < share
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
}
