//! A bound on the size of responses. The SDK reads a whole response into memory before it parses it, from any server and for
//! as long as the timeout allows.

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use http_body_util::Limited;

/// Maximum size of a response, bytes. The largest expected one is a page of an instance's volumes, some hundred kilobytes.
const MAX_ANSWER_BYTES: usize = 4 << 20;

/// A connector whose responses fail after [`MAX_ANSWER_BYTES`].
#[derive(Debug)]
pub(super) struct Bounded<C>(C);

impl<C> Bounded<C> {
    pub(super) fn new(connector: C) -> Self {
        Self(connector)
    }
}

impl<C: HttpConnector> HttpConnector for Bounded<C> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.0.call(request);
        HttpConnectorFuture::new(async move {
            let bounded = |body| SdkBody::from_body_1_x(Limited::new(body, MAX_ANSWER_BYTES));
            answer.await.map(|answer| answer.map(bounded))
        })
    }
}
