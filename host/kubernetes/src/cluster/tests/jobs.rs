//! Tests of Jobs and CronJobs, and of the facts of the group `Status`.

use serde_json::{Value, json};

use super::*;
use crate::cluster::cron_jobs::CronJob;
use crate::cluster::jobs::Job;
use crate::cluster::records::Records;
use crate::cluster::table::SharedTable;

const JOBS: &str = include_str!("../../../tests/data/jobs.json");
const CRON_JOBS: &str = include_str!("../../../tests/data/cronjobs.json");

/// Milliseconds from the Unix epoch to 2025-01-02.
const DAY_MS: f64 = 1_735_776_000_000.0;

fn items(text: &str) -> Vec<Value> {
    let list: Value = serde_json::from_str(text).unwrap();
    list["items"].as_array().unwrap().clone()
}

fn jobs(it: &mut Cluster) -> Feed<Records<Job>> {
    Feed::new(Arc::clone(it.store.jobs.insert(SharedTable::new())), Records::default())
}

fn cron_jobs(it: &mut Cluster) -> Feed<Records<CronJob>> {
    Feed::new(Arc::clone(it.store.cron_jobs.insert(SharedTable::new())), Records::default())
}

#[test]
fn jobs_have_their_progress() {
    let mut it = Cluster::new(10);
    let mut feed = jobs(&mut it);
    assert!(it.batch().of_kind("workload").is_empty(), "not listed yet");
    list(&mut feed, &items(JOBS));
    let batch = it.batch();
    let of = |id: &str| batch.find("workload", id).unwrap();
    let report = of("Job/batch/report-28930080");
    assert_eq!(
        gauges(report),
        [
            ("job.active", 0.0),
            ("job.completion_unix_ms", DAY_MS + 9_000.0),
            ("job.completions", 1.0),
            ("job.failed", 0.0),
            ("job.parallelism", 1.0),
            ("job.start_unix_ms", DAY_MS),
            ("job.succeeded", 1.0),
            ("job.suspended", 0.0),
        ],
        "an absent count of pods is 0"
    );
    assert_eq!(
        attributes(report),
        [
            ("job.condition.Complete", "True"),
            ("job.owner_kind", "CronJob"),
            ("job.owner_name", "report"),
            ("workload.kind", "Job"),
            ("workload.name", "report-28930080"),
            ("workload.namespace", "batch"),
        ],
        "the controller is not the first owner"
    );
    let owners: Vec<_> = report.links("owned-by").into_iter().map(Entity::id).collect();
    assert_eq!(owners, ["CronJob/batch/report"]);
    let migrate = of("Job/shop/migrate");
    assert_eq!(migrate.attribute("job.condition.Failed"), Some("True"));
    assert_eq!(migrate.attribute("job.failure_reason"), Some("BackoffLimitExceeded"));
    assert_eq!(migrate.attribute("job.condition.Complete"), None);
    assert_eq!(
        gauges(migrate),
        [
            ("job.active", 0.0),
            ("job.completions", 4.0),
            ("job.failed", 3.0),
            ("job.parallelism", 2.0),
            ("job.start_unix_ms", DAY_MS + 3_601_000.0),
            ("job.succeeded", 1.0),
            ("job.suspended", 0.0),
        ]
    );
    assert!(migrate.links("owned-by").is_empty());
    let queue = of("Job/shop/queue");
    assert_eq!((gauge(queue, "job.active"), gauge(queue, "job.completions")), (Some(3.0), None));
    assert_eq!(queue.attribute("job.condition.Suspended"), Some("False"));
    let new = of("Job/shop/new");
    assert_eq!((gauge(new, "job.suspended"), gauge(new, "job.start_unix_ms")), (Some(1.0), None));
    let conditions = attributes(new).into_iter().filter(|(key, _)| key.starts_with("job."));
    assert_eq!(conditions.count(), 0);
}

#[test]
fn jobs_are_followed() {
    let mut it = Cluster::new(10);
    let mut feed = jobs(&mut it);
    let objects = items(JOBS);
    list(&mut feed, &objects);
    let mut queue = objects[2].clone();
    queue["status"] = json!({"active": null, "succeeded": 5, "conditions": [
        {"type": "Complete", "status": "Maybe"}, {"type": "Failed", "status": "False"}, null
    ]});
    queue["spec"] = json!({});
    applied(&mut feed, &queue);
    deleted(&mut feed, &objects[3]);
    let batch = it.batch();
    assert!(batch.find("workload", "Job/shop/new").is_none());
    let queue = batch.find("workload", "Job/shop/queue").unwrap();
    assert_eq!(gauges(queue), [("job.active", 0.0), ("job.failed", 0.0), ("job.succeeded", 5.0)]);
    assert_eq!(queue.attribute("job.condition.Failed"), Some("False"));
    assert_eq!(queue.attribute("job.condition.Complete"), None, "a status that the API does not define");
}

