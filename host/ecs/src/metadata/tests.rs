use super::*;
use crate::facts::{Container, ContainerLimits, EphemeralStorage, Task, TaskLimits};

/// The sample of the reference page for a task on an instance.
const EC2: &str = r#"{"Cluster":"default","TaskARN":"arn:aws:ecs:us-west-2:111122223333:task/default/158d1c8083dd49d6b527399fd6414f5c",
 "Family":"curltest","ServiceName":"MyService","Revision":"26","DesiredStatus":"RUNNING","KnownStatus":"RUNNING",
 "PullStartedAt":"2020-10-02T00:43:06.202617438Z","PullStoppedAt":"2020-10-02T00:43:06.31288465Z",
 "AvailabilityZone":"us-west-2d","VPCID":"vpc-1234567890abcdef0","LaunchType":"EC2","Containers":[
 {"DockerId":"598cba581fe3f939459eaba1e071d5c93bb2c49b7d1ba7db6bb19deeb70d8e38","Name":"~internal~ecs~pause",
  "DockerName":"ecs-curltest-26-internalecspause-e292d586b6f9dade4a00","Image":"amazon/amazon-ecs-pause:0.1.0","ImageID":"",
  "DesiredStatus":"RESOURCES_PROVISIONED","KnownStatus":"RESOURCES_PROVISIONED","Limits":{"CPU":0,"Memory":0},
  "CreatedAt":"2020-10-02T00:43:05.602352471Z","Type":"CNI_PAUSE",
  "Networks":[{"NetworkMode":"awsvpc","IPv4Addresses":["10.0.2.61"],"AttachmentIndex":0}]},
 {"DockerId":"ee08638adaaf009d78c248913f629e38299471d45fe7dc944d1039077e3424ca","Name":"curl",
  "Image":"111122223333.dkr.ecr.us-west-2.amazonaws.com/curltest:latest",
  "Labels":{"com.amazonaws.ecs.container-name":"curl"},"DesiredStatus":"RUNNING","KnownStatus":"RUNNING",
  "Limits":{"CPU":10,"Memory":128},"Type":"NORMAL","Health":{"status":"HEALTHY","statusSince":"2020-10-02T00:43:07Z"},
  "Networks":[{"NetworkMode":"awsvpc","IPv4Addresses":["10.0.2.61"]}]}]}"#;

/// The differences on Fargate, with the values that AWS documents.
const FARGATE: &str = r#"{"Cluster":"arn:aws:ecs:us-east-1:123456789012:cluster/MyEmptyCluster",
 "TaskARN":"arn:aws:ecs:us-east-1:123456789012:task/MyEmptyCluster/bfa2636268144d039771334145e490c5",
 "Family":"sample-fargate","Revision":"5","DesiredStatus":"RUNNING","KnownStatus":"RUNNING",
 "Limits":{"CPU":0.25,"Memory":512},"AvailabilityZone":"us-east-1d","LaunchType":"FARGATE",
 "Containers":[{"DockerId":"bfa2636268144d039771334145e490c5-1117626119","Name":"curl-image","Limits":{"CPU":128},
  "Type":"NORMAL","Networks":[{"NetworkMode":"awsvpc"}],"RestartCount":2}],
 "ClockDrift":{"ClockErrorBound":0.446931,"ClockSynchronizationStatus":"SYNCHRONIZED"},
 "EphemeralStorageMetrics":{"Utilized":261,"Reserved":20496}}"#;

fn text(text: &str) -> Option<Box<str>> {
    Some(text.into())
}

fn parse(body: &str) -> TaskMetadata {
    let metadata = parse_task(body.as_bytes()).unwrap();
    assert!(metadata.problems.is_empty(), "{:?}", metadata.problems);
    metadata
}

