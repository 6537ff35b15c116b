//! Instance metadata: the identity document, by version 2 of the protocol alone.

use std::error::Error as StdError;
use std::io::ErrorKind;
use std::time::Duration;

use aws_config::imds::client::Client;
use aws_config::imds::client::error::{ImdsError as Raw, TokenError};
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

use crate::bounded::Bounded;
use crate::explain::cause;
use insightd_aws::words::causes;

/// Where the document is.
const DOCUMENT: &str = "/latest/dynamic/instance-identity/document";

/// It is one hop away, or not there.
const PATIENCE: Duration = Duration::from_secs(2);

/// For token and document together: an answer may come bytewise.
const WHOLE: Duration = Duration::from_secs(8);

/// Most bytes of one answer; the document has some 500.
const ANSWER_BYTES: usize = 64 * 1024;

/// Where it is unless the environment says otherwise: with IPv4, and with `AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE` IPv6.
const ADDRESSES: [&str; 2] = ["http://169.254.169.254", "http://[fd00:ec2::254]"];

/// Longest value that is taken over; those of AWS have some 20 characters.
const MAX_CHARACTERS: usize = 128;

/// What the instance is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Such as `i-0123456789abcdef0`.
    pub instance_id: String,
    /// Such as `m5.large`.
    pub instance_type: Option<String>,
    /// Such as `us-west-2`.
    pub region: String,
    /// Availability zone, such as `us-west-2a`.
    pub zone: Option<String>,
    /// The account that it belongs to.
    pub account: Option<String>,
}

/// Why instance metadata said nothing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImdsError {
    /// There is no connection.
    #[error(
        "instance metadata cannot be reached ({0}): either this is no EC2 instance (then set `instance.enabled: false`), or \
         something keeps the agent from it: a network policy, a rule of iptables"
    )]
    Unreachable(String),
    /// There is a connection, and the answer does not come through.
    #[error(
        "instance metadata takes the connection but its token does not arrive: with a hop limit of 1 it does not reach a pod \
         that has a network of its own; run the pod with `hostNetwork: true`, or `aws ec2 modify-instance-metadata-options \
         --instance-id ID --http-put-response-hop-limit 2`"
    )]
    NoToken,
    /// It is switched off.
    #[error(
        "instance metadata is disabled (403): `aws ec2 modify-instance-metadata-options --instance-id ID --http-endpoint \
         enabled`, or name the machine in `node.instance`"
    )]
    Disabled,
    /// What answers is something else.
    #[error(
        "what answers at the address of instance metadata does not know {DOCUMENT} (404): this is no EC2 instance (then set \
         `instance.enabled: false`), or a proxy for pods stands there that does not hand it on"
    )]
    NotFound,
    /// It answers, but not with the document.
    #[error("instance metadata answers with status {0}")]
    Status(u16),
    /// The document says too little.
    #[error("the instance's identity document cannot be used: {0}")]
    Document(String),
    /// Anything else.
    #[error("instance metadata: {0}")]
    Other(String),
}

impl ImdsError {
    /// What happened, without what to do about it on an instance.
    pub fn reason(&self) -> String {
        match self {
            Self::Unreachable(reason) | Self::Document(reason) | Self::Other(reason) => reason.clone(),
            Self::NoToken => "no answer".into(),
            Self::Disabled => "status 403".into(),
            Self::NotFound => "status 404".into(),
            Self::Status(status) => format!("status {status}"),
        }
    }
}

/// Asks instance metadata.
#[derive(Clone, Debug)]
pub struct Imds {
    client: Client,
    address: Uri,
}

impl Imds {
    /// Asks at `endpoint`, else where the environment says (`AWS_EC2_METADATA_SERVICE_ENDPOINT`, `…_ENDPOINT_MODE`), else at
    /// `169.254.169.254`. Never through a proxy: the address means another machine there.
    ///
    /// # Errors
    /// The endpoint is no address.
    pub fn new(endpoint: Option<&str>) -> Result<Self, ImdsError> {
        let settings =
            HttpConnectorSettings::builder().connect_timeout(PATIENCE).read_timeout(PATIENCE).build();
        let connector = Connector::builder()
            .connector_settings(settings)
            .sleep_impl(TokioSleep::new())
            .proxy_config(ProxyConfig::disabled())
            .build_http();
        let connector =
            SharedHttpConnector::new(Bounded::new(SharedHttpConnector::new(connector), ANSWER_BYTES));
        let http = http_client_fn(move |_, _| connector.clone());
        let config =
            ProviderConfig::without_region().with_http_client(http).with_sleep_impl(TokioSleep::new());
        // When to try again is decided by whoever asks.
        let mut builder = Client::builder().configure(&config).max_attempts(1);
        if let Some(endpoint) = endpoint {
            builder = builder.endpoint(endpoint).map_err(|error| ImdsError::Other(error.to_string()))?;
        }
        let address = address(endpoint).map_err(|error| ImdsError::Other(error.to_string()))?;
        Ok(Self { client: builder.build(), address })
    }

