//! Signatures of AWS (Signature Version 4) for requests that the SDK does not build: OTLP, Prometheus remote write.

use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_types::date_time::{DateTime, Format};
use http::{HeaderName, HeaderValue};
use insightd_push::{SignError, SignFuture, Signature, Signer, Unsigned};
use insightd_upstream::error_text::causes;
use insightd_upstream::lock;

/// Remaining lifetime below which credentials are renewed.
const RENEW: Duration = Duration::from_secs(300);

/// Difference between the clocks from which signatures use that of the server. Services accept five minutes.
const MAX_SKEW: Duration = Duration::from_secs(60);

/// Signs requests for one service in one region.
#[derive(Debug)]
pub struct SigV4 {
    service: String,
    region: String,
    provider: SharedCredentialsProvider,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    credentials: Option<Credentials>,
    /// Offset of the server's clock.
    skew: Skew,
    /// Counts the changes of both.
    revision: u64,
}

/// Offset of the server's clock from this node's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Skew {
    is_behind: bool,
    by: Duration,
}

/// A configuration that gives no signatures.
#[derive(Debug, thiserror::Error)]
pub enum SigV4Error {
    /// The configuration has no source of credentials.
    #[error("no source of AWS credentials is configured")]
    NoProvider,
    /// The configuration has no region.
    #[error("no AWS region is configured")]
    NoRegion,
}

impl SigV4 {
    /// Creates a signer for `service` (such as `monitoring`) with the region and credentials of `config`.
    ///
    /// # Errors
    /// The configuration lacks one of them.
    pub fn new(config: &SdkConfig, service: &str) -> Result<Self, SigV4Error> {
        let provider = config.credentials_provider().ok_or(SigV4Error::NoProvider)?;
        let region = config.region().ok_or(SigV4Error::NoRegion)?.to_string();
        Ok(Self { service: service.to_owned(), region, provider, state: Mutex::default() })
    }

    /// Returns the credentials, renewed before they expire.
    async fn credentials(&self) -> Result<Credentials, SignError> {
        let known = lock(&self.state).credentials.clone();
        let expires_within = |credentials: &Credentials, time: Duration| {
            credentials.expiry().is_some_and(|expiry| expiry < SystemTime::now() + time)
        };
        if let Some(known) = known.clone().filter(|known| !expires_within(known, RENEW)) {
            return Ok(known);
        }
        match self.provider.provide_credentials().await {
            Ok(credentials) => {
                lock(&self.state).credentials = Some(credentials.clone());
                Ok(credentials)
            }
            // Credentials that still are valid serve until the source works again.
            Err(error) => known
                .filter(|known| !expires_within(known, Duration::ZERO))
                .ok_or_else(|| SignError(format!("no AWS credentials: {}", causes(&error)))),
        }
    }

    fn sign_with(
        &self,
        credentials: Credentials,
        time: SystemTime,
        request: &Unsigned<'_>,
    ) -> Result<Vec<(HeaderName, HeaderValue)>, SignError> {
        let wrong = |error: &dyn std::fmt::Display| SignError(error.to_string());
        let identity = Identity::from(credentials);
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(&self.service)
            .time(time)
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| wrong(&error))?
            .into();
        let uri = request.uri.to_string();
        let body = SignableBody::Bytes(request.body);
        let request = SignableRequest::new("POST", uri, request.headers.iter().copied(), body)
            .map_err(|error| wrong(&causes(&error)))?;
        let (instructions, _) = sign(request, &params).map_err(|error| wrong(&causes(&error)))?.into_parts();
        let header = |(name, value): (&str, &str)| {
            let name = HeaderName::try_from(name).map_err(|error| wrong(&error))?;
            let mut value = HeaderValue::try_from(value).map_err(|error| wrong(&error))?;
            value.set_sensitive(true);
            Ok((name, value))
        };
        instructions.headers().map(header).collect()
    }
}

impl Signer for SigV4 {
    fn sign<'r>(&'r self, request: Unsigned<'r>) -> SignFuture<'r> {
        Box::pin(async move {
            let credentials = self.credentials().await?;
            let (skew, revision) = {
                let state = lock(&self.state);
                (state.skew, state.revision)
            };
            let now = SystemTime::now();
            let time = if skew.is_behind { now.checked_sub(skew.by) } else { now.checked_add(skew.by) };
            let headers = self.sign_with(credentials, time.unwrap_or(now), &request)?;
            Ok(Signature { headers, revision })
        })
    }

