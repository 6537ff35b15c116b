use super::*;
use crate::facts::{Container, Task};

/// The samples of the reference page.
const METADATA: &str = r#"{"Cluster":"c","ContainerInstanceArn":"arn:aws:ecs:R:A:container-instance/c/ID",
    "Version":"Amazon ECS Agent - v1.30.0 (02ff320c)"}"#;
const TASKS: &str = r#"{"Tasks":[{"Arn":"arn:aws:ecs:us-west-2:012345678910:task/default/example5-58ff-46c9-ae05-543f8example",
    "DesiredStatus":"RUNNING","KnownStatus":"RUNNING","Family":"hello_world","Version":"8","Containers":[
    {"DockerId":"9581a69a761a557fbfce1d0f6745e4af5b9dbfb86b6b2c5c4df156f1a5932ff1",
     "DockerName":"ecs-hello_world-8-mysql-fcae8ac8f9f1d89d8301","Name":"mysql"},
    {"DockerId":"bf25c5c5b2d4dba68846c7236e75b6915e1e778d31611e3c6a06831e39814a15",
     "DockerName":"ecs-hello_world-8-wordpress-e8bfddf9b488dff36c00","Name":"wordpress"}]}]}"#;

fn tasks(body: &str) -> TaskList {
    parse_tasks(body.as_bytes()).unwrap()
}