#[test]
fn cron_jobs_have_their_schedule() {
    let mut it = Cluster::new(10);
    list(&mut jobs(&mut it), &items(JOBS));
    let mut feed = cron_jobs(&mut it);
    list(&mut feed, &items(CRON_JOBS));
    let batch = it.batch();
    let of = |id: &str| batch.find("workload", id).unwrap();
    let report = of("CronJob/batch/report");
    assert_eq!(
        gauges(report),
        [
            ("cronjob.active", 0.0),
            ("cronjob.last_schedule_unix_ms", DAY_MS),
            ("cronjob.last_successful_unix_ms", DAY_MS + 9_000.0),
            ("cronjob.suspended", 0.0),
        ]
    );
    assert_eq!(
        attributes(report),
        [
            ("cronjob.concurrency_policy", "Forbid"),
            ("cronjob.schedule", "0 0 * * *"),
            ("cronjob.timezone", "Europe/Berlin"),
            ("workload.kind", "CronJob"),
            ("workload.name", "report"),
            ("workload.namespace", "batch"),
        ]
    );
    let sync = of("CronJob/shop/sync");
    assert_eq!(
        gauges(sync),
        [
            ("cronjob.active", 2.0),
            ("cronjob.last_schedule_unix_ms", DAY_MS + 9_600_000.0),
            ("cronjob.suspended", 1.0),
        ]
    );
    assert_eq!(sync.attribute("cronjob.timezone"), None);
    let yearly = gauges(of("CronJob/shop/yearly"));
    assert_eq!(yearly, [("cronjob.active", 0.0), ("cronjob.suspended", 0.0)], "never scheduled");
    let of_report = batch.of_kind("workload").into_iter().filter(|one| one.id() == "CronJob/batch/report");
    assert_eq!(of_report.count(), 1, "the owner of a Job is the CronJob");
    let job = of("Job/batch/report-28930080");
    assert!(job.links("owned-by") == [report]);
    deleted(&mut feed, &items(CRON_JOBS)[1]);
    assert!(it.batch().find("workload", "CronJob/shop/sync").is_none());
}

#[test]
fn jobs_beyond_the_memory_budget_are_left_out_and_counted() {
    let mut it = Cluster::new(10);
    let mut feed = jobs(&mut it);
    let long = "x".repeat(6 << 20);
    let job = |name: &str, reason: &str| {
        let failed = json!([{"type": "Failed", "status": "True", "reason": reason}]);
        json!({"metadata": {"name": name, "namespace": "n"}, "status": {"conditions": failed}})
    };
    list(&mut feed, &[job("a", &long), job("b", &long), job("c", &long), job("d", "short"), json!({})]);
    assert_eq!(feed.left_out(), 1);
    deleted(&mut feed, &job("a", ""));
    applied(&mut feed, &job("c", &long));
    assert_eq!((feed.left_out(), ids(&it.batch(), "workload")), (0, vec!["Job/n/b", "Job/n/c", "Job/n/d"]));
    applied(&mut feed, &job("d", &long));
    assert_eq!((feed.left_out(), ids(&it.batch(), "workload")), (1, vec!["Job/n/b", "Job/n/c"]));
}

#[test]
fn phases_and_replicas_are_reported_on_request() {
    let mut it = Cluster::new(10);
    let ending = json!({"metadata": {"name": "ending", "deletionTimestamp": "2025-01-02T00:00:00Z"}});
    let shop = json!({"metadata": {"name": "shop"}});
    list(&mut it.namespaces, &[ending, shop.clone()]);
    let object = |status: Value| json!({"metadata": {"name": "one", "namespace": "shop"}, "status": status});
    list(it.workloads_of(WorkloadKind::Deployment), &[object(json!({"replicas": 4}))]);
    list(it.workloads_of(WorkloadKind::StatefulSet), &[object(json!({}))]);
    list(it.workloads_of(WorkloadKind::DaemonSet), &[object(json!({"currentNumberScheduled": 3}))]);
    let phase = |batch: &Batch, name: &str| {
        batch.find("namespace", name).unwrap().attribute("status.phase").map(str::to_owned)
    };
    assert_eq!(phase(&it.batch(), "shop"), None, "nobody asks");
    assert_eq!(gauge(it.batch().find("workload", "Deployment/shop/one").unwrap(), "status.replicas"), None);
    it.store.reports_status = true;
    let batch = it.batch();
    assert_eq!(phase(&batch, "shop").as_deref(), Some("Active"));
    assert_eq!(phase(&batch, "ending").as_deref(), Some("Terminating"));
    let replicas =
        |kind: &str| gauge(batch.find("workload", &format!("{kind}/shop/one")).unwrap(), "status.replicas");
    assert_eq!(["Deployment", "StatefulSet", "DaemonSet"].map(replicas), [Some(4.0), Some(0.0), None]);
    let mut deleting = shop;
    deleting["metadata"]["deletionTimestamp"] = json!("2025-01-02T00:01:00Z");
    applied(&mut it.namespaces, &deleting);
    assert_eq!(phase(&it.batch(), "shop").as_deref(), Some("Terminating"));
}

/// A namespace that is known only from its pods has no phase.
#[test]
fn a_namespace_without_its_object_has_no_phase() {
    let mut it = Cluster::new(10);
    it.store.reports_status = true;
    list(&mut it.namespaces, &[]);
    list(&mut it.running, &[json!({"metadata": {"uid": "1", "name": "one", "namespace": "shop"}})]);
    list(&mut it.others, &[]);
    let batch = it.batch();
    assert_eq!(batch.find("namespace", "shop").unwrap().attribute("status.phase"), None);
}

/// The owner of an object may come after it.
#[test]
fn a_job_that_owns_an_earlier_one_is_one_entity() {
    let mut it = Cluster::new(10);
    let mut feed = jobs(&mut it);
    let owners = json!([{"kind": "Job", "name": "b", "controller": true}]);
    let child = json!({"metadata": {"name": "a", "namespace": "n", "ownerReferences": owners}, "status": {"active": 1}});
    let owner = json!({"metadata": {"name": "b", "namespace": "n"}, "status": {"active": 2}});
    list(&mut feed, &[child, owner]);
    let batch = it.batch();
    assert_eq!(ids(&batch, "workload"), ["Job/n/a", "Job/n/b"]);
    let active = |id: &str| gauge(batch.find("workload", id).unwrap(), "job.active");
    assert_eq!((active("Job/n/a"), active("Job/n/b")), (Some(1.0), Some(2.0)));
}
