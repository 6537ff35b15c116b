//! Typed views over the raw vocabulary.

use insights_batch::{Batch, Columns, Counter, Entity, Unit, views};

const BATCH: &str = r#"{"scope":"node","id":"n1","time_unix_ms":1,"entities":[
  {"kind":"node","id":"n1","attributes":{"node.name":"n1"},
   "gauges":{"node.cpu_count":2,"node.condition.Ready":1},
   "counters":{"cpu.usage_ns":[3000000000,1000000000,60000000000]},"children":[
    {"kind":"instance","id":"i-1","attributes":{"instance.type":"m5.large","container_instance.id":"ci"}},
    {"kind":"pod","id":"u1",
     "attributes":{"pod.uid":"u1","pod.name":"web","pod.host_network":"true","pod.condition.Ready":"True",
                   "label.app":"web","label.a.b/c":"x","annotation.note":"n"},
     "links":[{"role":"owned-by","kind":"workload","id":"ReplicaSet/default/web"},
              {"role":"endpoint-of","kind":"service","id":"default/web"}],
     "children":[
      {"kind":"container","id":"u1/app","attributes":{"container.name":"app","container.state":"running"},
       "gauges":{"container.limit_cpu_millicores":500},"counters":{"container.restarts":[2]}},
      {"kind":"volume","id":"u1/data","attributes":{"volume.name":"data"},"gauges":{"fs.capacity_bytes":1024}}]},
    {"kind":"workload","id":"ReplicaSet/default/web","attributes":{"workload.kind":"ReplicaSet"}},
    {"kind":"service","id":"default/web","attributes":{"service.name":"web"}}]}]}"#;

#[test]
fn views_read_the_raw_names() {
    let batch = Batch::from_columns(Columns::from_json(BATCH).unwrap());
    let node = batch.node().unwrap();
    assert_eq!((node.name(), node.cpu_count(), node.memory_total_bytes()), (Some("n1"), Some(2.0), None));
    assert_eq!((node.condition("Ready"), node.condition("DiskPressure")), (Some(1.0), None));
    assert_eq!(node.cpu_usage_ns().unwrap().delta(), Some(2e9));
    let instance = batch.instance().unwrap();
    assert_eq!((instance.instance_type(), instance.container_instance_id()), (Some("m5.large"), Some("ci")));

    let pod = node.pods()[0];
    assert_eq!(batch.pods(), [pod]);
    assert_eq!((pod.uid(), pod.name(), pod.namespace()), (Some("u1"), Some("web"), None));
    assert!(pod.is_host_network());
    assert_eq!((pod.condition("Ready"), pod.annotation("note")), (Some("True"), Some("n")));
    assert_eq!(pod.label("a.b/c"), Some("x"));
    assert_eq!(pod.labels(), [("app", "web"), ("a.b/c", "x")]);
    assert_eq!(pod.owners()[0].workload_kind(), Some("ReplicaSet"));
    assert_eq!(pod.owners()[0].pods(), [pod]);
    assert_eq!(pod.services(), batch.services());
    assert_eq!(batch.services()[0].pods(), [pod]);

    let container = pod.containers()[0];
    assert_eq!(batch.containers(), [container]);
    assert_eq!((container.name(), container.state()), (Some("app"), Some("running")));
    assert_eq!((container.cpu_limit_millicores(), container.cpu_request_millicores()), (Some(500.0), None));
    assert_eq!(container.restarts().map(|restarts| (restarts.current, restarts.delta())), Some((2, None)));
    assert_eq!(container.pod(), Some(pod));
    assert_eq!(batch.volumes()[0].capacity_bytes(), Some(1024.0));

    // A view dereferences to its entity.
    assert_eq!(pod.id(), "u1");
    pod.set_parent(Some(*instance));
    assert_eq!(Entity::from(pod).parent(), Some(*instance));
    assert_eq!(views::Volume::of(*pod), None);
}

const TASKS: &str = r#"{"scope":"node","id":"n1","time_unix_ms":1,"entities":[
  {"kind":"node","id":"n1","gauges":{"ecs.age_ms":0},"children":[
    {"kind":"task","id":"t1","attributes":{"task.id":"t1","task.family":"web","task.status":"RUNNING","task.tag.team":"shop"},
     "gauges":{"task.limit_cpu_millicores":250},"children":[
      {"kind":"container","id":"t1/app",
       "attributes":{"container.name":"app","container.kind":"main","container.health":"HEALTHY","network.mode":"bridge"},
       "gauges":{"container.limit_cpu_shares":128}}]}]}]}"#;

