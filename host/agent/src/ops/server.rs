//! The server of the operations endpoints.

use std::future::ready;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;

use super::metrics::Metrics;
use super::registry::StatusRegistry;
use super::response::{FullResponse, respond};
use crate::server::{self, Endpoint};

/// Maximum time from accepting a connection to the last byte of its response.
const LIFETIME: Duration = Duration::from_secs(5);

/// Responds to requests until it is dropped. Retries as long as the address cannot be bound: the agent's work does not depend on this
/// server.
pub async fn serve(registry: Arc<StatusRegistry>, listen: SocketAddr) {
    server::serve(endpoint(listen), responder(&registry)).await;
}

pub(super) fn endpoint(listen: SocketAddr) -> Endpoint {
    Endpoint { name: "operations".into(), key: "operations.listen".into(), listen, lifetime: LIFETIME }
}

/// Returns the function that responds to requests.
pub(super) fn responder(
    registry: &Arc<StatusRegistry>,
) -> impl Fn(Request<Incoming>) -> std::future::Ready<FullResponse> + Clone + Send + 'static + use<> {
    let (registry, metrics) = (Arc::clone(registry), Arc::new(Metrics::new(registry)));
    move |request| ready(respond(&registry, &metrics, &request))
}
