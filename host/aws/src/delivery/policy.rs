//! How long to wait after what, in one place.
//!
//! | what happened | waits for | first | most |
//! |---|---|---|---|
//! | server not reached, no answer in time, 5xx, half an answer | everything | 1 s | 60 s |
//! | throttled | everything, `Retry-After` at least | 2 s | 120 s |
//! | rights or credentials are missing | the destination; everything, where no request can be signed | 10 s | 300 s |
//!
//! The n-th failure in a row waits any time up to `first * 2^(n-1)`, up to `most` at last (full jitter): a fleet that lost
//! the same service comes back evenly over the longest wait, not in waves. After an outage one request goes first; with each
//! that is accepted one more may be under way, up to the configured number.

use std::time::Duration;

/// What kind of trouble it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The service did not do its work.
    Unavailable,
    /// It asks for fewer requests, and may say when to come again.
    Throttled(Option<Duration>),
    /// Somebody has to change rights, credentials or names.
    Refused,
}

/// Waits of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waits {
    /// The longest after the first failure.
    pub first: Duration,
    /// The longest ever.
    pub most: Duration,
}

/// The server is asked to come back after at most so long; a longer wish is a mistake.
const LONGEST_WISH: Duration = Duration::from_secs(900);

/// The waits of a kind of trouble.
pub fn waits(trouble: Trouble) -> Waits {
    let (first, most) = match trouble {
        Trouble::Unavailable => (1, 60),
        Trouble::Throttled(_) => (2, 120),
        Trouble::Refused => (10, 300),
    };
    Waits { first: Duration::from_secs(first), most: Duration::from_secs(most) }
}

/// How long the server asks to be left alone.
pub(super) fn wish(trouble: Trouble) -> Duration {
    match trouble {
        Trouble::Throttled(Some(wish)) => wish.min(LONGEST_WISH),
        _ => Duration::ZERO,
    }
}

/// How long to wait after the `failures`-th failure in a row.
pub fn wait(trouble: Trouble, failures: u32, random: &mut fastrand::Rng) -> Duration {
    let Waits { first, most } = waits(trouble);
    let factor = 1_u32.checked_shl(failures.saturating_sub(1).min(31)).unwrap_or(u32::MAX);
    let ceiling = first.saturating_mul(factor).min(most);
    let drawn = insightd_peer::up_to(ceiling, random);
    // On top of what the server wishes: it tells all its clients the same.
    wish(trouble) + drawn
}
