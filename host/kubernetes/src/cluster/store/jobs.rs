//! Rows of Jobs and CronJobs.

use insights_batch::{Builder, EntityId};

use super::{Emitted, workload};
use crate::cluster::cron_jobs::CronJob;
use crate::cluster::jobs::{CONDITIONS, Job};
use crate::cluster::records::Records;

/// Adds the Jobs and the objects that control them, which are linked.
pub(super) fn emit_jobs(
    jobs: &Records<Job>,
    builder: &mut Builder,
    cluster: EntityId,
    emitted: &mut Emitted,
) {
    for (namespace, name, job) in jobs.iter() {
        let entity = workload(["Job", namespace, name], builder, cluster, emitted);
        for (name, value) in [
            ("job.active", Some(f64::from(job.active))),
            ("job.succeeded", Some(f64::from(job.succeeded))),
            ("job.failed", Some(f64::from(job.failed))),
            ("job.completions", job.completions.map(f64::from)),
            ("job.parallelism", job.parallelism.map(f64::from)),
            ("job.suspended", job.is_suspended.map(flag)),
            ("job.start_unix_ms", job.start_unix_ms.map(|time| time as f64)),
            ("job.completion_unix_ms", job.completion_unix_ms.map(|time| time as f64)),
        ] {
            gauge(builder, entity, name, value);
        }
        for (kind, status) in CONDITIONS.iter().zip(job.conditions) {
            if let Some(status) = status {
                builder.attribute(entity, &format!("job.condition.{kind}"), status);
            }
        }
        attribute(builder, entity, "job.failure_reason", &job.failure_reason);
        if let Some((kind, name)) = &job.owner {
            builder.attribute(entity, "job.owner_kind", kind);
            builder.attribute(entity, "job.owner_name", name);
            let owner = workload([kind, namespace, name], builder, cluster, emitted);
            builder.link(entity, owner, "owned-by");
        }
    }
}

/// Adds the CronJobs.
pub(super) fn emit_cron_jobs(
    cron_jobs: &Records<CronJob>,
    builder: &mut Builder,
    cluster: EntityId,
    emitted: &mut Emitted,
) {
    for (namespace, name, cron_job) in cron_jobs.iter() {
        let entity = workload(["CronJob", namespace, name], builder, cluster, emitted);
        for (name, value) in [
            ("cronjob.active", Some(cron_job.active as f64)),
            ("cronjob.suspended", cron_job.is_suspended.map(flag)),
            ("cronjob.last_schedule_unix_ms", cron_job.last_schedule_unix_ms.map(|time| time as f64)),
            ("cronjob.last_successful_unix_ms", cron_job.last_successful_unix_ms.map(|time| time as f64)),
        ] {
            gauge(builder, entity, name, value);
        }
        attribute(builder, entity, "cronjob.schedule", &cron_job.schedule);
        attribute(builder, entity, "cronjob.timezone", &cron_job.time_zone);
        attribute(builder, entity, "cronjob.concurrency_policy", &cron_job.concurrency_policy);
    }
}

fn flag(is_set: bool) -> f64 {
    f64::from(u8::from(is_set))
}

fn gauge(builder: &mut Builder, entity: EntityId, name: &str, value: Option<f64>) {
    if let Some(value) = value {
        builder.gauge(entity, name, value);
    }
}

fn attribute(builder: &mut Builder, entity: EntityId, name: &str, value: &Option<Box<str>>) {
    if let Some(value) = value {
        builder.attribute(entity, name, value);
    }
}