    /// What the instance is, and how many bytes said so.
    ///
    /// # Errors
    /// In words for an operator.
    pub async fn identity(&self) -> Result<(Identity, usize), ImdsError> {
        let asked = tokio::time::timeout(WHOLE, self.client.get(DOCUMENT)).await;
        let document = match asked {
            Ok(Ok(document)) => document,
            Ok(Err(error)) => return Err(self.explain(&error).await),
            Err(_) => {
                let text = format!("no complete answer within {} s", WHOLE.as_secs());
                return Err(ImdsError::Other(text));
            }
        };
        let document = document.as_ref();
        Ok((parse(document)?, document.len()))
    }
}

/// Whether the SDK's own variable switches instance metadata off.
pub fn is_switched_off() -> bool {
    std::env::var("AWS_EC2_METADATA_DISABLED").is_ok_and(|value| value.eq_ignore_ascii_case("true"))
}

/// Whether a variable of the SDK says where instance metadata is.
pub fn is_placed() -> bool {
    std::env::var_os("AWS_EC2_METADATA_SERVICE_ENDPOINT").is_some_and(|value| !value.is_empty())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    instance_id: Option<String>,
    instance_type: Option<String>,
    region: Option<String>,
    availability_zone: Option<String>,
    account_id: Option<String>,
}

/// Reads an identity document.
///
/// # Errors
/// It is no JSON, or names no instance.
pub fn parse(text: &str) -> Result<Identity, ImdsError> {
    let document: Document =
        serde_json::from_str(text).map_err(|error| ImdsError::Document(error.to_string()))?;
    let needed = |name: &str, value: Option<String>| {
        word(value).ok_or_else(|| ImdsError::Document(format!("it has no usable `{name}`")))
    };
    Ok(Identity {
        instance_id: needed("instanceId", document.instance_id)?,
        instance_type: word(document.instance_type),
        region: needed("region", document.region)?,
        zone: word(document.availability_zone),
        account: word(document.account_id),
    })
}

/// The values become attributes, and parts of names of hosts.
fn word(value: Option<String>) -> Option<String> {
    value.filter(|value| {
        (1..=MAX_CHARACTERS).contains(&value.len())
            && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
    })
}

impl Imds {
    async fn explain(&self, error: &Raw) -> ImdsError {
        let status = match error {
            Raw::ErrorResponse(answer) => Some(answer.response().status().as_u16()),
            Raw::FailedToLoadToken(_) => token_status(error),
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
        // The SDK's time-outs, of connecting and of reading, are of one type: another connection tells them apart.
        if is_timeout && matches!(error, Raw::FailedToLoadToken(_)) && self.takes_connections().await {
            return ImdsError::NoToken;
        }
        if is_timeout {
            return ImdsError::Unreachable("no answer".into());
        }
        let kind = cause::<std::io::Error>(error).map(std::io::Error::kind);
        if kind == Some(ErrorKind::ConnectionRefused) {
            return ImdsError::Unreachable("connection refused".into());
        }
        if connection.is_some_and(ConnectorError::is_io) {
            return ImdsError::Unreachable("no connection".into());
        }
        ImdsError::Other(causes(error))
    }

    async fn takes_connections(&self) -> bool {
        let host = self.address.host().unwrap_or_default().trim_matches(['[', ']']);
        let connect = TcpStream::connect((host, self.address.port_u16().unwrap_or(80)));
        tokio::time::timeout(PATIENCE, connect).await.is_ok_and(|connected| connected.is_ok())
    }
}

/// The address that the SDK asks at.
fn address(endpoint: Option<&str>) -> Result<Uri, InvalidUri> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let is_v6 = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE")
        .is_some_and(|mode| mode.eq_ignore_ascii_case("ipv6"));
    let configured = endpoint.map(str::to_owned).or_else(|| variable("AWS_EC2_METADATA_SERVICE_ENDPOINT"));
    configured.as_deref().unwrap_or(ADDRESSES[usize::from(is_v6)]).parse()
}

/// The status with which a token was refused.
fn token_status(error: &Raw) -> Option<u16> {
    let refused = error.source()?.downcast_ref::<SdkError<TokenError, HttpResponse>>()?;
    match refused {
        SdkError::ServiceError(answer) => Some(answer.raw().status().as_u16()),
        SdkError::ResponseError(answer) => Some(answer.raw().status().as_u16()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_as_ec2_writes_it() {
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
        assert_eq!(identity.account.as_deref(), Some("123456789012"));
    }

    #[test]
    fn what_is_odd_is_absent_and_what_is_needed_is_named() {
        let odd =
            r#"{"instanceId": "i-1", "region": "eu-west-1", "instanceType": "", "availabilityZone": "a b"}"#;
        let identity = parse(odd).unwrap();
        assert_eq!((identity.instance_type, identity.zone, identity.account), (None, None, None));
        for (text, wanted) in [
            ("", "cannot be used"),
            ("<html>", "cannot be used"),
            (r#"{"region": "eu-west-1"}"#, "`instanceId`"),
            (r#"{"instanceId": "i-1"}"#, "`region`"),
            (r#"{"instanceId": "i-1", "region": "evil.example.org/"}"#, "`region`"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }
}
