//! Tests of the client's requests, and of its handling of responses that EC2 does not send.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_config::{AppName, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_types::retry::RetryConfig;
use insightd_instance::tags::ClusterName;
use insightd_instance::{Client, Ec2Error, tags, volumes};
use insightd_upstream::UpstreamStatus;

use crate::pages::{refusal, tag, tag_page};
use crate::server::{Response, Server};

async fn query(config: &SdkConfig) -> Result<tags::Tags, Ec2Error> {
    tags::describe(&Client::new(config).unwrap(), "i-1234567890abcdef0", &UpstreamStatus::new("ec2")).await
}

/// Returns a configuration with two attempts per request.
fn twice(server: &Server) -> SdkConfig {
    let retries = RetryConfig::standard().with_max_attempts(2).with_initial_backoff(Duration::from_millis(1));
    crate::config(&server.url).into_builder().retry_config(retries).build()
}

#[tokio::test]
async fn requests_are_signed_for_ec2() {
    let server = Server::start(tag_page).await;
    let credentials = Credentials::new("AKIATEST", "secret", Some("session".into()), None, "test");
    let config = crate::config(&server.url)
        .into_builder()
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .app_name(AppName::new("insightd-test").unwrap())
        .build();
    query(&config).await.unwrap();
    let request = &server.requests()[0];
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/"));
    assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(request.header("x-amz-security-token"), Some("session"));
    let signature = request.header("authorization").unwrap();
    let day = &request.header("x-amz-date").unwrap()[..8];
    let scope = format!("AWS4-HMAC-SHA256 Credential=AKIATEST/{day}/us-west-2/ec2/aws4_request, ");
    assert!(signature.starts_with(&scope), "{signature}");
    let signed = signature.split_once("SignedHeaders=").unwrap().1.split(',').next().unwrap();
    for header in ["content-type", "host", "x-amz-date", "x-amz-security-token"] {
        assert!(signed.split(';').any(|name| name == header), "{header} of {signed}");
    }
    assert!(request.header("user-agent").unwrap().contains("app/insightd-test"));
}

#[tokio::test]
async fn responses_of_other_servers_are_errors() {
    let page =
        "<!DOCTYPE html><html><head><meta charset=utf-8><title>Sorry</title></head><body>&nbsp;<br></html>";
    for (status, body, wanted) in [
        (200, page, "cannot parse the response"),
        (200, "<html></html>", "a document `html` instead of `DescribeTagsResponse`"),
        (200, "<DescribeTagsResponse><tagSet><item><key>a</key>", "not a complete XML document"),
        (200, "", "not a complete XML document"),
        (307, "", "ec2:DescribeTags: status 307"),
        (403, page, "ec2:DescribeTags: status 403"),
        (500, page, "ec2:DescribeTags: status 500"),
        (503, page, "EC2 throttles this account (503)"),
    ] {
        let server = Server::start(move |_| Response::Reply(status, "", body.into())).await;
        let error = query(&crate::config(&server.url)).await.unwrap_err().to_string();
        assert!(error.contains(wanted), "{status} {body}: {error}");
    }
}

#[tokio::test]
async fn a_truncated_body_is_an_error() {
    let server = Server::start(|request| match tag_page(request) {
        Response::Reply(_, _, body) => Response::Half(body),
        other => other,
    })
    .await;
    let error = query(&crate::config(&server.url)).await.unwrap_err();
    assert!(matches!(error, Ec2Error::Other { .. }), "{error:?}");
}

/// The server sends as fast as it can: only a limit of bytes ends this before the timeout of 10 s.
#[tokio::test]
async fn an_endless_body_is_abandoned() {
    let server = Server::start(|_| Response::Endless(1 << 20, Duration::ZERO)).await;
    let error = query(&crate::config(&server.url)).await.unwrap_err();
    assert!(error.to_string().contains("length limit exceeded"), "{error}");
}

