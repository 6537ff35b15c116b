//! The one configuration that every AWS client of the agent is made of.
//!
//! Credentials come by the SDK's default chain: environment, profile, web identity (IRSA), container credentials (EKS Pod
//! Identity, ECS), instance metadata; with [`AwsSettings::role`] they are used to assume a role. Endpoints follow the region
//! and its partition, `AWS_ENDPOINT_URL*`, `AWS_USE_FIPS_ENDPOINT` and `AWS_USE_DUALSTACK_ENDPOINT`; proxies `HTTPS_PROXY`,
//! `HTTP_PROXY` and `NO_PROXY`.
//!
//! There is one connector, and so one pool of connections and one set of root certificates, for all clients. The SDK retries
//! nothing: when something is tried again is decided where it is known what it is worth.

mod bounded;
mod roots;

use std::path::PathBuf;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, TlsContext, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{
    HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};

use bounded::Bounded;
pub use roots::RootsError;

/// How long a connection may take to stand.
const CONNECT: Duration = Duration::from_secs(5);

/// How long an unused connection is kept: past the next tick of the usual interval, so that ticks share a connection as long as the server keeps it.
const IDLE: Duration = Duration::from_secs(90);

/// What a user may set; everything else is found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AwsSettings {
    /// Region; without it `AWS_REGION`, the profile's, or the instance's.
    pub region: Option<String>,
    /// Address of every service in place of its own. A client of one service has a setting of its own for that.
    pub endpoint_url: Option<String>,
    /// Profile of the shared configuration files.
    pub profile: Option<String>,
    /// FIPS 140 endpoints.
    pub fips: bool,
    /// Role to assume with the credentials that were found.
    pub role: Option<Role>,
    /// Certificates of further authorities, PEM: those of a proxy that looks into TLS.
    pub ca_file: Option<PathBuf>,
    /// The longest wait for an answer.
    pub timeout: Duration,
}

/// A role to assume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// What the role's trust policy may ask for.
    pub external_id: Option<String>,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum SdkError {
    /// A file of certificates is not one.
    #[error(transparent)]
    Roots(#[from] RootsError),
    /// Nobody says which region.
    #[error(
        "no region is known: set `region` of the sink or AWS_REGION; instance metadata did not tell it either \
         (in a pod it needs a hop limit of 2)"
    )]
    NoRegion,
}

/// Finds the configuration. Asks instance metadata where nothing else tells the region, which takes seconds off EC2.
///
/// # Errors
/// No region, or a file of certificates that is none.
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
        // A whole answer has its time-out; the answers are too small for rates.
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

fn http_client(settings: &AwsSettings) -> Result<SharedHttpClient, RootsError> {
    let roots = roots::trust_store(settings.ca_file.as_deref())?;
    let context = TlsContext::builder().with_trust_store(roots).build();
    let context = context.map_err(|error| RootsError::Tls(error.to_string()))?;
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
    let connector = SharedHttpConnector::new(Bounded::new(connector));
    Ok(http_client_fn(move |_, _| connector.clone()))
}
