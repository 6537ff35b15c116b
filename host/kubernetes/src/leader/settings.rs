//! Settings of the lock and its timing.

use std::time::Duration;

use super::candidate::JITTER;
use crate::lock_object::LockKind;

/// The lock object and the timing of the election.
#[derive(Clone, Debug)]
pub struct LeaderSettings {
    /// Kind of the lock object.
    pub kind: LockKind,
    /// Namespace of the lock object.
    pub namespace: String,
    /// Name of the lock object.
    pub name: String,
    /// Identity of this candidate: different for any two processes that run at the same time.
    pub identity: String,
    /// Time that others wait after they saw a renewal; whole seconds.
    pub lease_duration: Duration,
    /// Time for which a renewal keeps this candidate the leader.
    pub renew_deadline: Duration,
    /// Interval between two attempts.
    pub retry_period: Duration,
}

impl LeaderSettings {
    /// Returns settings with the lock name and the timing that existing Container Insights agents use by default.
    pub fn new(kind: LockKind, namespace: impl Into<String>, identity: impl Into<String>) -> Self {
        Self {
            kind,
            namespace: namespace.into(),
            name: "otel-container-insight-clusterleader".to_owned(),
            identity: identity.into(),
            lease_duration: Duration::from_secs(60),
            renew_deadline: Duration::from_secs(15),
            retry_period: Duration::from_secs(5),
        }
    }

    /// Returns an error if an election cannot be held with these settings.
    pub fn validate(&self) -> Result<(), LeaderError> {
        for (what, name) in [("namespace", &self.namespace), ("name", &self.name)] {
            let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
            if name.is_empty() || name.len() > 253 || !name.chars().all(allowed) {
                return Err(LeaderError::Name { what, name: name.clone() });
            }
        }
        if self.identity.is_empty() {
            return Err(LeaderError::NoIdentity);
        }
        if self.lease_duration.subsec_nanos() > 0 || i32::try_from(self.lease_duration.as_secs()).is_err() {
            return Err(LeaderError::LeaseDuration);
        }
        if self.renew_deadline >= self.lease_duration {
            return Err(LeaderError::RenewDeadline);
        }
        // Rule of client-go: two attempts must fit, including jitter.
        if self.retry_period.is_zero() || self.retry_period.mul_f64(JITTER) >= self.renew_deadline {
            return Err(LeaderError::RetryPeriod);
        }
        Ok(())
    }
}

/// Settings with which an election cannot be held.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeaderError {
    /// The namespace or the name is not a valid object name.
    #[error("invalid {what} of the lock {name:?}: expected 1 to 253 lower case letters, digits, `-` and `.`")]
    Name {
        /// Name of the setting.
        what: &'static str,
        /// Value of the setting.
        name: String,
    },
    /// Candidates without an identity cannot be distinguished.
    #[error("the identity of the candidate is empty")]
    NoIdentity,
    /// The record contains whole seconds.
    #[error("the lease duration must be a whole number of seconds")]
    LeaseDuration,
    /// Two candidates could hold the lock at the same time.
    #[error("the renew deadline must be less than the lease duration")]
    RenewDeadline,
    /// A single failed attempt would end a term.
    #[error("the renew deadline must be more than 1.2 times the retry period, which must not be zero")]
    RetryPeriod,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> LeaderSettings {
        LeaderSettings::new(LockKind::ConfigMap, "amazon-cloudwatch", "node-1")
    }

    #[test]
    fn default_settings_are_valid() {
        assert_eq!(settings().validate(), Ok(()));
    }

    #[test]
    fn invalid_settings_are_rejected() {
        let error_of = |change: fn(&mut LeaderSettings)| {
            let mut settings = settings();
            change(&mut settings);
            settings.validate().unwrap_err().to_string()
        };
        assert_eq!(
            error_of(|settings| settings.name = "a/b".into()),
            r#"invalid name of the lock "a/b": expected 1 to 253 lower case letters, digits, `-` and `.`"#
        );
        assert!(error_of(|settings| settings.namespace.clear()).starts_with("invalid namespace of the lock"));
        assert_eq!(error_of(|settings| settings.identity.clear()), "the identity of the candidate is empty");
        let duration = error_of(|settings| settings.lease_duration = Duration::from_millis(60_500));
        assert_eq!(duration, "the lease duration must be a whole number of seconds");
        let deadline = error_of(|settings| settings.renew_deadline = settings.lease_duration);
        assert_eq!(deadline, "the renew deadline must be less than the lease duration");
        let retry = error_of(|settings| settings.retry_period = Duration::from_millis(12_500));
        assert!(retry.starts_with("the renew deadline must be more than 1.2 times"), "{retry}");
    }
}
