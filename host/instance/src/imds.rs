//! Instance metadata (IMDS): the identity document, read by IMDSv2 only.

use std::error::Error as StdError;
use std::io::ErrorKind;
use std::time::Duration;

use aws_config::imds::client::Client;
use aws_config::imds::client::error::{ImdsError as SdkImdsError, TokenError};
use aws_config::provider_config::ProviderConfig;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use http::Uri;
use http::uri::InvalidUri;
use serde::Deserialize;
use tokio::net::TcpStream;

use crate::facts::Identity;
use insightd_aws::sdk::BoundedResponses;
use insightd_upstream::error_text::{cause, causes};

/// Path of the identity document.
const DOCUMENT: &str = "/latest/dynamic/instance-identity/document";

/// Timeout of connecting and of reading; short, because IMDS is one hop away or absent.
const STEP_TIMEOUT: Duration = Duration::from_secs(2);

/// Timeout of token and document together, because a response may arrive byte by byte.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(8);

/// Maximum bytes of one response; the document has about 500.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;

/// Default addresses: IPv4, and IPv6 if `AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE` is set to it.
const ADDRESSES: [&str; 2] = ["http://169.254.169.254", "http://[fd00:ec2::254]"];

/// Maximum length of an accepted value; those of AWS have about 20 characters.
const MAX_CHARACTERS: usize = 128;

/// An error of instance metadata.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImdsError {
    /// No connection is possible.
    #[error(
        "cannot reach instance metadata ({0}): check network policies and iptables rules, or set \
         `instance.enabled: false` if this is not an EC2 instance"
    )]
    Unreachable(String),
    /// The connection is accepted, but no token arrives.
    #[error(
        "instance metadata accepts connections, but its token does not arrive: with a hop limit of 1 it does \
         not reach pods with their own network; set `hostNetwork: true` in the pod, or run `aws ec2 \
         modify-instance-metadata-options --instance-id ID --http-put-response-hop-limit 2`"
    )]
    NoToken,
    /// Instance metadata is disabled.
    #[error(
        "instance metadata is disabled (403): run `aws ec2 modify-instance-metadata-options --instance-id ID \
         --http-endpoint enabled`, or set the instance in `node.instance`"
    )]
    Disabled,
    /// The server at the address is not instance metadata.
    #[error(
        "no identity document at the instance metadata address (404): set `instance.enabled: false` if this \
         is not an EC2 instance, or check the proxy in front of instance metadata"
    )]
    NotFound,
    /// An unexpected status.
    #[error("unexpected status {0} from instance metadata")]
    Status(u16),
    /// The document is invalid or incomplete.
    #[error("invalid identity document of the instance: {0}")]
    Document(String),
    /// Any other error.
    #[error("instance metadata: {0}")]
    Other(String),
}

impl ImdsError {
    /// Returns the error text without the advice for EC2 instances.
    pub fn reason(&self) -> String {
        match self {
            Self::Unreachable(reason) | Self::Document(reason) | Self::Other(reason) => reason.clone(),
            Self::NoToken => "no response".into(),
            Self::Disabled => "status 403".into(),
            Self::NotFound => "status 404".into(),
            Self::Status(status) => format!("status {status}"),
        }
    }
}

/// A client of instance metadata.
#[derive(Clone, Debug)]
pub struct Imds {
    client: Client,
    address: Uri,
}

