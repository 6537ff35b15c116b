//! Tests of the background task: the facts it collects, the order of its requests, and the requests it avoids.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use insightd_instance::{Access, InstanceFacts, InstanceSettings, InstanceWatch};

use crate::imds::metadata;
use crate::pages::{refusal, tag_page};
use crate::server::{Request, Response, Server};

fn settings(imds: &Server, ec2: &Server) -> InstanceSettings {
    InstanceSettings {
        is_certain: true,
        imds_endpoint: Some(imds.url.clone()),
        access: Access::Ready(Box::new(crate::config(&ec2.url))),
        tags: true,
        wants_cluster_name: true,
        unknown_cluster_name: "unknown",
        volumes: true,
        refresh: Duration::from_secs(300),
        start_jitter: Duration::ZERO,
    }
}

/// Waits until the facts satisfy `is_reached`.
async fn until(watch: &InstanceWatch, is_reached: impl Fn(&InstanceFacts) -> bool) -> Arc<InstanceFacts> {
    let start = Instant::now();
    loop {
        let facts = watch.facts();
        if is_reached(&facts) {
            return facts;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "still {facts:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn one_volume(request: &Request) -> Response {
    assert!(request.body.contains("DescribeVolumes"), "{}", request.body);
    let body = "<DescribeVolumesResponse><volumeSet><item><volumeId>vol-0a</volumeId>\
                <availabilityZone>us-west-2b</availabilityZone><attachmentSet><item><instanceId>i-1234567890abcdef0\
                </instanceId><device>/dev/xvda</device></item></attachmentSet></item></volumeSet>\
                </DescribeVolumesResponse>";
    Response::Reply(200, "", body.into())
}

#[tokio::test]
async fn volumes_are_requested_only_if_a_disk_needs_them() {
    let imds = Server::start(metadata).await;
    let ec2 = Server::start(|request| {
        if request.body.contains("DescribeTags") { tag_page(request) } else { one_volume(request) }
    })
    .await;
    let watch = InstanceWatch::start(settings(&imds, &ec2));
    assert_eq!(*watch.facts(), InstanceFacts::default(), "`start` does not wait");
    let facts = until(&watch, |facts| facts.cluster_name.is_some()).await;
    assert_eq!(facts.identity.as_ref().unwrap().instance_id, "i-1234567890abcdef0");
    assert_eq!(facts.autoscaling_group.as_deref(), Some("eks-blue"));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(watch.facts().attachments.is_empty() && ec2.requests().len() == 3, "no disk needs volumes");
    watch.want_volumes();
    watch.want_volumes();
    let facts = until(&watch, |facts| !facts.attachments.is_empty()).await;
    assert_eq!(facts.attachments[0].volume_id, "vol-0a");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!((imds.requests().len(), ec2.requests().len()), (2, 4), "known facts are not requested again");
    for status in watch.statuses() {
        let state = status.snapshot();
        assert!(state.error.is_none() && state.last_success.is_some(), "{}: {state:?}", status.source());
    }
}

#[tokio::test]
async fn a_denied_request_does_not_affect_others() {
    let imds = Server::start(metadata).await;
    let ec2 = Server::start(|request| {
        if request.body.contains("DescribeTags") {
            refusal(403, "UnauthorizedOperation", "no")
        } else {
            one_volume(request)
        }
    })
    .await;
    let watch = InstanceWatch::start(settings(&imds, &ec2));
    watch.want_volumes();
    let facts = until(&watch, |facts| !facts.attachments.is_empty()).await;
    assert!(facts.cluster_name.is_none() && facts.identity.is_some());
    tokio::time::sleep(Duration::from_millis(500)).await;
    let state = watch.ec2().snapshot();
    assert!(state.error.unwrap().contains("grant `ec2:DescribeTags`"));
    assert_eq!((state.errors, state.requests), (1, 2), "a denied request is not repeated at once");
}

#[tokio::test]
async fn a_configured_cluster_name_is_not_read_from_tags() {
    let (imds, ec2) = (Server::start(metadata).await, Server::start(tag_page).await);
    let watch = InstanceWatch::start(InstanceSettings { wants_cluster_name: false, ..settings(&imds, &ec2) });
    let facts = until(&watch, |facts| facts.autoscaling_group.is_some()).await;
    assert_eq!(facts.cluster_name, None);
}

#[tokio::test]
async fn a_missing_group_is_requested_again_soon() {
    let imds = Server::start(metadata).await;
    let requests = AtomicUsize::new(0);
    let ec2 = Server::start(move |request| match requests.fetch_add(1, Ordering::Relaxed) {
        0 => Response::Reply(200, "", "<DescribeTagsResponse><tagSet/></DescribeTagsResponse>".into()),
        _ => tag_page(request),
    })
    .await;
    let refresh = Duration::from_millis(10);
    let watch = InstanceWatch::start(InstanceSettings {
        wants_cluster_name: false,
        refresh,
        ..settings(&imds, &ec2)
    });
    let facts = until(&watch, |facts| facts.autoscaling_group.is_some()).await;
    assert_eq!(facts.autoscaling_group.as_deref(), Some("eks-blue"));
}

/// A failure of instance metadata counts only if the machine is known to be an EC2 instance.
#[tokio::test]
async fn failures_on_other_machines_are_not_errors() {
    for is_certain in [true, false] {
        let imds = Server::start(|_| Response::Reply(404, "", String::new())).await;
        let ec2 = Server::start(|_| Response::Silence).await;
        let watch = InstanceWatch::start(InstanceSettings { is_certain, ..settings(&imds, &ec2) });
        let start = Instant::now();
        while imds.requests().len() < 2 && start.elapsed() < Duration::from_secs(20) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let state = watch.imds().snapshot();
        assert!(state.requests >= 2, "{state:?}");
        assert_eq!(state.errors > 0, is_certain, "{state:?}");
        assert_eq!(watch.statuses().len(), if is_certain { 2 } else { 0 });
        assert!(ec2.requests().is_empty(), "no requests without an instance id");
    }
}

#[tokio::test]
async fn late_metadata_is_used() {
    let ready = Arc::new(AtomicBool::new(false));
    let is_ready = Arc::clone(&ready);
    let imds = Server::start(move |request| match is_ready.load(Ordering::Relaxed) {
        true => metadata(request),
        false => Response::Reply(503, "", String::new()),
    })
    .await;
    let ec2 = Server::start(tag_page).await;
    let watch = InstanceWatch::start(settings(&imds, &ec2));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(watch.facts().identity.is_none());
    ready.store(true, Ordering::Relaxed);
    until(&watch, |facts| facts.cluster_name.is_some()).await;
    assert_eq!(watch.imds().snapshot().failures_in_a_row, 0);
}
