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
use insightd_instance::{AskError, Client, tags};
use insightd_peer::Status;

/// A connector that records the URI of each request and fails it.
#[derive(Clone, Debug, Default)]
struct Note(Arc<Mutex<Vec<String>>>);

impl HttpConnector for Note {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.0.lock().unwrap().push(request.uri().to_owned());
        HttpConnectorFuture::ready(Err(ConnectorError::io("noted".into())))
    }
}

async fn host_of(region: &str, fips: bool) -> String {
    let note = Note::default();
    let connector = SharedHttpConnector::new(note.clone());
    let base = crate::config("http://unused").into_builder();
    let config = base
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .use_fips(fips)
        .region(Region::new(region.to_owned()));
    let mut config = config.build().into_builder();
    config.set_endpoint_url(None);
    let client = Client::new(&config.build()).unwrap();
    let _ = tags::ask(&client, "i-1", &Status::new("ec2")).await;
    let noted = note.0.lock().unwrap();
    noted.first().unwrap().trim_start_matches("https://").trim_end_matches('/').to_owned()
}

#[tokio::test]
async fn partitions_and_fips() {
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
struct Nobody;

impl ProvideCredentials for Nobody {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        // The error text has no hints that the client could search for.
        future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("none")))
    }
}

#[tokio::test]
async fn who_has_no_credentials_is_told_so_by_the_type_of_the_error() {
    let provider = SharedCredentialsProvider::new(Nobody);
    let config = crate::config("http://127.0.0.1:9").into_builder().credentials_provider(provider).build();
    let error = tags::ask(&Client::new(&config).unwrap(), "i-1", &Status::new("ec2")).await.unwrap_err();
    assert!(matches!(error, AskError::NoCredentials { .. }), "{error:?}");
    // Nothing listens there, but the credentials are valid.
    let config = crate::config("http://127.0.0.1:9");
    let error = tags::ask(&Client::new(&config).unwrap(), "i-1", &Status::new("ec2")).await.unwrap_err();
    assert!(matches!(error, AskError::Unreachable { .. }), "{error:?}");
}
