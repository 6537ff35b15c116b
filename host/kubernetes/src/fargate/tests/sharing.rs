//! Replicas of a StatefulSet.

use super::*;

const PATH: &str = "/apis/apps/v1/namespaces/monitoring/statefulsets/insightd-fargate";
const ANNOTATION: &str = "insightd/fargate-replicas";
/// The beginning of a tick, seconds since the Unix epoch.
const TICK: u64 = 1_795_256_400;

fn replica(number: u32) -> ReplicaSettings {
    let pod = StatefulSetPod { stateful_set: "insightd-fargate".to_owned(), number };
    ReplicaSettings { namespace: "monitoring".to_owned(), pod }
}

fn stateful_set(plan: Option<&str>, replicas: u32, ready: u32) -> Value {
    let annotations = plan.map(|plan| json!({ANNOTATION: plan}));
    json!({
        "metadata": {"name": "insightd-fargate", "resourceVersion": "12", "annotations": annotations},
        "spec": {"replicas": replicas},
        "status": {"readyReplicas": ready}
    })
}

fn client(server: &Server, number: u32) -> Arc<StatefulSetClient> {
    Arc::new(StatefulSetClient::new(server.client(), replica(number), INTERVAL).with_clock(|| TICK + 5))
}

fn replicas(server: &Server, number: u32) -> Replicas {
    Replicas::new(client(server, number), INTERVAL)
}

#[test]
fn pods_of_stateful_sets_have_a_number() {
    let pod = |name| StatefulSetPod::from_pod_name(name).map(|pod| (pod.stateful_set, pod.number));
    assert_eq!(pod("insightd-fargate-0"), Some(("insightd-fargate".to_owned(), 0)));
    assert_eq!(pod("insightd-12"), Some(("insightd".to_owned(), 12)));
    for other in
        ["insightd", "insightd-x2x7p", "-1", "insightd-", "insightd-01", "insightd-+1", "a-99999999999"]
    {
        assert_eq!(pod(other), None, "{other}");
    }
}

#[tokio::test]
async fn ordinal_0_announces_a_change_and_others_do_not() {
    let object = stateful_set(Some("before=1,replicas=2,from=1795250000"), 3, 3);
    let server = Server::start(move |_, _| Response::ok().send(object.to_string())).await;
    let mut other = replicas(&server, 1);
    assert_eq!(other.replicas_in(TICK + 25).await, Ok(2));
    assert_eq!(server.requests().len(), 1);
    let mut first = replicas(&server, 0);
    assert_eq!(first.replicas_in(TICK + 25).await, Ok(2));
    let requests = server.requests();
    let (read, written) = (&requests[1], &requests[2]);
    assert!(read.head.starts_with("GET") && read.path == PATH, "from storage: {}", read.path);
    assert!(written.head.starts_with("PATCH") && written.path == PATH);
    assert_eq!(written.header("content-type"), Some("application/merge-patch+json"));
    let from = TICK + 3 * 60;
    let expected = json!({
        "metadata": {"resourceVersion": "12", "annotations": {ANNOTATION: format!("before=2,replicas=3,from={from}")}}
    });
    assert_eq!(serde_json::from_str::<Value>(&written.body).unwrap(), expected);
    assert_eq!(first.stateful_set.status().snapshot().error, None);
}

#[tokio::test]
async fn the_first_number_of_the_pods_is_subtracted() {
    let mut object = stateful_set(Some("before=1,replicas=1,from=0"), 1, 1);
    object["spec"]["ordinals"] = json!({"start": 5});
    let server = Server::start(move |_, _| Response::ok().send(object.to_string())).await;
    let mut first = replicas(&server, 5);
    assert_eq!(first.replicas_in(TICK).await, Ok(1));
    assert!(first.owns("any", 1));
    let mut below = replicas(&server, 4);
    assert_eq!(below.replicas_in(TICK).await, Err(Unassigned::NoPlan));
    assert!(
        below
            .stateful_set
            .status()
            .snapshot()
            .error
            .is_some_and(|error| error.contains("below spec.ordinals.start 5"))
    );
}