fn task(fields: &str) -> String {
    format!(r#"{{"Arn": "arn:aws:ecs:us-west-2:1:task/c/t1"{fields}}}"#)
}

fn text(text: &str) -> Option<Box<str>> {
    Some(text.into())
}

#[test]
fn the_documented_metadata_is_read() {
    let (instance, problems) = parse_instance(METADATA.as_bytes()).unwrap();
    assert_eq!(
        instance,
        Instance {
            cluster: text("c"),
            container_instance_id: text("ID"),
            agent_version: text("Amazon ECS Agent - v1.30.0 (02ff320c)"),
        }
    );
    assert!(problems.is_empty());
}

#[test]
fn an_agent_that_registers_has_no_id_yet() {
    let body = br#"{"cluster": "default", "CONTAINERINSTANCEARN": null, "version": ""}"#;
    let (instance, problems) = parse_instance(body).unwrap();
    assert_eq!(instance, Instance { cluster: text("default"), ..Instance::default() });
    assert!(problems.is_empty());
    let body = br#"{"ContainerInstanceArn": null}"#;
    assert_eq!(parse_instance(body).unwrap().0, Instance::default());
}

#[test]
fn malformed_metadata_costs_the_field() {
    for (body, first) in [
        (r#"{"Cluster": 5, "Version": "v"}"#, "Cluster: expected a string, found a number"),
        (r#"{"Cluster": "a b", "Version": "v"}"#, "Cluster: `a b` is not a cluster"),
        (
            r#"{"ContainerInstanceArn": "ID", "Version": "v"}"#,
            "ContainerInstanceArn: `ID` is not the ARN of a container instance",
        ),
    ] {
        let (instance, problems) = parse_instance(body.as_bytes()).unwrap();
        assert_eq!(instance, Instance { agent_version: text("v"), ..Instance::default() }, "{body}");
        assert_eq!((problems.fields, problems.first.as_deref()), (1, Some(first)));
    }
    for body in ["", "{}", r#"{"message": "not found"}"#, "[]", "null", "404 page not found"] {
        parse_instance(body.as_bytes()).unwrap_err();
    }
}

#[test]
fn the_documented_tasks_are_read() {
    let container = |docker_id: &str, name: &str| Container {
        docker_id: text(docker_id),
        name: name.into(),
        ..Container::default()
    };
    let list = tasks(TASKS);
    assert!(list.problems.is_empty());
    assert_eq!(
        list.tasks,
        [Task {
            id: "example5-58ff-46c9-ae05-543f8example".into(),
            arn: "arn:aws:ecs:us-west-2:012345678910:task/default/example5-58ff-46c9-ae05-543f8example"
                .into(),
            family: text("hello_world"),
            revision: text("8"),
            known_status: text("RUNNING"),
            desired_status: text("RUNNING"),
            containers: vec![
                container("9581a69a761a557fbfce1d0f6745e4af5b9dbfb86b6b2c5c4df156f1a5932ff1", "mysql"),
                container("bf25c5c5b2d4dba68846c7236e75b6915e1e778d31611e3c6a06831e39814a15", "wordpress"),
            ],
            ..Task::default()
        }]
    );
}

#[test]
fn fields_of_newer_agents_are_read() {
    let body = task(
        r#", "containers": [{"dockerid": "d", "name": "~internal~ecs~pause", "image": "amazon/amazon-ecs-pause:0.1.0",
           "networks": [{}, {"networkmode": "awsvpc", "IPv4Addresses": ["10.0.2.61"]}], "restartcount": 3,
           "Volumes": [{"Source": "/a"}], "CreatedAt": "2020-10-02T00:43:06Z", "Ports": null}]"#,
    );
    let list = tasks(&format!("{{\"tasks\": [{body}]}}"));
    assert!(list.problems.is_empty(), "{:?}", list.problems);
    assert_eq!(
        list.tasks[0].containers,
        [Container {
            docker_id: text("d"),
            name: "~internal~ecs~pause".into(),
            image: text("amazon/amazon-ecs-pause:0.1.0"),
            is_internal: true,
            network_mode: text("awsvpc"),
            restarts: Some(3),
            ..Container::default()
        }]
    );
}

#[test]
fn an_instance_without_tasks_has_an_empty_list() {
    for body in [r#"{"Tasks": []}"#, r#"{"Tasks": null}"#] {
        assert_eq!(tasks(body), TaskList::default(), "{body}");
    }
    for body in ["{}", r#"{"Tasks": {}}"#, r#"{"Tasks": "none"}"#, "[]", r#"{"Tasks": ["#, ""] {
        parse_tasks(body.as_bytes()).unwrap_err();
    }
}

#[test]
fn a_malformed_task_costs_its_row() {
    for (row, first) in [
        ("null", "Tasks[0]: expected an object, found null"),
        ("[]", "Tasks[0]: expected an object, found a list"),
        ("{}", "Tasks[0]: no ARN of the task"),
        (r#"{"Arn": ""}"#, "Tasks[0]: no ARN of the task"),
        (r#"{"Arn": "t1"}"#, "Tasks[0]: `t1` is not the ARN of a task"),
    ] {
        let list = tasks(&format!("{{\"Tasks\": [{row}, {}]}}", task("")));
        assert_eq!((list.tasks.len(), &*list.tasks[0].id), (1, "t1"), "{row}");
        assert_eq!(list.problems.rows, 1, "{row}");
        assert_eq!(list.problems.first.as_deref(), Some(first), "{row}");
    }
}

#[test]
fn a_malformed_field_costs_the_field() {
    for (fields, first) in [
        (r#", "Family": 8"#, "Tasks[0].Family: expected a string, found a number"),
        (r#", "Version": 8"#, "Tasks[0].Version: expected a string, found a number"),
        (r#", "Containers": {"a": 1}"#, "Tasks[0].Containers: expected a list, found an object"),
        (r#", "Limits": 5"#, "Tasks[0].Limits: expected an object, found a number"),
    ] {
        let list =
            tasks(&format!("{{\"Tasks\": [{}]}}", task(&format!("{fields}, \"KnownStatus\": \"STOPPED\""))));
        assert_eq!(list.tasks[0].known_status, text("STOPPED"), "{fields}");
        assert_eq!((list.problems.fields, list.problems.rows), (1, 0), "{fields}");
        assert_eq!(list.problems.first.as_deref(), Some(first));
    }
}

#[test]
fn a_malformed_container_costs_its_row() {
    let body = task(r#", "Containers": [{"DockerId": "d"}, {"Name": "web", "RestartCount": -1}, 7]"#);
    let list = tasks(&format!("{{\"Tasks\": [{body}]}}"));
    assert_eq!(list.tasks[0].containers, [Container { name: "web".into(), ..Container::default() }]);
    assert_eq!((list.problems.fields, list.problems.rows), (1, 2));
    assert_eq!(list.problems.first.as_deref(), Some("Tasks[0].Containers[0]: no name of the container"));
}

#[test]
fn a_task_id_is_kept_once() {
    let old = r#"{"Arn": "arn:aws:ecs:us-west-2:1:task/t1", "Family": "second"}"#;
    let list = tasks(&format!("{{\"Tasks\": [{}, {old}]}}", task(r#", "Family": "first""#)));
    assert_eq!((list.tasks.len(), list.tasks[0].family.as_deref()), (1, Some("first")));
    assert_eq!(list.problems.first.as_deref(), Some("Tasks[1]: another task has the id `t1`"));
}

#[test]
fn rows_and_texts_are_bounded() {
    let container = r#"{"Name": "a"}"#;
    let many = vec![container; 101].join(",");
    let list = tasks(&format!("{{\"Tasks\": [{}]}}", task(&format!(", \"Containers\": [{many}]"))));
    assert_eq!((list.tasks[0].containers.len(), list.problems.rows), (100, 1));
    assert_eq!(
        list.problems.first.as_deref(),
        Some("Tasks[0].Containers[100]: beyond the maximum of 100 elements")
    );

    let arns: Vec<String> =
        (0..10_001).map(|id| format!(r#"{{"Arn": "arn:aws:ecs:r:1:task/c/{id}"}}"#)).collect();
    let list = tasks(&format!("{{\"Tasks\": [{}]}}", arns.join(",")));
    assert_eq!((list.tasks.len(), list.problems.rows), (10_000, 1));

    let long = task(&format!(", \"Family\": \"{}\"", "f".repeat(513)));
    let list = tasks(&format!("{{\"Tasks\": [{long}]}}"));
    assert_eq!((list.tasks[0].family.as_deref(), list.problems.fields), (None, 1));
}

/// A response that is cut off or damaged anywhere must not cause a panic, and is never half a list.
#[test]
fn damaged_responses_are_errors_or_problems() {
    for length in 0..TASKS.len() {
        parse_tasks(&TASKS.as_bytes()[..length]).unwrap_err();
    }
    for position in 0..TASKS.len() {
        for byte in [b'"', b'[', b'9', 0xff] {
            let mut body = TASKS.as_bytes().to_vec();
            body[position] = byte;
            if let Ok(list) = parse_tasks(&body) {
                assert!(list.tasks.len() <= 1);
            }
        }
    }
}

#[test]
fn the_configured_endpoint_is_the_only_candidate() {
    let urls = |settings| {
        let client = Introspection::new(settings).unwrap();
        client.candidates().iter().map(BaseUrl::to_string).collect::<Vec<_>>()
    };
    let addresses = vec!["10.0.0.7".parse().unwrap(), "fd00::7".parse().unwrap()];
    let settings = IntrospectionSettings { addresses, ..IntrospectionSettings::default() };
    assert_eq!(
        urls(settings.clone()),
        ["http://127.0.0.1:51678", "http://[::1]:51678", "http://10.0.0.7:51678", "http://[fd00::7]:51678"]
    );
    let endpoint = Some("http://127.0.0.1:9".to_owned());
    assert_eq!(urls(IntrospectionSettings { endpoint, ..settings }), ["http://127.0.0.1:9"]);
    let endpoint = Some("https://127.0.0.1".to_owned());
    let error = Introspection::new(IntrospectionSettings { endpoint, ..IntrospectionSettings::default() });
    assert!(error.unwrap_err().to_string().contains("expected http://HOST:PORT"));
}
