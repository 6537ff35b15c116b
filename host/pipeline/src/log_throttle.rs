//! A log throttle: at most one message a minute for conditions that may occur thousands of times a tick.

use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_secs(60);

/// The throttle of one kind of message.
#[derive(Debug, Default)]
pub struct Complaint {
    said: Option<Instant>,
    kept_back: u64,
}

impl Complaint {
    /// Asks to log at `now`. Returns `None` if the last message is less than a minute old, otherwise the number of
    /// suppressed messages since then.
    pub fn say(&mut self, now: Instant) -> Option<u64> {
        if self.said.is_some_and(|said| now.saturating_duration_since(said) < EVERY) {
            self.kept_back += 1;
            return None;
        }
        self.said = Some(now);
        Some(std::mem::take(&mut self.kept_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_a_minute_and_nothing_is_forgotten() {
        let mut complaint = Complaint::default();
        let start = Instant::now();
        assert_eq!(complaint.say(start), Some(0));
        assert_eq!(complaint.say(start), None);
        assert_eq!(complaint.say(start + Duration::from_secs(59)), None);
        assert_eq!(complaint.say(start + Duration::from_secs(60)), Some(2));
        assert_eq!(complaint.say(start + Duration::from_secs(61)), None);
    }
}
