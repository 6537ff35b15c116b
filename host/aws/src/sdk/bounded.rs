//! A bound on the size of responses. The SDK reads a whole response into memory before it parses it, from any server and for
//! as long as the timeout allows.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http_body_util::Limited;

/// An HTTP client or connector whose responses are limited to `max_bytes`; reading the body of a longer one fails.
#[derive(Debug)]
pub struct BoundedResponses<C> {
    inner: C,
    max_bytes: usize,
}

impl<C> BoundedResponses<C> {
    /// Wraps a client or connector.
    pub fn new(inner: C, max_bytes: usize) -> Self {
        Self { inner, max_bytes }
    }
}

impl HttpClient for BoundedResponses<SharedHttpClient> {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let connector = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(BoundedResponses::new(connector, self.max_bytes))
    }
}

impl<C: HttpConnector> HttpConnector for BoundedResponses<C> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (response, max_bytes) = (self.inner.call(request), self.max_bytes);
        HttpConnectorFuture::new(async move {
            let bounded = |body| SdkBody::from_body_1_x(Limited::new(body, max_bytes));
            response.await.map(|response| response.map(bounded))
        })
    }
}
