//! Schedules of CronJobs, which are read only if a pipeline asks for them.

use super::records::{Names, Record};
use super::wire;
use crate::text::{elements, non_empty};

/// The kept fields of a CronJob.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CronJob {
    /// Jobs that have not ended. The list in `status` is absent if it is empty: no Jobs, not an unknown number.
    pub(super) active: usize,
    /// The controller creates no Jobs. Absent only if the object has no value; the API server sets `false`.
    pub(super) is_suspended: Option<bool>,
    /// Last scheduled time that a Job was created for, in milliseconds since the Unix epoch; absent before the first one.
    pub(super) last_schedule_unix_ms: Option<i64>,
    /// Last successful end of a Job, likewise.
    pub(super) last_successful_unix_ms: Option<i64>,
    /// Schedule in cron format.
    pub(super) schedule: Option<Box<str>>,
    /// Name of the time zone; without one the schedule is in that of the controller.
    pub(super) time_zone: Option<Box<str>>,
    /// Treatment of Jobs that would overlap: `Allow`, `Forbid` or `Replace`.
    pub(super) concurrency_policy: Option<Box<str>>,
}

impl Record for CronJob {
    type Item<'a> = wire::CronJob<'a>;

    fn names<'i>(item: &'i wire::CronJob<'_>) -> Option<Names<'i>> {
        let metadata = item.metadata.as_deref()?;
        Names::new(&metadata.namespace, &metadata.name)
    }

    fn read(item: &wire::CronJob<'_>) -> Self {
        let (spec, status) = (item.spec.as_deref(), item.status.as_deref());
        let text = |text: Option<&str>| text.map(Box::from);
        Self {
            active: status.map_or(0, |status| elements(&status.active).len()),
            is_suspended: spec.and_then(|spec| spec.suspend),
            last_schedule_unix_ms: status.and_then(|status| status.last_schedule_time).map(|time| time.0),
            last_successful_unix_ms: status.and_then(|status| status.last_successful_time).map(|time| time.0),
            schedule: text(spec.and_then(|spec| non_empty(&spec.schedule))),
            time_zone: text(spec.and_then(|spec| non_empty(&spec.time_zone))),
            concurrency_policy: text(spec.and_then(|spec| non_empty(&spec.concurrency_policy))),
        }
    }

    fn text_bytes(&self) -> usize {
        let texts = [&self.schedule, &self.time_zone, &self.concurrency_policy];
        texts.into_iter().flatten().map(|text| text.len()).sum()
    }
}