#[test]
fn tasks_have_containers() {
    let batch = Batch::from_columns(Columns::from_json(TASKS).unwrap());
    let node = batch.node().unwrap();
    assert_eq!((node.ecs_age_ms(), node.ecs_error()), (Some(0.0), None));
    let task = node.tasks()[0];
    assert_eq!(batch.tasks(), [task]);
    assert_eq!((task.task_id(), task.family(), task.service()), (Some("t1"), Some("web"), None));
    assert_eq!((task.status(), task.cpu_limit_millicores()), (Some("RUNNING"), Some(250.0)));
    assert_eq!((task.tag("team"), task.tag("cost")), (Some("shop"), None));
    let container = task.containers()[0];
    assert_eq!((container.task(), container.pod()), (Some(task), None));
    assert_eq!((container.health(), container.network_mode()), (Some("HEALTHY"), Some("bridge")));
    assert_eq!((container.status(), container.cpu_limit_shares()), (None, Some(128.0)));
}

const CLUSTER: &str = r#"{"scope":"cluster","id":"c1","time_unix_ms":1,"entities":[
  {"kind":"cluster","id":"c1","attributes":{"cluster.name":"c1","node.name":"n1"},"gauges":{"cluster.nodes":1},"children":[
    {"kind":"node","id":"n1","gauges":{"node.condition.Ready":-1}},
    {"kind":"namespace","id":"shop","attributes":{"namespace.name":"shop"},"gauges":{"pods.phase.running":0}},
    {"kind":"service","id":"shop/web","gauges":{"endpoints.ready":2}},
    {"kind":"workload","id":"Deployment/shop/web","attributes":{"workload.namespace":"shop"},
     "gauges":{"replicas.desired":3}}]}]}"#;

#[test]
fn a_cluster_is_no_node() {
    let batch = Batch::from_columns(Columns::from_json(CLUSTER).unwrap());
    assert_eq!(batch.node(), None);
    let cluster = batch.cluster().unwrap();
    assert_eq!((cluster.name(), cluster.leader()), (Some("c1"), Some("n1")));
    assert_eq!((cluster.node_count(), cluster.pod_count(), cluster.age_ms()), (Some(1.0), None, None));
    assert_eq!(cluster.nodes()[0].condition("Ready"), Some(-1.0));
    assert_eq!(
        (cluster.namespaces()[0].name(), cluster.namespaces()[0].pods_running()),
        (Some("shop"), Some(0.0))
    );
    assert_eq!(cluster.services()[0].endpoints_ready(), Some(2.0));
    let workload = cluster.workloads()[0];
    assert_eq!((workload.namespace(), workload.replicas_desired()), (Some("shop"), Some(3.0)));
    let node = Batch::from_columns(Columns::from_json(BATCH).unwrap());
    assert_eq!(node.cluster(), None);
}

#[test]
fn rates_divide_before_they_multiply() {
    // 1815 page faults in 60.5 s.
    let counter = Counter::pair(2815, 1000, 60_500_000_000);
    assert_eq!(counter.delta(), Some(1815.0));
    assert_eq!(counter.per_second(), Some(29.999999999999996));
    assert_eq!(Counter::pair(30_000_000_000, 0, 60_000_000_000).rate(1000.0), Some(500.0));
}

#[test]
fn there_is_no_rate_without_two_good_readings() {
    for counter in [
        Counter::first(7),
        Counter::pair(7, 5, 0),
        Counter::pair(7, 5, 50_000),
        Counter::pair(5, 7, 60_000_000_000),
    ] {
        assert_eq!(
            (counter.delta(), counter.per_second(), counter.rate(1000.0)),
            (None, None, None),
            "{counter:?}"
        );
    }
    assert_eq!(Counter::pair(7, 7, 50_001).per_second(), Some(0.0));
}

#[test]
fn units_have_the_names_of_the_service() {
    for unit in Unit::NAMED {
        assert_eq!(Unit::parse(unit.as_str()), Some(*unit));
    }
    assert_eq!(Unit::BytesPerSecond.as_str(), "Bytes/Second");
    assert_eq!(
        (Unit::parse("None"), Unit::parse(""), Unit::parse("Millicore")),
        (Some(Unit::None), Some(Unit::None), None)
    );
}
