//! Tests of filters and attachments against the EC2 API of moto.

use insightd_instance::tags::ClusterName;
use insightd_instance::{Client, tags, volumes};
use insightd_upstream::UpstreamStatus;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A client for the setup of moto's server: actions by name, with parameters of the query protocol.
struct Moto {
    url: String,
}

impl Moto {
    /// Returns `None`, with a message, if no moto server is configured.
    fn find() -> Option<Self> {
        match std::env::var("INSIGHTD_TEST_AWS") {
            Ok(url) if !url.is_empty() => Some(Self { url }),
            _ => {
                eprintln!(
                    "SKIPPED: INSIGHTD_TEST_AWS has no address of a moto server (`make test-aws` starts one)"
                );
                None
            }
        }
    }

    fn client(&self) -> Client {
        Client::new(&crate::config(&self.url)).unwrap()
    }

    /// Returns the response's document. moto takes service and region from the signature, and does not verify it.
    async fn call(&self, action: &str, parameters: &[(&str, &str)]) -> String {
        let mut form = format!("Action={action}&Version=2016-11-15");
        for (name, value) in parameters {
            form.push_str(&format!("&{name}={}", value.replace('/', "%2F").replace(':', "%3A")));
        }
        let host = self.url.trim_start_matches("http://").trim_end_matches('/');
        let request = format!(
            "POST / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\
             authorization: AWS4-HMAC-SHA256 Credential=AKIATEST/20260101/us-west-2/ec2/aws4_request, \
             SignedHeaders=host, Signature=0\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
            form.len()
        );
        let mut stream = TcpStream::connect(host).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).await.unwrap();
        assert!(response.starts_with("HTTP/1.1 200 "), "{action}: {response}");
        response
    }

    async fn run_instance(&self) -> String {
        let parameters = [("ImageId", "ami-12c6146b"), ("MinCount", "1"), ("MaxCount", "1")];
        text(&self.call("RunInstances", &parameters).await, "instanceId")
    }

    async fn tag(&self, id: &str, tags: &[(&str, &str)]) {
        let mut parameters = vec![("ResourceId.1".to_owned(), id)];
        for (number, (key, value)) in (1..).zip(tags) {
            parameters.push((format!("Tag.{number}.Key"), key));
            parameters.push((format!("Tag.{number}.Value"), value));
        }
        let parameters: Vec<(&str, &str)> =
            parameters.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        self.call("CreateTags", &parameters).await;
    }
}

/// Returns the text of the first element with this name.
fn text(document: &str, name: &str) -> String {
    let (_, rest) = document.split_once(&format!("<{name}>")).unwrap();
    rest.split('<').next().unwrap().to_owned()
}

#[tokio::test]
async fn only_tags_of_this_instance_are_returned() {
    let Some(moto) = Moto::find() else { return };
    let (own, other) = (moto.run_instance().await, moto.run_instance().await);
    let many: Vec<(String, String)> = (0..40).map(|n| (format!("team-{n}"), "x".repeat(200))).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    moto.tag(&own, &many).await;
    moto.tag(&own, &[("aws:autoscaling:groupName", "eks-blue"), ("kubernetes.io/cluster/demo", "owned")])
        .await;
    moto.tag(&other, &[("kubernetes.io/cluster/other", "owned")]).await;
    let (client, status) = (moto.client(), UpstreamStatus::new("ec2"));
    let found = tags::describe(&client, &own, &status).await.unwrap();
    assert_eq!(found.autoscaling_group.as_deref(), Some("eks-blue"));
    assert_eq!(found.cluster, ClusterName::One("demo".into()));
    let found = tags::describe(&client, &other, &status).await.unwrap();
    assert_eq!((found.autoscaling_group, found.cluster), (None, ClusterName::One("other".into())));
    assert_eq!(
        tags::describe(&client, "i-00000000000000000", &status).await.unwrap().cluster,
        ClusterName::None
    );
}

#[tokio::test]
async fn attached_and_detached_volumes_are_followed() {
    let Some(moto) = Moto::find() else { return };
    let (own, other) = (moto.run_instance().await, moto.run_instance().await);
    let (client, status) = (moto.client(), UpstreamStatus::new("ec2"));
    let root = volumes::describe(&client, &own, &status).await.unwrap();
    let mut made = Vec::new();
    for (instance, device) in [(&own, "/dev/xvdb"), (&own, "/dev/xvdba"), (&other, "/dev/xvdb")] {
        let volume = [("AvailabilityZone", "us-west-2a"), ("Size", "8")];
        let id = text(&moto.call("CreateVolume", &volume).await, "volumeId");
        moto.call("AttachVolume", &[("VolumeId", &id), ("InstanceId", instance), ("Device", device)]).await;
        made.push(id);
    }
    let found = volumes::describe(&client, &own, &status).await.unwrap();
    assert_eq!(found.len(), root.len() + 2, "{found:?}");
    let of = |device: &str| {
        found.iter().find(|a| a.device == device).map(|a| (a.zone.as_str(), a.volume_id.as_str()))
    };
    assert_eq!(of("/dev/xvdb"), Some(("us-west-2a", made[0].as_str())));
    assert_eq!(of("/dev/xvdba"), Some(("us-west-2a", made[1].as_str())));
    moto.call("DetachVolume", &[("VolumeId", &made[0]), ("InstanceId", &own)]).await;
    let left = volumes::describe(&client, &own, &status).await.unwrap();
    assert!(left.iter().all(|a| a.volume_id != made[0]), "{left:?}");
}
