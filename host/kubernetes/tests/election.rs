//! Tests of the election against a real API server: `INSIGHTD_TEST_KUBECONFIG` names a kubeconfig with all permissions in
//! the namespace `default`.

#![cfg(feature = "client")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::Write as _;
use std::time::{Duration, Instant};

use insightd_kubernetes::client::{ApiSettings, api_client};
use insightd_kubernetes::events::{EventRecorder, EventRecorderSettings};
use insightd_kubernetes::leader::{Election, LeaderSettings, Leadership, LockKind};
use kube::Client;
use serde_json::{Value, json};

const ANNOTATION: &str = "control-plane.alpha.kubernetes.io/leader";

/// Timeout far above the duration of any step; a test that reaches it has failed.
const LIMIT: Duration = Duration::from_secs(120);

fn client() -> Option<Client> {
    let Some(file) = std::env::var_os("INSIGHTD_TEST_KUBECONFIG") else {
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: INSIGHTD_TEST_KUBECONFIG does not name an API server to hold an election in"
        );
        return None;
    };
    let settings = ApiSettings { kubeconfig: Some(file.into()), user_agent: "election-test".to_owned() };
    let (client, _) = api_client(&settings).unwrap();
    Some(client)
}

fn settings(kind: LockKind, name: &str, identity: &str) -> LeaderSettings {
    LeaderSettings {
        name: name.to_owned(),
        lease_duration: Duration::from_secs(4),
        renew_deadline: Duration::from_secs(3),
        retry_period: Duration::from_millis(500),
        ..LeaderSettings::new(kind, "default", identity)
    }
}

fn path(kind: LockKind) -> &'static str {
    match kind {
        LockKind::ConfigMap => "/api/v1/namespaces/default/configmaps",
        LockKind::Lease => "/apis/coordination.k8s.io/v1/namespaces/default/leases",
    }
}

async fn request(client: &Client, method: &str, path: &str, body: &Value) -> kube::Result<Value> {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let kind = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
    let request = http::Request::builder().method(method).uri(path).header("content-type", kind);
    client.request(request.body(body).unwrap()).await
}

async fn get(client: &Client, kind: LockKind, name: &str) -> Value {
    request(client, "GET", &format!("{}/{name}", path(kind)), &Value::Null).await.unwrap()
}

/// Returns a name that no other run has used.
fn unique_name(what: &str) -> String {
    format!("{what}-{:016x}", fastrand::u64(..))
}

async fn until(what: &str, leadership: &Leadership, is: impl Fn(&Leadership) -> bool) {
    let wait = async {
        while !is(leadership) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LIMIT, wait).await.unwrap_or_else(|_| panic!("{what}: not within {LIMIT:?}"));
}

