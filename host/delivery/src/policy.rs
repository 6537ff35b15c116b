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
pub enum RetryClass {
    /// The service failed or is unreachable.
    Unavailable,
    /// The service asks for fewer requests, with `Retry-After` if it sent one.
    Throttled(Option<Duration>),
    /// Permissions, credentials or names must be fixed first.
    Refused,
}

/// Bounds on the waits of one retry class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BackoffBounds {
    /// Longest wait after the first failure.
    pub(super) first: Duration,
    /// Longest wait after any number of failures.
    pub(super) max: Duration,
}

/// Upper bound on an accepted `Retry-After`; a longer one is considered a mistake.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(900);

/// Returns the bounds on the waits of a retry class.
pub(super) fn bounds(retry_class: RetryClass) -> BackoffBounds {
    let (first, max) = match retry_class {
        RetryClass::Unavailable => (1, 60),
        RetryClass::Throttled(_) => (2, 120),
        RetryClass::Refused => (10, 300),
    };
    BackoffBounds { first: Duration::from_secs(first), max: Duration::from_secs(max) }
}

/// Returns the wait that the server asks for, bounded by [`MAX_RETRY_AFTER`]; zero if it asks for none.
pub(super) fn requested_wait(retry_class: RetryClass) -> Duration {
    match retry_class {
        RetryClass::Throttled(Some(wait)) => wait.min(MAX_RETRY_AFTER),
        _ => Duration::ZERO,
    }
}

/// Draws the wait after `failures` consecutive failures.
pub(super) fn draw_wait(retry_class: RetryClass, failures: u32, random: &mut fastrand::Rng) -> Duration {
    let BackoffBounds { first, max } = bounds(retry_class);
    let factor = 1_u32.checked_shl(failures.saturating_sub(1).min(31)).unwrap_or(u32::MAX);
    let ceiling = first.saturating_mul(factor).min(max);
    let drawn = insightd_upstream::jitter_up_to(ceiling, random);
    // In addition to `Retry-After`, because the server sends the same value to all its clients.
    requested_wait(retry_class) + drawn
}
