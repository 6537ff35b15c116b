//! Families of kube-state-metrics: Jobs and CronJobs.

use super::{NO_LABELS, family, row};
use crate::family::{Family, Kind, On, Row, Source, Text};
use crate::value::FAILURES;
use crate::value::Value::{self, *};

const JOB: &[On] = &[On::Job];
const CRON_JOB: &[On] = &[On::CronJob];
const ONE: &[Row] = &[one(One)];

const fn gauge(
    name: &'static str,
    on: &'static [On],
    rows: &'static [Row],
    help: &'static str,
) -> Family<'static> {
    family(Kind::Gauge, Source::StateMetrics, name, on, rows, help)
}

const fn one(value: Value) -> Row {
    row(value, NO_LABELS)
}

pub(super) static FAMILIES: &[Family<'static>] = &[
    gauge("kube_job_info", JOB, ONE, "Information about a job."),
    gauge(
        "kube_job_owner",
        JOB,
        &[row(IfSet("job.owner_name"), &[("owner_is_controller", "true")])],
        "Controller that owns a job.",
    )
    .with(&[
        ("owner_kind", Text::Attribute("job.owner_kind")),
        ("owner_name", Text::Attribute("job.owner_name")),
    ]),
    gauge(
        "kube_job_spec_parallelism",
        JOB,
        &[one(Gauge("job.parallelism", 1.0))],
        "Largest number of pods of a job at a time.",
    ),
    gauge(
        "kube_job_spec_completions",
        JOB,
        &[one(Gauge("job.completions", 1.0))],
        "Number of pods of a job that should succeed.",
    ),
    gauge(
        "kube_job_status_active",
        JOB,
        &[one(Gauge("job.active", 1.0))],
        "Number of pending and running pods of a job.",
    ),
    gauge(
        "kube_job_status_succeeded",
        JOB,
        &[one(Gauge("job.succeeded", 1.0))],
        "Number of pods of a job that reached the phase Succeeded.",
    ),
    gauge(
        "kube_job_status_failed",
        JOB,
        &[
            one(FailedPods),
            row(FailedFor(FAILURES[0]), &[("reason", FAILURES[0])]),
            row(FailedFor(FAILURES[1]), &[("reason", FAILURES[1])]),
            row(FailedFor(FAILURES[2]), &[("reason", FAILURES[2])]),
        ],
        "Number of pods of a job that reached the phase Failed; with a reason, 1 for that of the job's failure.",
    ),
    gauge(
        "kube_job_complete",
        JOB,
        &[
            row(Is("job.condition.Complete", "True"), &[("condition", "true")]),
            row(Is("job.condition.Complete", "False"), &[("condition", "false")]),
            row(Is("job.condition.Complete", "Unknown"), &[("condition", "unknown")]),
        ],
        "State of the condition Complete of a job.",
    ),
    gauge(
        "kube_job_failed",
        JOB,
        &[
            row(Is("job.condition.Failed", "True"), &[("condition", "true")]),
            row(Is("job.condition.Failed", "False"), &[("condition", "false")]),
            row(Is("job.condition.Failed", "Unknown"), &[("condition", "unknown")]),
        ],
        "State of the condition Failed of a job.",
    ),
    gauge(
        "kube_job_status_suspended",
        JOB,
        &[one(Is("job.condition.Suspended", "True"))],
        "1 if the job is suspended.",
    ),
    gauge(
        "kube_job_status_start_time",
        JOB,
        &[one(Gauge("job.start_unix_ms", 1e3))],
        "Start time of a job, in seconds since the Unix epoch.",
    ),
    gauge(
        "kube_job_status_completion_time",
        JOB,
        &[one(Gauge("job.completion_unix_ms", 1e3))],
        "Time of the successful end of a job, in seconds since the Unix epoch.",
    ),
    gauge("kube_cronjob_info", CRON_JOB, ONE, "Information about a cron job.").with(&[
        ("concurrency_policy", Text::Attribute("cronjob.concurrency_policy")),
        ("schedule", Text::Attribute("cronjob.schedule")),
        ("timezone", Text::AttributeElse("cronjob.timezone", "local")),
    ]),
    gauge(
        "kube_cronjob_spec_suspend",
        CRON_JOB,
        &[one(Gauge("cronjob.suspended", 1.0))],
        "1 if the cron job is suspended.",
    ),
    gauge(
        "kube_cronjob_status_active",
        CRON_JOB,
        &[one(Gauge("cronjob.active", 1.0))],
        "Number of jobs of a cron job that have not ended.",
    ),
    gauge(
        "kube_cronjob_status_last_schedule_time",
        CRON_JOB,
        &[one(Gauge("cronjob.last_schedule_unix_ms", 1e3))],
        "Last time that a cron job was scheduled for, in seconds since the Unix epoch.",
    ),
    gauge(
        "kube_cronjob_status_last_successful_time",
        CRON_JOB,
        &[one(Gauge("cronjob.last_successful_unix_ms", 1e3))],
        "Last time that a job of a cron job succeeded, in seconds since the Unix epoch.",
    ),
];