    fn rejected(&self, revision: u64, server_date: Option<&str>) -> bool {
        let mut state = lock(&self.state);
        // The response to another request in flight has changed it already.
        if revision != state.revision {
            return true;
        }
        // Temporary credentials may have been revoked or replaced; fixed ones come back unchanged.
        let was_temporary = state.credentials.take().is_some_and(|known| known.expiry().is_some());
        state.revision += u64::from(was_temporary);
        let server = server_date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
        let Some(server) = server.and_then(|time| SystemTime::try_from(time).ok()) else {
            return was_temporary;
        };
        let skew = match server.duration_since(SystemTime::now()) {
            Ok(by) => Skew { is_behind: false, by },
            Err(error) => Skew { is_behind: true, by: error.duration() },
        };
        let skew = if skew.by < MAX_SKEW { Skew::default() } else { skew };
        let is_similar = skew.is_behind == state.skew.is_behind && skew.by.abs_diff(state.skew.by) < MAX_SKEW;
        if is_similar {
            return was_temporary;
        }
        tracing::warn!(
            seconds = skew.by.as_secs(),
            node_is_ahead = skew.is_behind,
            "clock differs from that of the server; signatures use the server's: check time synchronization of this node"
        );
        state.skew = skew;
        state.revision += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use aws_config::Region;
    use aws_credential_types::provider::error::CredentialsError;
    use aws_credential_types::provider::future;

    use super::*;

    fn signer(provider: impl ProvideCredentials + 'static) -> SigV4 {
        let config = SdkConfig::builder()
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(provider))
            .build();
        SigV4::new(&config, "service").unwrap()
    }

    fn header<'h>(headers: &'h [(HeaderName, HeaderValue)], name: &str) -> &'h str {
        headers.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value.to_str().unwrap())
    }

    /// `post-vanilla` of the test suite that AWS publishes for Signature Version 4.
    #[test]
    fn the_published_example_has_the_published_signature() {
        let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        let credentials = Credentials::new("AKIDEXAMPLE", secret, None, None, "test");
        let uri = "https://example.amazonaws.com/".parse().unwrap();
        let request = Unsigned { uri: &uri, headers: &[("host", "example.amazonaws.com")], body: b"" };
        // 2015-08-30T12:36:00Z
        let time = UNIX_EPOCH + Duration::from_secs(1_440_938_160);
        let headers = signer(credentials.clone()).sign_with(credentials, time, &request).unwrap();
        assert_eq!(header(&headers, "x-amz-date"), "20150830T123600Z");
        let expected = "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b";
        assert!(header(&headers, "authorization").ends_with(&format!("Signature={expected}")), "{headers:?}");
        assert!(!format!("{headers:?}").contains(expected), "secrets stay out of logs");
    }

    #[tokio::test]
    async fn signatures_follow_the_clock_of_the_server() {
        let signer = signer(Credentials::new("A", "s", Some("token".into()), None, "test"));
        let uri = "https://example.com/v1/metrics".parse().unwrap();
        let sign = async || {
            let request = Unsigned { uri: &uri, headers: &[("host", "example.com")], body: b"x" };
            let Signature { headers, revision } = signer.sign(request).await.unwrap();
            (headers, revision)
        };
        let (headers, first) = sign().await;
        assert_eq!(header(&headers, "x-amz-security-token"), "token");
        assert!(!signer.rejected(first, None), "nothing would change");
        assert!(signer.rejected(first, Some("Tue, 01 Jan 2030 00:00:00 GMT")));
        assert!(signer.rejected(first, None), "a request that was in flight at the time");
        let (headers, second) = sign().await;
        assert!(header(&headers, "x-amz-date").starts_with("20300101T000"));
        assert!(!signer.rejected(second, Some("Tue, 01 Jan 2030 00:00:10 GMT")), "as before");
        assert!(!signer.rejected(second, Some("yesterday")));
        let now = DateTime::from(SystemTime::now()).fmt(Format::HttpDate).unwrap();
        assert!(signer.rejected(second, Some(&now)), "the clocks agree again");
    }

    #[tokio::test]
    async fn expired_credentials_are_renewed_or_an_error() {
        let expired = SystemTime::now() - Duration::from_secs(1);
        let old = signer(Credentials::new("A", "s", None, Some(expired), "test"));
        old.credentials().await.unwrap();
        assert!(old.rejected(0, None), "temporary credentials are asked for again");
        #[derive(Debug)]
        struct Failing;
        impl ProvideCredentials for Failing {
            fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
            where
                Self: 'a,
            {
                future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("nowhere")))
            }
        }
        let failing = signer(Failing);
        let error = failing.credentials().await.unwrap_err().to_string();
        assert!(error.contains("no AWS credentials"), "{error}");
        let soon = SystemTime::now() + Duration::from_secs(60);
        let valid = Credentials::new("A", "s", None, Some(soon), "test");
        lock(&failing.state).credentials = Some(valid);
        assert_eq!(failing.credentials().await.unwrap().access_key_id(), "A", "valid for another minute");
    }
}
