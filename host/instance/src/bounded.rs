//! HTTP clients with bounded responses.
//!
//! The SDK collects a whole response before it returns. The server at an address of this machine's network may be a different
//! one than expected.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http_body_util::Limited;

/// A wrapper of clients and connectors that limits responses to `bytes`; reading the body of a longer one fails.
#[derive(Debug)]
pub(crate) struct Bounded<C> {
    inner: C,
    bytes: usize,
}

impl<C> Bounded<C> {
    pub(crate) fn new(inner: C, bytes: usize) -> Self {
        Self { inner, bytes }
    }
}

impl HttpClient for Bounded<SharedHttpClient> {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let connector = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Bounded::new(connector, self.bytes))
    }
}

impl HttpConnector for Bounded<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (answer, bytes) = (self.inner.call(request), self.bytes);
        HttpConnectorFuture::new(async move {
            let mut answer = answer.await?;
            let body = answer.take_body();
            *answer.body_mut() = SdkBody::from_body_1_x(Limited::new(body, bytes));
            Ok(answer)
        })
    }
}