#[test]
fn the_documented_task_of_an_instance_is_read() {
    let metadata = parse(EC2);
    assert_eq!(metadata.cluster, text("default"));
    let pause = Container {
        docker_id: text("598cba581fe3f939459eaba1e071d5c93bb2c49b7d1ba7db6bb19deeb70d8e38"),
        name: "~internal~ecs~pause".into(),
        image: text("amazon/amazon-ecs-pause:0.1.0"),
        known_status: text("RESOURCES_PROVISIONED"),
        is_internal: true,
        network_mode: text("awsvpc"),
        ..Container::default()
    };
    let curl = Container {
        docker_id: text("ee08638adaaf009d78c248913f629e38299471d45fe7dc944d1039077e3424ca"),
        name: "curl".into(),
        image: text("111122223333.dkr.ecr.us-west-2.amazonaws.com/curltest:latest"),
        known_status: text("RUNNING"),
        network_mode: text("awsvpc"),
        health: text("HEALTHY"),
        limits: ContainerLimits { cpu_shares: Some(10.0), memory_bytes: Some(134_217_728) },
        ..Container::default()
    };
    let arn = "arn:aws:ecs:us-west-2:111122223333:task/default/158d1c8083dd49d6b527399fd6414f5c";
    assert_eq!(
        metadata.task,
        Task {
            id: "158d1c8083dd49d6b527399fd6414f5c".into(),
            arn: arn.into(),
            family: text("curltest"),
            revision: text("26"),
            known_status: text("RUNNING"),
            desired_status: text("RUNNING"),
            service: text("MyService"),
            launch_type: text("EC2"),
            zone: text("us-west-2d"),
            pull_started_at: text("2020-10-02T00:43:06.202617438Z"),
            pull_stopped_at: text("2020-10-02T00:43:06.31288465Z"),
            containers: vec![pause, curl],
            ..Task::default()
        }
    );
}

#[test]
fn a_task_on_fargate_has_limits_and_storage() {
    let TaskMetadata { cluster, task, .. } = parse(FARGATE);
    assert_eq!(cluster, text("MyEmptyCluster"));
    assert_eq!(&*task.id, "bfa2636268144d039771334145e490c5");
    assert_eq!(task.limits, TaskLimits { cpu_millicores: Some(250.0), memory_bytes: Some(536_870_912) });
    assert_eq!(
        task.ephemeral_storage,
        EphemeralStorage { reserved_bytes: Some(20_496 << 20), used_bytes: Some(261 << 20) }
    );
    assert_eq!(task.service, None);
    let container = &task.containers[0];
    assert_eq!(container.limits, ContainerLimits { cpu_shares: Some(128.0), memory_bytes: None });
    assert_eq!((container.is_internal, container.restarts, &container.health), (false, Some(2), &None));
}

#[test]
fn tags_are_read_and_their_errors_named() {
    let body =
        |tags: &str| parse(&format!(r#"{{"TaskARN": "arn:aws:ecs:r:1:task/c/t", "Family": "f", {tags}}}"#));
    let metadata = body(r#""TaskTags": {"Team": "shop", "b": "2"}, "ContainerInstanceTags": {"x": "y"}"#);
    assert_eq!(metadata.task.tags, [("Team".into(), "shop".into()), ("b".into(), "2".into())]);
    assert_eq!(metadata.tags_error, None);
    let errors = r#""Errors": [{"ErrorField": "ContainerInstanceTags", "ErrorCode": "AccessDeniedException"},
        {"ErrorField": "TaskTags", "ErrorCode": "AccessDeniedException", "ErrorMessage": "not authorized",
         "StatusCode": 400, "RequestId": "cd597ef0", "ResourceARN": "arn:aws:ecs:r:1:task/c/t"}]"#;
    let metadata = body(errors);
    assert_eq!(metadata.tags_error.as_deref(), Some("AccessDeniedException: not authorized"));
    assert!(metadata.task.tags.is_empty());
    assert_eq!(body(r#""Errors": null"#).tags_error, None);
    assert_eq!(body(r#""Errors": [{"ErrorField": "ContainerInstanceTags"}]"#).tags_error, None);
}

#[test]
fn other_documents_are_errors() {
    for body in ["", "{}", "null", r#"{"TaskARN": null}"#, r#"{"TaskARN": "x"}"#, &EC2[..EC2.len() - 1]] {
        parse_task(body.as_bytes()).unwrap_err();
    }
}

#[test]
fn the_address_is_checked() {
    let settings =
        |uri: &str| MetadataSettings { uri: uri.into(), timeout: Duration::from_secs(2), tags: false };
    Metadata::new(&settings("http://169.254.170.2/v4/158d1c80")).unwrap();
    let error = Metadata::new(&settings("169.254.170.2/v4")).unwrap_err().to_string();
    assert!(error.starts_with("task metadata: invalid address `169.254.170.2/v4`"), "{error}");
}

#[test]
fn tags_without_a_response_are_requested_again_soon() {
    let mut tags = Tags { known: Vec::new(), due: Instant::now(), failure: None };
    tags.on_failure(TagsFailure::Unreadable, "status 500");
    assert!(tags.due <= Instant::now() + Duration::from_secs(60));
    tags.on_failure(TagsFailure::Refused, "AccessDeniedException");
    assert!(tags.due > Instant::now() + Duration::from_secs(300));
    assert_eq!(tags.failure, Some(TagsFailure::Refused));
}
