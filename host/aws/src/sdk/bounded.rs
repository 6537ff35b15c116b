//! A bound on answers. The SDK reads a whole answer into memory before it looks at it, whoever sends it and for as long as the
//! time-out lets it.

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use http_body_util::Limited;

/// Most bytes of an answer. The largest that is asked for is a page of an instance's volumes, some hundred kilobytes.
const MAX_ANSWER_BYTES: usize = 4 << 20;

/// A connector whose answers end with an error behind [`MAX_ANSWER_BYTES`].
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