impl Imds {
    /// Creates a client for `endpoint`, else for the address in the environment (`AWS_EC2_METADATA_SERVICE_ENDPOINT`,
    /// `…_ENDPOINT_MODE`), else for `169.254.169.254`. It never uses a proxy, from which the address would lead to another
    /// machine.
    ///
    /// # Errors
    /// If the endpoint is not a valid address.
    pub fn new(endpoint: Option<&str>) -> Result<Self, ImdsError> {
        let settings =
            HttpConnectorSettings::builder().connect_timeout(STEP_TIMEOUT).read_timeout(STEP_TIMEOUT).build();
        let connector = Connector::builder()
            .connector_settings(settings)
            .sleep_impl(TokioSleep::new())
            .proxy_config(ProxyConfig::disabled())
            .build_http();
        let connector = SharedHttpConnector::new(BoundedResponses::new(
            SharedHttpConnector::new(connector),
            MAX_RESPONSE_BYTES,
        ));
        let http = http_client_fn(move |_, _| connector.clone());
        let config =
            ProviderConfig::without_region().with_http_client(http).with_sleep_impl(TokioSleep::new());
        // The caller decides about retries.
        let mut builder = Client::builder().configure(&config).max_attempts(1);
        if let Some(endpoint) = endpoint {
            builder = builder.endpoint(endpoint).map_err(invalid_address)?;
        }
        let address = address(endpoint).map_err(invalid_address)?;
        Ok(Self { client: builder.build(), address })
    }

    /// Returns the identity of the instance, and the bytes of its document.
    ///
    /// # Errors
    /// If the document cannot be read; the error tells operators what to do.
    pub async fn identity(&self) -> Result<(Identity, usize), ImdsError> {
        let result = tokio::time::timeout(TOTAL_TIMEOUT, self.client.get(DOCUMENT)).await;
        let document = match result {
            Ok(Ok(document)) => document,
            Ok(Err(error)) => return Err(self.explain(&error).await),
            Err(_) => {
                let text = format!("no complete response within {} s", TOTAL_TIMEOUT.as_secs());
                return Err(ImdsError::Other(text));
            }
        };
        let document = document.as_ref();
        Ok((parse(document)?, document.len()))
    }
}

/// Returns true if the SDK's variable `AWS_EC2_METADATA_DISABLED` disables instance metadata.
pub fn is_disabled() -> bool {
    std::env::var("AWS_EC2_METADATA_DISABLED").is_ok_and(|value| value.eq_ignore_ascii_case("true"))
}

/// Returns true if the SDK's variable `AWS_EC2_METADATA_SERVICE_ENDPOINT` sets the address of instance metadata.
pub fn has_custom_endpoint() -> bool {
    std::env::var_os("AWS_EC2_METADATA_SERVICE_ENDPOINT").is_some_and(|value| !value.is_empty())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    instance_id: Option<String>,
    instance_type: Option<String>,
    region: Option<String>,
    availability_zone: Option<String>,
}

/// Reads an identity document.
///
/// # Errors
/// If it is not JSON, or lacks instance id or region.
fn parse(text: &str) -> Result<Identity, ImdsError> {
    let document: Document =
        serde_json::from_str(text).map_err(|error| ImdsError::Document(error.to_string()))?;
    let required = |name: &str, value: Option<String>| {
        plain_value(value).ok_or_else(|| ImdsError::Document(format!("missing or invalid `{name}`")))
    };
    Ok(Identity {
        instance_id: required("instanceId", document.instance_id)?,
        instance_type: plain_value(document.instance_type),
        region: required("region", document.region)?,
        zone: plain_value(document.availability_zone),
    })
}

/// Drops a value with unexpected length or characters: values become attributes, and parts of host names.
fn plain_value(value: Option<String>) -> Option<String> {
    value.filter(|value| {
        (1..=MAX_CHARACTERS).contains(&value.len())
            && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
    })
}