#[tokio::test]
async fn a_replica_pauses_when_the_plan_cannot_be_read() {
    let object = stateful_set(Some("before=2,replicas=2,from=0"), 2, 2);
    let server = Server::start(move |number, _| match number {
        0 => Response::ok().send(object.to_string()),
        _ => Response::status(403).send("Forbidden"),
    })
    .await;
    let mut replicas = replicas(&server, 1);
    assert_eq!(replicas.replicas_in(TICK).await, Ok(2));
    assert_eq!(replicas.replicas_in(TICK + 60).await, Ok(2), "read in the tick before");
    assert_eq!(replicas.replicas_in(TICK + 120).await, Err(Unassigned::Outdated { ticks: 2 }));
    let error = replicas.stateful_set.status().snapshot().error.unwrap();
    assert!(error.contains(PATH) && error.contains("grant `get` on `statefulsets.apps`"), "{error}");
}

#[tokio::test]
async fn failed_writes_and_invalid_plans_are_explained() {
    for (plan, number, expected) in [
        (None, 0, "status 409"),
        (Some("many"), 0, "status 409"),
        (Some("many"), 1, "annotation insightd/fargate-replicas: invalid plan \"many\""),
    ] {
        let object = stateful_set(plan, 2, 2);
        let server = Server::start(move |_, request| match request.head.starts_with("PATCH") {
            true => Response::status(409).send(r#"{"kind":"Status","code":409,"message":"modified"}"#),
            false => Response::ok().send(object.to_string()),
        })
        .await;
        let mut replicas = replicas(&server, number);
        assert_eq!(replicas.replicas_in(TICK).await, Err(Unassigned::NoPlan));
        let error = replicas.stateful_set.status().snapshot().error.unwrap();
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn replicas_share_the_nodes() {
    let nodes: Vec<String> = (0..12).map(|index| format!("fargate-{index:02}")).collect();
    let names: Vec<&str> = nodes.iter().map(String::as_str).collect();
    let object = stateful_set(Some("before=2,replicas=2,from=0"), 2, 2);
    let server = api_server(&names, |_| rows(), move |_| Response::ok().send(object.to_string())).await;
    let mut read = Vec::new();
    for number in [0, 1] {
        let settings = FargateSettings { replicas: Some(replica(number)), ..settings() };
        let mut fargate = Fargate::start(server.client(), &settings);
        listed(&fargate, 12).await;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let round = fargate.round(now.as_millis() as u64).await;
        assert!(!round.nodes.is_empty() && round.errors.is_empty());
        read.extend(round.nodes.iter().map(|node| node.name.to_string()));
    }
    read.sort();
    assert_eq!(read, nodes, "each node once");
}

#[tokio::test]
async fn a_removed_replica_ends_when_the_others_have_its_nodes() {
    let (earlier, later) = ("before=3,replicas=2,from=1795256400", "before=3,replicas=2,from=1795256460");
    for (plan, wanted, number, is_early, case) in [
        (Some("before=3,replicas=3,from=0"), 2, 2, true, "the change is not announced yet"),
        (Some(later), 2, 2, true, "in the last tick before the change"),
        (Some(earlier), 2, 2, false, "in the tick of the change"),
        (Some(later), 2, 1, false, "a replica that stays is restarted"),
        (Some(later), 3, 2, false, "a replica that comes back is restarted"),
        (Some("before=3,replicas=3,from=0"), 0, 2, false, "no replica remains"),
        (None, 2, 2, false, "nobody has nodes without a plan"),
        (Some("many"), 2, 2, false, "an invalid plan"),
    ] {
        let object = stateful_set(plan, wanted, 3);
        let server = Server::start(move |_, _| Response::ok().send(object.to_string())).await;
        assert_eq!(Removal::new(client(&server, number)).is_early().await, is_early, "{case}");
    }
    let mut object = stateful_set(Some(later), 2, 3);
    object["metadata"]["deletionTimestamp"] = json!("2026-11-30T12:00:00Z");
    let server = Server::start(move |number, _| match number {
        0 => Response::ok().send(object.to_string()),
        _ => Response::status(403).send("Forbidden"),
    })
    .await;
    let removal = Removal::new(client(&server, 2));
    assert!(!removal.is_early().await, "the StatefulSet is being deleted");
    assert!(!removal.is_early().await, "the StatefulSet cannot be read");
}