#[tokio::test]
async fn entities_in_values_are_decoded() {
    let server = Server::start(|_| {
        let set =
            tag("kubernetes.io/cluster/a&amp;b", "owned") + &tag("aws:autoscaling:groupName", "&#x65;ks");
        let body = format!("<DescribeTagsResponse><tagSet>{set}</tagSet></DescribeTagsResponse>");
        Response::Reply(200, "", body)
    })
    .await;
    let found = query(&crate::config(&server.url)).await.unwrap();
    assert_eq!(found.cluster, ClusterName::One("a&b".into()));
    assert_eq!(found.autoscaling_group.as_deref(), Some("eks"));
}

#[tokio::test]
async fn detached_volumes_are_left_out() {
    let server = Server::start(|_| {
        let attachment = |device: &str, status: &str| {
            format!(
                "<item><instanceId>i-1</instanceId><device>{device}</device><status>{status}</status></item>"
            )
        };
        let set = attachment("/dev/sdf", "detached") + &attachment("/dev/sdg", "detaching");
        let body = format!(
            "<DescribeVolumesResponse><volumeSet><item><volumeId>vol-1</volumeId><availabilityZone>z</availabilityZone>\
             <attachmentSet>{set}</attachmentSet></item></volumeSet></DescribeVolumesResponse>"
        );
        Response::Reply(200, "", body)
    })
    .await;
    let client = Client::new(&crate::config(&server.url)).unwrap();
    let found = volumes::describe(&client, "i-1", &UpstreamStatus::new("ec2")).await.unwrap();
    assert_eq!(found.iter().map(|a| a.device.as_str()).collect::<Vec<_>>(), ["/dev/sdg"]);
}

/// The agent's own configuration has no retries; the client honours a configuration with some.
#[tokio::test]
async fn transient_errors_are_retried_as_configured_and_denials_are_not() {
    for (status, code, tries) in [
        (503, "RequestLimitExceeded", 2),
        (500, "InternalError", 2),
        (403, "UnauthorizedOperation", 1),
        (401, "AuthFailure", 1),
    ] {
        let server = Server::start(move |_| refusal(status, code, "no")).await;
        query(&twice(&server)).await.unwrap_err();
        assert_eq!(server.requests().len(), tries, "{code}");
        let server = Server::start(move |_| refusal(status, code, "no")).await;
        query(&crate::config(&server.url)).await.unwrap_err();
        assert_eq!(server.requests().len(), 1, "{code}");
    }
}

#[tokio::test]
async fn clock_skew_is_corrected() {
    let requests = AtomicUsize::new(0);
    let server = Server::start(move |request| {
        let reply = match requests.fetch_add(1, Ordering::Relaxed) {
            0 => refusal(401, "AuthFailure", "AWS was not able to validate the provided access credentials"),
            _ => tag_page(request),
        };
        let Response::Reply(status, _, body) = reply else { return reply };
        Response::Reply(status, "date: Sat, 01 Jan 2050 12:00:00 GMT\r\n", body)
    })
    .await;
    query(&twice(&server)).await.unwrap();
    let dates: Vec<String> =
        server.requests().iter().map(|request| request.header("x-amz-date").unwrap().to_owned()).collect();
    assert!(!dates[0].starts_with("2050") && dates.len() == 4, "{dates:?}");
    // Up to a second earlier: the offset has fractions of a second.
    let is_right = |date: &String| date.starts_with("20500101T12") || date == "20500101T115959Z";
    assert!(dates[1..].iter().all(is_right), "{dates:?}");
}

#[test]
fn incomplete_configurations_are_errors() {
    let error = Client::new(&SdkConfig::builder().build()).unwrap_err().to_string();
    assert_eq!(error, "the AWS configuration has no region");
    let fips = crate::config("http://e").into_builder().use_fips(true).build();
    let error = Client::new(&fips).unwrap_err().to_string();
    assert!(error.starts_with("FIPS endpoints cannot be combined with an endpoint URL"), "{error}");
}