impl Imds {
    async fn explain(&self, error: &SdkImdsError) -> ImdsError {
        let status = match error {
            SdkImdsError::ErrorResponse(response) => Some(response.response().status().as_u16()),
            SdkImdsError::FailedToLoadToken(_) => token_status(error),
            _ => None,
        };
        match status {
            Some(403) => return ImdsError::Disabled,
            Some(404) => return ImdsError::NotFound,
            Some(status @ 300..) => return ImdsError::Status(status),
            _ => {}
        }
        let connection = cause::<ConnectorError>(error);
        let is_timeout = connection.is_some_and(ConnectorError::is_timeout);
        // The SDK has one type for timeouts of connecting and of reading: another connection distinguishes them.
        if is_timeout
            && matches!(error, SdkImdsError::FailedToLoadToken(_))
            && self.accepts_connections().await
        {
            return ImdsError::NoToken;
        }
        if is_timeout {
            return ImdsError::Unreachable("no response".into());
        }
        let kind = cause::<std::io::Error>(error).map(std::io::Error::kind);
        if kind == Some(ErrorKind::ConnectionRefused) {
            return ImdsError::Unreachable("connection refused".into());
        }
        if connection.is_some_and(ConnectorError::is_io) {
            return ImdsError::Unreachable("connection failed".into());
        }
        ImdsError::Other(causes(error))
    }

    async fn accepts_connections(&self) -> bool {
        let host = self.address.host().unwrap_or_default().trim_matches(['[', ']']);
        let connect = TcpStream::connect((host, self.address.port_u16().unwrap_or(80)));
        tokio::time::timeout(STEP_TIMEOUT, connect).await.is_ok_and(|connected| connected.is_ok())
    }
}

fn invalid_address(error: impl std::fmt::Display) -> ImdsError {
    ImdsError::Other(format!("invalid address: {error}"))
}

/// Returns the address that the SDK uses.
fn address(endpoint: Option<&str>) -> Result<Uri, InvalidUri> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let is_v6 = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE")
        .is_some_and(|mode| mode.eq_ignore_ascii_case("ipv6"));
    let configured = endpoint.map(str::to_owned).or_else(|| variable("AWS_EC2_METADATA_SERVICE_ENDPOINT"));
    configured.as_deref().unwrap_or(ADDRESSES[usize::from(is_v6)]).parse()
}

/// Returns the status of a rejected token request.
fn token_status(error: &SdkImdsError) -> Option<u16> {
    let refused = error.source()?.downcast_ref::<SdkError<TokenError, HttpResponse>>()?;
    match refused {
        SdkError::ServiceError(response) => Some(response.raw().status().as_u16()),
        SdkError::ResponseError(response) => Some(response.raw().status().as_u16()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_documented_identity_document_is_read() {
        let text = r#"{
            "accountId" : "123456789012", "architecture" : "x86_64", "availabilityZone" : "us-west-2b",
            "billingProducts" : null, "devpayProductCodes" : null, "imageId" : "ami-5fb8c835",
            "instanceId" : "i-1234567890abcdef0", "instanceType" : "t2.micro", "kernelId" : null,
            "pendingTime" : "2016-11-19T16:32:11Z", "privateIp" : "10.158.112.84", "ramdiskId" : null,
            "region" : "us-west-2", "version" : "2017-09-30"
        }"#;
        let identity = parse(text).unwrap();
        assert_eq!(identity.instance_id, "i-1234567890abcdef0");
        assert_eq!(identity.instance_type.as_deref(), Some("t2.micro"));
        assert_eq!(identity.region, "us-west-2");
        assert_eq!(identity.zone.as_deref(), Some("us-west-2b"));
    }

    #[test]
    fn invalid_optional_values_are_absent_and_missing_required_ones_are_named() {
        let odd =
            r#"{"instanceId": "i-1", "region": "eu-west-1", "instanceType": "", "availabilityZone": "a b"}"#;
        let identity = parse(odd).unwrap();
        assert_eq!((identity.instance_type, identity.zone), (None, None));
        for (text, wanted) in [
            ("", "invalid identity document"),
            ("<html>", "invalid identity document"),
            (r#"{"region": "eu-west-1"}"#, "`instanceId`"),
            (r#"{"instanceId": "i-1"}"#, "`region`"),
            (r#"{"instanceId": "i-1", "region": "evil.example.org/"}"#, "`region`"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }
}
