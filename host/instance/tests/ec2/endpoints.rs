//! Endpoints of the EC2 API, by region and partition.

use std::sync::{Arc, Mutex};

use aws_config::Region;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use insightd_instance::{Client, Ec2Error, tags};
use insightd_upstream::UpstreamStatus;

/// A connector that records the URI of each request and fails it.
#[derive(Clone, Debug, Default)]
struct RecordingConnector(Arc<Mutex<Vec<String>>>);

impl HttpConnector for RecordingConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.0.lock().unwrap().push(request.uri().to_owned());
        HttpConnectorFuture::ready(Err(ConnectorError::io("noted".into())))
    }
}

async fn host_of(region: &str, fips: bool) -> String {
    let connector_log = RecordingConnector::default();
    let connector = SharedHttpConnector::new(connector_log.clone());
    let base = crate::config("http://unused").into_builder();
    let config = base
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .use_fips(fips)
        .region(Region::new(region.to_owned()));
    let mut config = config.build().into_builder();
    config.set_endpoint_url(None);
    let client = Client::new(&config.build()).unwrap();
    let _ = tags::describe(&client, "i-1", &UpstreamStatus::new("ec2")).await;
    let requests = connector_log.0.lock().unwrap();
    requests.first().unwrap().trim_start_matches("https://").trim_end_matches('/').to_owned()
}

#[tokio::test]
async fn hosts_follow_partition_and_fips() {
    for (region, fips, host) in [
        ("us-west-2", false, "ec2.us-west-2.amazonaws.com"),
        ("us-west-2", true, "ec2-fips.us-west-2.amazonaws.com"),
        ("cn-north-1", false, "ec2.cn-north-1.amazonaws.com.cn"),
        ("us-gov-west-1", false, "ec2.us-gov-west-1.amazonaws.com"),
        ("us-gov-west-1", true, "ec2.us-gov-west-1.amazonaws.com"),
    ] {
        assert_eq!(host_of(region, fips).await, host, "{region}, FIPS: {fips}");
    }
}

/// A provider without credentials.
#[derive(Debug)]
struct NoCredentials;

impl ProvideCredentials for NoCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        // The error text has no hints that the client could search for.
        future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("none")))
    }
}

#[tokio::test]
async fn missing_credentials_are_detected_by_error_type() {
    let provider = SharedCredentialsProvider::new(NoCredentials);
    let config = crate::config("http://127.0.0.1:9").into_builder().credentials_provider(provider).build();
    let error =
        tags::describe(&Client::new(&config).unwrap(), "i-1", &UpstreamStatus::new("ec2")).await.unwrap_err();
    assert!(matches!(error, Ec2Error::NoCredentials { .. }), "{error:?}");
    // Nothing listens there, but the credentials are valid.
    let config = crate::config("http://127.0.0.1:9");
    let error =
        tags::describe(&Client::new(&config).unwrap(), "i-1", &UpstreamStatus::new("ec2")).await.unwrap_err();
    assert!(matches!(error, Ec2Error::Unreachable { .. }), "{error:?}");
}