async fn check_handover(kind: LockKind) {
    let Some(client) = client() else { return };
    let name = unique_name("handover");
    let first = Election::start(client.clone(), settings(kind, &name, "first"), None).unwrap();
    let first_leads = first.leadership();
    until("the only candidate leads", &first_leads, Leadership::is_leader).await;
    assert_eq!(first_leads.transitions(), 0);

    let second = Election::start(client.clone(), settings(kind, &name, "second"), None).unwrap();
    let mut second_leads = second.leadership();
    until("the second sees the first", &second_leads, |second| second.holder().as_deref() == Some("first"))
        .await;
    assert!(first_leads.is_leader() && !second_leads.is_leader());

    first.release().await;
    assert!(!first_leads.is_leader());
    assert!(tokio::time::timeout(LIMIT, second_leads.changed()).await.unwrap());
    assert_eq!((second_leads.holder().as_deref(), second_leads.transitions()), (Some("second"), 1));

    second.release().await;
    let object = get(&client, kind, &name).await;
    match kind {
        LockKind::Lease => {
            assert_eq!(object["spec"]["holderIdentity"], "");
            assert_eq!(object["spec"]["leaseDurationSeconds"], 1);
            assert_eq!(object["spec"]["leaseTransitions"], 1);
        }
        LockKind::ConfigMap => {
            let record = object["metadata"]["annotations"][ANNOTATION].as_str().unwrap();
            assert!(record.starts_with(r#"{"holderIdentity":"","leaseDurationSeconds":1,"#), "{record}");
            assert!(record.ends_with(r#","leaderTransitions":1}"#), "{record}");
        }
    }
}

#[tokio::test]
async fn a_config_map_changes_hands() {
    check_handover(LockKind::ConfigMap).await;
}

#[tokio::test]
async fn a_lease_changes_hands() {
    check_handover(LockKind::Lease).await;
}

#[tokio::test]
async fn a_dead_holder_is_succeeded_and_other_content_is_preserved() {
    let Some(client) = client() else { return };
    let name = unique_name("dead");
    let record = r#"{"holderIdentity":"dead","leaseDurationSeconds":4,"acquireTime":"2022-10-03T12:46:34Z","renewTime":"2099-10-03T12:46:34Z","leaderTransitions":7,"strategy":"","preferredHolder":"","other":1}"#;
    let object = json!({
        "metadata": {
            "name": name,
            "labels": { "team": "metrics" },
            "annotations": { ANNOTATION: record, "example.com/note": "mine" },
        },
        "data": { "key": "value" },
        "binaryData": { "bytes": "AAEC" },
    });
    request(&client, "POST", path(LockKind::ConfigMap), &object).await.unwrap();
    let election =
        Election::start(client.clone(), settings(LockKind::ConfigMap, &name, "heir"), None).unwrap();
    let leadership = election.leadership();
    until("the record of the dead is seen", &leadership, |leadership| {
        leadership.holder().as_deref() == Some("dead")
    })
    .await;
    until("the heir leads", &leadership, Leadership::is_leader).await;
    assert_eq!(leadership.transitions(), 8);
    let now = get(&client, LockKind::ConfigMap, &name).await;
    for key in ["data", "binaryData"] {
        assert_eq!(now[key], object[key]);
    }
    assert_eq!(now["metadata"]["labels"], object["metadata"]["labels"]);
    assert_eq!(now["metadata"]["annotations"]["example.com/note"], "mine");
}

#[tokio::test]
async fn an_unreadable_record_counts_as_held_for_a_lease_and_is_then_replaced() {
    let Some(client) = client() else { return };
    let name = unique_name("strange");
    let object = json!({ "metadata": { "name": name, "annotations": { ANNOTATION: "node-1" } } });
    request(&client, "POST", path(LockKind::ConfigMap), &object).await.unwrap();
    let settings = settings(LockKind::ConfigMap, &name, "a");
    let (lease, started) = (settings.lease_duration, Instant::now());
    let election = Election::start(client.clone(), settings, None).unwrap();
    let (leadership, status) = (election.leadership(), election.status());
    until("the record is seen", &leadership, |leadership| leadership.holder().is_some()).await;
    assert!(!leadership.is_leader());
    assert_eq!(leadership.holder().as_deref(), Some("(unreadable record)"));
    assert_eq!(status.snapshot().failures_in_a_row, 0, "{status:?}");
    let seen = get(&client, LockKind::ConfigMap, &name).await;
    assert_eq!(seen["metadata"]["annotations"][ANNOTATION], "node-1");

    until("it leads", &leadership, Leadership::is_leader).await;
    assert!(started.elapsed() >= lease, "{:?}", started.elapsed());
    assert_eq!(leadership.holder().as_deref(), Some("a"));
}

#[tokio::test]
async fn leader_transitions_are_published_as_events() {
    let Some(client) = client() else { return };
    let name = unique_name("told");
    let settings_of_recorder =
        EventRecorderSettings { component: "insightd".into(), node_name: "node-1".into(), pod: None };
    let recorder = EventRecorder::new(client.clone(), settings_of_recorder);
    let settings = settings(LockKind::ConfigMap, &name, "node-1");
    let election = Election::start(client.clone(), settings, Some(recorder.clone())).unwrap();
    until("it leads", &election.leadership(), Leadership::is_leader).await;
    election.release().await;
    tokio::time::timeout(LIMIT, recorder.flush()).await.unwrap();
    assert_eq!((recorder.counts().published, recorder.counts().dropped), (2, 0), "{:?}", recorder.status());

    let path = format!("/api/v1/namespaces/default/events?fieldSelector=involvedObject.name={name}");
    let events = request(&client, "GET", &path, &Value::Null).await.unwrap();
    let uid = &get(&client, LockKind::ConfigMap, &name).await["metadata"]["uid"];
    let mut messages = Vec::new();
    for event in events["items"].as_array().unwrap() {
        assert_eq!(event["reason"], "LeaderElection");
        assert_eq!(event["source"]["component"], name.as_str());
        assert_eq!(&event["involvedObject"]["uid"], uid);
        messages.push(event["message"].as_str().unwrap());
    }
    messages.sort_unstable();
    assert_eq!(messages, ["node-1 became leader", "node-1 stopped leading"]);
}
