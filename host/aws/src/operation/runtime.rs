//! Configuration of the SDK's runtime for a service.

use aws_config::SdkConfig;
use aws_runtime::auth::SigV4OperationSigningConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::invocation_id::InvocationIdInterceptor;
use aws_runtime::request_info::RequestInfoInterceptor;
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_runtime::service_clock_skew::{
    DisableClockSkewCorrection, ServiceClockSkewClassifier, ServiceClockSkewInterceptor,
};
use aws_runtime::user_agent::{ApiMetadata, UserAgentInterceptor};
use aws_smithy_runtime::client::http::connection_poisoning::ConnectionPoisoningInterceptor;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{AuthSchemeOptionResolverParams, SharedAuthSchemeOptionResolver};
use aws_smithy_runtime_api::client::identity::SharedIdentityResolver;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::{SharedRuntimePlugin, StaticRuntimePlugin};
use aws_smithy_types::config_bag::{FrozenLayer, Layer};
use aws_smithy_types::error::ErrorMetadata;
use aws_types::SigningName;
use aws_types::region::SigningRegion;

use super::{ClientError, Service};
use crate::sdk::BoundedResponses;

/// Returns the settings and components that all requests of a client share.
pub(super) fn plugin(
    service: &'static Service,
    config: &SdkConfig,
) -> Result<SharedRuntimePlugin, ClientError> {
    let plugin = StaticRuntimePlugin::new()
        .with_config(settings(service, config)?)
        .with_runtime_components(components(service, config)?);
    Ok(SharedRuntimePlugin::new(plugin))
}

fn settings(service: &'static Service, config: &SdkConfig) -> Result<FrozenLayer, ClientError> {
    let region = config.region().ok_or(ClientError::Missing("region"))?;
    let mut layer = Layer::new(service.name);
    layer.store_put(AuthSchemeOptionResolverParams::new(()));
    layer.store_put(SigV4OperationSigningConfig::default());
    layer.store_put(SigningName::from_static(service.name));
    layer.store_put(SigningRegion::from(region.clone()));
    layer.store_put(ApiMetadata::new(service.name, env!("CARGO_PKG_VERSION")));
    if let Some(name) = config.app_name() {
        layer.store_put(name.clone());
    }
    if let Some(retries) = config.retry_config() {
        layer.store_put(retries.clone());
    }
    if let Some(timeouts) = config.timeout_config() {
        layer.store_put(timeouts.clone());
    }
    if let Some(protection) = config.stalled_stream_protection() {
        layer.store_put(protection);
    }
    if let Some(disabled) = config.disable_clock_skew_correction() {
        layer.store_put(DisableClockSkewCorrection::from(disabled));
    }
    Ok(layer.freeze())
}

fn components(
    service: &'static Service,
    config: &SdkConfig,
) -> Result<RuntimeComponentsBuilder, ClientError> {
    let http = config.http_client().ok_or(ClientError::Missing("HTTP client"))?;
    let credentials = config.credentials_provider().ok_or(ClientError::Missing("credentials provider"))?;
    let signature = StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]);
    let mut components = RuntimeComponentsBuilder::new(service.name)
        .with_http_client(Some(BoundedResponses::new(http, service.max_response_bytes)))
        .with_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(signature)))
        .with_auth_scheme(SigV4AuthScheme::new())
        .with_identity_resolver(SCHEME_ID, SharedIdentityResolver::new(credentials))
        .with_interceptor(ConnectionPoisoningInterceptor::new())
        .with_interceptor(InvocationIdInterceptor::new())
        .with_interceptor(RequestInfoInterceptor::new())
        .with_interceptor(ServiceClockSkewInterceptor::new())
        .with_interceptor(UserAgentInterceptor::new())
        .with_retry_classifier(HttpStatusCodeClassifier::default())
        .with_retry_classifier(TransientErrorClassifier::<ErrorMetadata>::new())
        .with_retry_classifier(AwsErrorCodeClassifier::<ErrorMetadata>::new())
        .with_retry_classifier(ServiceClockSkewClassifier::<ErrorMetadata>::new());
    if let Some(cache) = config.identity_cache() {
        components.set_identity_cache(Some(cache));
    }
    if let Some(sleep) = config.sleep_impl() {
        components.set_sleep_impl(Some(sleep));
    }
    if let Some(time) = config.time_source() {
        components.set_time_source(Some(time));
    }
    Ok(components)
}
