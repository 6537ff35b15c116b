//! Progress of Jobs, which are read only if a pipeline asks for them.

use super::records::{Names, Record};
use super::wire;
use crate::text::{elements, non_empty};

/// Conditions of a Job that are kept.
pub(super) const CONDITIONS: [&str; 3] = ["Complete", "Failed", "Suspended"];

/// Values of a condition's status; any other is unknown to the API, and counts as absent.
const STATUSES: [&str; 3] = ["False", "True", "Unknown"];

/// The kept fields of a Job.
///
/// The API's counts of pods in `status` have no value for "unknown": Go's encoder omits 0, and a Job that no controller has
/// seen yet has no pods. So an absent count is 0. The fields of `spec` are pointers, which the API server sets to their
/// defaults, except `completions`: without it any pod that succeeds completes the Job. If they are absent, so are ours.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Job {
    /// Pods that are pending or running, and not terminating.
    pub(super) active: u32,
    /// Pods that reached the phase Succeeded.
    pub(super) succeeded: u32,
    /// Pods that reached the phase Failed.
    pub(super) failed: u32,
    /// Desired number of successful pods.
    pub(super) completions: Option<u32>,
    /// Largest number of pods at a time.
    pub(super) parallelism: Option<u32>,
    /// The controller creates no pods.
    pub(super) is_suspended: Option<bool>,
    /// Start in milliseconds since the Unix epoch; a Job that is resumed starts again.
    pub(super) start_unix_ms: Option<i64>,
    /// Successful end in milliseconds since the Unix epoch.
    pub(super) completion_unix_ms: Option<i64>,
    /// Statuses of [`CONDITIONS`].
    pub(super) conditions: [Option<&'static str>; CONDITIONS.len()],
    /// Reason of the condition `Failed`, such as `BackoffLimitExceeded`.
    pub(super) failure_reason: Option<Box<str>>,
    /// Kind and name of the controller that owns the Job, such as a CronJob.
    pub(super) owner: Option<(Box<str>, Box<str>)>,
}

impl Record for Job {
    type Item<'a> = wire::Job<'a>;

    fn names<'i>(item: &'i wire::Job<'_>) -> Option<Names<'i>> {
        let metadata = item.metadata.as_deref()?;
        Names::new(&metadata.namespace, &metadata.name)
    }

    fn read(item: &wire::Job<'_>) -> Self {
        let (spec, status) = (item.spec.as_deref(), item.status.as_deref());
        let conditions = || status.into_iter().flat_map(|status| elements(&status.conditions));
        let condition = |kind: &str| conditions().find(|of| non_empty(&of.kind) == Some(kind));
        let count = |count: fn(&wire::JobStatus<'_>) -> Option<u32>| status.and_then(count).unwrap_or(0);
        let owners = item.metadata.iter().flat_map(|metadata| elements(&metadata.owner_references));
        let controller = owners.into_iter().find(|owner| owner.controller == Some(true));
        Self {
            active: count(|status| status.active),
            succeeded: count(|status| status.succeeded),
            failed: count(|status| status.failed),
            completions: spec.and_then(|spec| spec.completions),
            parallelism: spec.and_then(|spec| spec.parallelism),
            is_suspended: spec.and_then(|spec| spec.suspend),
            start_unix_ms: status.and_then(|status| status.start_time).map(|time| time.0),
            completion_unix_ms: status.and_then(|status| status.completion_time).map(|time| time.0),
            conditions: CONDITIONS.map(|kind| {
                let status = non_empty(&condition(kind)?.status)?;
                STATUSES.into_iter().find(|known| *known == status)
            }),
            failure_reason: condition("Failed").and_then(|failed| non_empty(&failed.reason)).map(Box::from),
            owner: controller
                .and_then(|owner| Some((non_empty(&owner.kind)?.into(), non_empty(&owner.name)?.into()))),
        }
    }

    fn text_bytes(&self) -> usize {
        let owner = self.owner.as_ref().map_or(0, |(kind, name)| kind.len() + name.len());
        owner + self.failure_reason.as_ref().map_or(0, |reason| reason.len())
    }
}
