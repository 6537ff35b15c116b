//! The output filter: lets those events of a formatter pass that have a granted route and are within the quota of the output.

use insights_batch::{Event, Payloads};

use crate::counters::Lost;
use crate::route::{Grants, Refusal};

/// The quota of one output for one tick.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    /// Most bytes.
    pub bytes: u64,
    /// Most distinct routes.
    pub routes: usize,
}

/// Events that were rejected, with an example of the reason.
#[derive(Debug, Default)]
pub struct Rejected {
    /// Rejected events, by cause.
    pub lost: Lost,
    /// The first refused route.
    pub refusal: Option<Refusal>,
}

impl Rejected {
    /// Returns true if any event was rejected.
    pub fn any(&self) -> bool {
        self.lost.total() > 0
    }
}

/// Returns the events that may pass, in their order, and the counts of the others. Each route is checked once, however
/// many events it has. After the first event over the quota of bytes none passes, so that the delivered events are a
/// prefix without gaps that depend on sizes.
pub fn filter<'a>(payloads: &'a Payloads, grants: &Grants, quota: Quota) -> (Vec<Event<'a>>, Rejected) {
    let mut rejected = Rejected::default();
    let mut verdicts: Vec<Option<Verdict>> = vec![None; payloads.routes.len()];
    let (mut routes, mut bytes) = (0, 0);
    let mut admitted = Vec::with_capacity(payloads.len());
    for (event, &route) in payloads.events().zip(&payloads.route) {
        let Some(verdict) = verdicts.get_mut(route as usize) else { continue };
        let verdict = *verdict.get_or_insert_with(|| match grants.check(event.route) {
            Err(refusal) => {
                rejected.refusal.get_or_insert(refusal);
                Verdict::Refused
            }
            Ok(()) if routes >= quota.routes => Verdict::TooMany,
            Ok(()) => {
                routes += 1;
                Verdict::Granted
            }
        });
        match verdict {
            Verdict::Refused => rejected.lost.route_refused += 1,
            Verdict::TooMany => rejected.lost.too_many_routes += 1,
            Verdict::Granted => {
                bytes += event.bytes.len() as u64;
                if bytes > quota.bytes {
                    rejected.lost.too_many_bytes += 1;
                } else {
                    admitted.push(event);
                }
            }
        }
    }
    (admitted, rejected)
}

#[derive(Clone, Copy)]
enum Verdict {
    Granted,
    Refused,
    TooMany,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::Pattern;

    fn grants() -> Grants {
        Grants::new(vec![("log_group".into(), vec![Pattern::parse("ours/*").unwrap()])])
    }

    fn payloads(events: &[(&str, &str)]) -> Payloads {
        let mut payloads = Payloads::new("application/json");
        for (group, body) in events {
            payloads.push(&[("log_group", group)], 1, body.as_bytes());
        }
        payloads
    }

    fn admitted(payloads: &Payloads, bytes: u64, routes: usize) -> (String, Rejected) {
        let (events, rejected) = filter(payloads, &grants(), Quota { bytes, routes });
        let bodies = events.iter().map(|event| std::str::from_utf8(event.bytes).unwrap());
        (bodies.collect::<Vec<_>>().join(","), rejected)
    }

    #[test]
    fn refused_events_are_counted_and_the_others_pass() {
        let payloads =
            payloads(&[("ours/a", "1"), ("theirs", "2"), ("ours/b", "3"), ("theirs", "4"), ("x", "5")]);
        let (bodies, rejected) = admitted(&payloads, 100, 100);
        assert_eq!(bodies, "1,3");
        assert_eq!(rejected.lost, Lost { route_refused: 3, ..Lost::default() });
        assert!(rejected.refusal.unwrap().to_string().contains("`theirs`"), "the first one");
    }

    #[test]
    fn routes_beyond_the_quota_are_rejected() {
        let payloads = payloads(&[("ours/a", "1"), ("ours/b", "2"), ("ours/c", "3"), ("ours/a", "4")]);
        let (bodies, rejected) = admitted(&payloads, 100, 2);
        assert_eq!(bodies, "1,2,4");
        assert_eq!(rejected.lost, Lost { too_many_routes: 1, ..Lost::default() });
    }

    #[test]
    fn events_after_the_byte_quota_are_rejected() {
        let payloads = payloads(&[("ours/a", "11111"), ("ours/a", "2222222"), ("ours/a", "3")]);
        let (bodies, rejected) = admitted(&payloads, 10, 2);
        assert_eq!(bodies, "11111");
        assert_eq!(rejected.lost, Lost { too_many_bytes: 2, ..Lost::default() });
        assert!(rejected.any() && rejected.refusal.is_none());
        assert!(!admitted(&payloads, 13, 1).1.any());
    }
}
