//! Tests of instance metadata and the EC2 API over real connections.
//!
//! Instance metadata and paginated responses come from a small server in these tests that implements the documented
//! protocols; filters and volume states come from the moto server at `INSIGHTD_TEST_AWS`.
#![allow(clippy::unwrap_used, reason = "tests")]

mod endpoints;
mod imds;
mod moto;
mod pages;
mod server;
mod watch;
mod wire;

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_http_client::Builder;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;

/// Returns a configuration for a server on this machine, without environment and TLS.
fn config(endpoint: &str) -> SdkConfig {
    let credentials = Credentials::new("AKIATEST", "secret", None, None, "test");
    let timeouts = TimeoutConfig::builder().operation_timeout(Duration::from_secs(10)).build();
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-west-2"))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(Builder::new().build_http())
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        .build()
}
