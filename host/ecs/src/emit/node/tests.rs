use std::sync::Arc;
use std::time::Duration;

use insights_batch::{Batch, Counter};

use super::*;
use crate::facts::{Container, Instance, Task, TaskList, TaskOrigin};

const SECOND: Duration = Duration::from_secs(1);

fn text(text: &str) -> Option<Box<str>> {
    Some(text.into())
}

fn container(name: &str, docker_id: Option<&str>) -> Container {
    Container { name: name.into(), docker_id: docker_id.map(Box::from), ..Container::default() }
}

fn data(read_at: Instant, tasks: Vec<Task>) -> EcsData {
    EcsData {
        instance: Instance { container_instance_id: text("ci-1"), ..Instance::default() },
        tasks: Some(Arc::new(TaskList { tasks, ..TaskList::default() })),
        tasks_read_at: Some(read_at),
        ..EcsData::default()
    }
}

fn emit(emitter: &mut NodeEmitter, data: Option<&EcsData>, origins: &TaskOrigins, now: Instant) -> Batch {
    let mut builder = Builder::new("node", "n", 1_735_790_400_000, 60_000);
    let node = builder.entity("node", "n", None);
    let instance = builder.entity("instance", "i-1", Some(node));
    let entities = NodeEntities { node, instance: Some(instance) };
    emitter.emit(data, origins, now, entities, &mut builder);
    let columns = builder.finish();
    columns.check().unwrap();
    Batch::from_columns(columns)
}

fn sorted<T: PartialOrd + Copy>(mut rows: Vec<(&str, T)>) -> Vec<(&str, T)> {
    rows.sort_by(|left, right| left.0.cmp(right.0));
    rows
}

#[test]
fn tasks_have_their_attributes() {
    let now = Instant::now();
    let task = Task {
        id: "t1".into(),
        arn: "arn:aws:ecs:r:1:task/c/t1".into(),
        family: text("web"),
        revision: text("8"),
        known_status: text("RUNNING"),
        desired_status: text("STOPPED"),
        tags: vec![("Team".into(), "shop".into()), ("other".into(), "x".into())],
        containers: vec![
            Container {
                image: text("nginx"),
                known_status: text("RUNNING"),
                network_mode: text("bridge"),
                health: text("HEALTHY"),
                ..container("web", Some("d1"))
            },
            Container { is_internal: true, ..container("~internal~ecs~pause", None) },
        ],
        ..Task::default()
    };
    let origin = TaskOrigin { service: text("shop"), launch_type: text("EC2"), zone: None };
    let origins = TaskOrigins::from([("t1".into(), origin)]);
    let mut emitter = NodeEmitter::new(vec!["Team".into(), "absent".into()]);
    let batch = emit(&mut emitter, Some(&data(now, vec![task])), &origins, now);
    let node = batch.find("node", "n").unwrap();
    assert_eq!(node.gauges(), [("ecs.age_ms", 0.0)]);
    assert!(node.attributes().is_empty());
    assert_eq!(batch.find("instance", "i-1").unwrap().attributes(), [("container_instance.id", "ci-1")]);
    let task = batch.find("task", "t1").unwrap();
    assert!(task.parent() == Some(node));
    assert_eq!(
        sorted(task.attributes()),
        [
            ("task.arn", "arn:aws:ecs:r:1:task/c/t1"),
            ("task.desired_status", "STOPPED"),
            ("task.family", "web"),
            ("task.id", "t1"),
            ("task.launch_type", "EC2"),
            ("task.revision", "8"),
            ("task.service", "shop"),
            ("task.status", "RUNNING"),
            ("task.tag.Team", "shop"),
        ]
    );
    assert!(task.gauges().is_empty() && task.counters().is_empty());
    let web = batch.find("container", "t1/web").unwrap();
    assert!(web.parent() == Some(task));
    assert_eq!(
        sorted(web.attributes()),
        [
            ("container.health", "HEALTHY"),
            ("container.id", "d1"),
            ("container.image", "nginx"),
            ("container.kind", "main"),
            ("container.name", "web"),
            ("container.status", "RUNNING"),
            ("network.mode", "bridge"),
        ]
    );
    assert!(web.counters().is_empty(), "no restart policy");
    let pause = batch.find("container", "t1/~internal~ecs~pause").unwrap();
    assert_eq!(
        sorted(pause.attributes()),
        [("container.kind", "internal"), ("container.name", "~internal~ecs~pause")]
    );
}

#[test]
fn a_missing_list_has_a_reason_and_an_old_one_an_age() {
    let (now, none) = (Instant::now(), TaskOrigins::default());
    let mut emitter = NodeEmitter::new(Vec::new());
    let node = |batch: &Batch| {
        let node = batch.find("node", "n").unwrap();
        (node.gauge("ecs.age_ms"), node.attribute("ecs.error").map(str::to_owned))
    };
    let batch = emit(&mut emitter, None, &none, now);
    assert_eq!(node(&batch), (None, Some("the ECS agent has not responded yet".into())));
    let mut failing = EcsData { tasks_error: Some("refused".into()), ..EcsData::default() };
    assert_eq!(node(&emit(&mut emitter, Some(&failing), &none, now)), (None, Some("refused".into())));
    failing = EcsData { tasks_error: failing.tasks_error, ..data(now, Vec::new()) };
    let batch = emit(&mut emitter, Some(&failing), &none, now + 90 * SECOND);
    assert_eq!(node(&batch), (Some(90_000.0), Some("refused".into())));
    let batch = emit(&mut emitter, Some(&data(now + SECOND, Vec::new())), &none, now);
    assert_eq!(node(&batch), (Some(0.0), None), "read after the tick had requested it");
    assert!(batch.of_kind("task").is_empty());
}

#[test]
fn containers_of_the_same_name_have_different_ids() {
    let containers = vec![
        container("web", Some("d1")),
        container("web", Some("d2")),
        container("web", Some("d2")),
        container("web", None),
    ];
    let task = Task { id: "t1".into(), containers, ..Task::default() };
    let now = Instant::now();
    let mut emitter = NodeEmitter::new(Vec::new());
    let batch = emit(&mut emitter, Some(&data(now, vec![task])), &TaskOrigins::default(), now);
    let ids: Vec<String> =
        batch.of_kind("container").into_iter().map(|container| container.id().to_owned()).collect();
    assert_eq!(ids, ["t1/web", "t1/web/d2"]);
}

#[test]
fn restarts_are_paired_by_docker_id() {
    let restarts = |docker_id: &str, restarts| {
        let container = Container { restarts: Some(restarts), ..container("web", Some(docker_id)) };
        vec![Task { id: "t1".into(), containers: vec![container], ..Task::default() }]
    };
    let mut emitter = NodeEmitter::new(Vec::new());
    let now = Instant::now();
    let mut counter = |read_at, tasks| {
        let batch = emit(&mut emitter, Some(&data(read_at, tasks)), &TaskOrigins::default(), now);
        batch.find("container", "t1/web").unwrap().counter("container.restarts").unwrap()
    };
    assert_eq!(counter(now, restarts("d1", 2)), Counter::first(2));
    assert_eq!(counter(now + 60 * SECOND, restarts("d1", 5)), Counter::pair(5, 2, 60_000_000_000));
    assert_eq!(
        counter(now + 60 * SECOND, restarts("d1", 5)),
        Counter::first(5),
        "the list was not read again"
    );
    assert_eq!(counter(now + 120 * SECOND, restarts("d1", 5)), Counter::pair(5, 5, 60_000_000_000));
    assert_eq!(counter(now + 180 * SECOND, restarts("d2", 9)), Counter::first(9), "another container");
}
