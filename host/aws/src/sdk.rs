//! The shared configuration of all AWS clients of the agent.
//!
//! Credentials come from the SDK's default chain: environment, profile, web identity (IRSA), container credentials (EKS Pod
//! Identity, ECS), instance metadata; with [`AwsSettings::role`] they are used to assume a role. Endpoints follow the region
//! and its partition, `AWS_ENDPOINT_URL*`, `AWS_USE_FIPS_ENDPOINT` and `AWS_USE_DUALSTACK_ENDPOINT`; proxies follow
//! `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`.
//!
//! All clients share one connector, and so one connection pool and one set of root certificates. The SDK's retries are
//! disabled: callers decide about retries, because they know what a request is worth.

mod access;
mod bounded;

use std::time::Duration;

pub use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{
    HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use insightd_upstream::roots::{self, RootsError};
use rustls_pki_types::CertificateDer;

use crate::settings::AwsSettings;

pub use access::Access;
pub use bounded::BoundedResponses;

/// Time limit for establishing a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// Idle time after which a connection is closed: longer than the usual tick interval, so that ticks share a connection if the
/// server keeps it open.
const IDLE: Duration = Duration::from_secs(90);

/// Maximum size of a response, bytes. The largest expected one is a page of an instance's volumes, some hundred kilobytes.
const MAX_RESPONSE_BYTES: usize = 4 << 20;

/// A configuration that cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum SdkError {
    /// The certificate file is unusable.
    #[error(transparent)]
    Roots(#[from] RootsError),
    /// TLS could not be set up.
    #[error("cannot set up TLS: {0}")]
    Tls(String),
    /// No source provides a region.
    #[error(
        "no AWS region configured: set `region` of the sink or AWS_REGION; instance metadata did not provide \
         it either (in a pod, it needs a hop limit of 2)"
    )]
    NoRegion,
}

/// Loads the configuration. Queries instance metadata if nothing else provides the region, which takes seconds outside EC2.
///
/// # Errors
/// No region, or an unusable certificate file.
pub async fn load(settings: &AwsSettings) -> Result<SdkConfig, SdkError> {
    let http = http_client(settings)?;
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(settings.timeout)
        .operation_timeout(settings.timeout)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        // The timeout covers the whole response; responses are too small for throughput checks.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(url) = &settings.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile);
    }
    if settings.fips {
        loader = loader.use_fips(true);
    }
    let config = loader.load().await;
    if config.region().is_none() {
        return Err(SdkError::NoRegion);
    }
    let Some(role) = &settings.role else { return Ok(config) };
    let mut assume = AssumeRoleProvider::builder(&role.arn).session_name("insightd").configure(&config);
    if let Some(id) = &role.external_id {
        assume = assume.external_id(id);
    }
    let provider = assume.build().await;
    let provider = aws_credential_types::provider::SharedCredentialsProvider::new(provider);
    Ok(config.into_builder().credentials_provider(provider).build())
}

fn http_client(settings: &AwsSettings) -> Result<SharedHttpClient, SdkError> {
    let mut roots = TrustStore::empty();
    for der in roots::load(settings.ca_file.as_deref())? {
        roots.add_pem_certificate(pem(&der));
    }
    let context = TlsContext::builder().with_trust_store(roots).build();
    let context = context.map_err(|error| SdkError::Tls(error.to_string()))?;
    let timeouts =
        HttpConnectorSettings::builder().connect_timeout(CONNECT).read_timeout(settings.timeout).build();
    let connector = Connector::builder()
        .connector_settings(timeouts)
        .sleep_impl(TokioSleep::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(2)
        .proxy_config(ProxyConfig::from_env())
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(context)
        .build();
    let connector = SharedHttpConnector::new(BoundedResponses::new(connector, MAX_RESPONSE_BYTES));
    Ok(http_client_fn(move |_, _| connector.clone()))
}

/// Encodes a certificate as PEM, the only form that the connector accepts.
fn pem(der: &CertificateDer<'_>) -> String {
    let text = aws_smithy_types::base64::encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}
