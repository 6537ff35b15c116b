//! The EC2 API as moto has it: filters, attachments.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{Filter, Tag};
use insightd_instance::tags::ClusterName;
use insightd_instance::{tags, volumes};
use insightd_peer::Status;

/// A client of moto; none, said loudly, where there is no moto.
fn client() -> Option<Client> {
    match std::env::var("INSIGHTD_TEST_AWS") {
        Ok(url) if !url.is_empty() => Some(Client::new(&crate::config(&url))),
        _ => {
            eprintln!(
                "SKIPPED: INSIGHTD_TEST_AWS has no address of a moto server (`make test-aws` starts one)"
            );
            None
        }
    }
}

async fn run_instance(client: &Client) -> String {
    let images = client.describe_images().filters(Filter::builder().name("name").values("amzn*").build());
    let images = images.send().await.unwrap();
    let image =
        images.images().first().and_then(|image| image.image_id()).unwrap_or("ami-12c6146b").to_owned();
    let run = client.run_instances().image_id(image).min_count(1).max_count(1).send().await.unwrap();
    run.instances()[0].instance_id().unwrap().to_owned()
}

async fn tag(client: &Client, id: &str, tags: &[(&str, &str)]) {
    let tags = tags.iter().map(|(key, value)| Tag::builder().key(*key).value(*value).build()).collect();
    client.create_tags().resources(id).set_tags(Some(tags)).send().await.unwrap();
}

#[tokio::test]
async fn tags_of_this_instance_and_of_no_other() {
    let Some(client) = client() else { return };
    let (own, other) = (run_instance(&client).await, run_instance(&client).await);
    let many: Vec<(String, String)> = (0..40).map(|n| (format!("team-{n}"), "x".repeat(200))).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    tag(&client, &own, &many).await;
    tag(&client, &own, &[("aws:autoscaling:groupName", "eks-blue"), ("kubernetes.io/cluster/demo", "owned")])
        .await;
    tag(&client, &other, &[("kubernetes.io/cluster/other", "owned")]).await;
    let status = Status::new("ec2");
    let found = tags::ask(&client, &own, &status).await.unwrap();
    assert_eq!(found.autoscaling_group.as_deref(), Some("eks-blue"));
    assert_eq!(found.cluster, ClusterName::One("demo".into()));
    let found = tags::ask(&client, &other, &status).await.unwrap();
    assert_eq!((found.autoscaling_group, found.cluster), (None, ClusterName::One("other".into())));
    assert_eq!(tags::ask(&client, "i-00000000000000000", &status).await.unwrap().cluster, ClusterName::None);
}

#[tokio::test]
async fn volumes_come_and_go() {
    let Some(client) = client() else { return };
    let (own, other) = (run_instance(&client).await, run_instance(&client).await);
    let status = Status::new("ec2");
    let root = volumes::ask(&client, &own, &status).await.unwrap();
    let mut made = Vec::new();
    for (instance, device) in [(&own, "/dev/xvdb"), (&own, "/dev/xvdba"), (&other, "/dev/xvdb")] {
        let volume = client.create_volume().availability_zone("us-west-2a").size(8).send().await.unwrap();
        let id = volume.volume_id().unwrap().to_owned();
        client.attach_volume().volume_id(&id).instance_id(instance).device(device).send().await.unwrap();
        made.push(id);
    }
    let found = volumes::ask(&client, &own, &status).await.unwrap();
    assert_eq!(found.len(), root.len() + 2, "{found:?}");
    let of = |device: &str| {
        found.iter().find(|a| a.device == device).map(|a| (a.zone.as_str(), a.volume_id.as_str()))
    };
    assert_eq!(of("/dev/xvdb"), Some(("us-west-2a", made[0].as_str())));
    assert_eq!(of("/dev/xvdba"), Some(("us-west-2a", made[1].as_str())));
    client.detach_volume().volume_id(&made[0]).instance_id(&own).send().await.unwrap();
    let left = volumes::ask(&client, &own, &status).await.unwrap();
    assert!(left.iter().all(|a| a.volume_id != made[0]), "{left:?}");
}
