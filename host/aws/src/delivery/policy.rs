//! Waits after failures.
//!
//! | failure | backoff for | first | maximum |
//! |---|---|---|---|
//! | server unreachable, no response in time, 5xx, truncated response | all requests | 1 s | 60 s |
//! | throttled | all requests, at least `Retry-After` | 2 s | 120 s |
//! | missing permissions or credentials | the destination; all requests if none can be signed | 10 s | 300 s |
//!
//! The n-th consecutive failure waits a random time up to `first * 2^(n-1)`, bounded by the maximum (full jitter): a fleet
//! that lost the same service returns evenly over the longest wait, not in waves. After an outage, a single request goes first;
//! each accepted request allows one more in flight, up to the configured number.

use std::time::Duration;

/// Retry class of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The service failed or is unreachable.
    Unavailable,
    /// The service asks for fewer requests, with `Retry-After` if it sent one.
    Throttled(Option<Duration>),
    /// Permissions, credentials or names must be fixed first.
    Refused,
}

/// Bounds on the waits of one retry class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waits {
    /// Longest wait after the first failure.
    pub first: Duration,
    /// Longest wait after any number of failures.
    pub most: Duration,
}

/// Upper bound on an accepted `Retry-After`; a longer one is considered a mistake.
const LONGEST_WISH: Duration = Duration::from_secs(900);

/// Returns the bounds on the waits of a retry class.
pub fn waits(trouble: Trouble) -> Waits {
    let (first, most) = match trouble {
        Trouble::Unavailable => (1, 60),
        Trouble::Throttled(_) => (2, 120),
        Trouble::Refused => (10, 300),
    };
    Waits { first: Duration::from_secs(first), most: Duration::from_secs(most) }
}

/// Returns the wait that the server asks for, bounded by [`LONGEST_WISH`]; zero if it asks for none.
pub(super) fn wish(trouble: Trouble) -> Duration {
    match trouble {
        Trouble::Throttled(Some(wish)) => wish.min(LONGEST_WISH),
        _ => Duration::ZERO,
    }
}

/// Draws the wait after `failures` consecutive failures.
pub fn wait(trouble: Trouble, failures: u32, random: &mut fastrand::Rng) -> Duration {
    let Waits { first, most } = waits(trouble);
    let factor = 1_u32.checked_shl(failures.saturating_sub(1).min(31)).unwrap_or(u32::MAX);
    let ceiling = first.saturating_mul(factor).min(most);
    let drawn = insightd_peer::up_to(ceiling, random);
    // In addition to `Retry-After`, because the server sends the same value to all its clients.
    wish(trouble) + drawn
}
