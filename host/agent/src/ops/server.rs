//! The servers of the operations endpoints: at an address, and at a Unix socket.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::history::{self, History};
use super::metrics::Metrics;
use super::registry::StatusRegistry;
use super::response::Responder;
use crate::server::{self, Address, Endpoint, Respond};
use crate::tap::Tap;
use crate::wall_clock::now_unix_ms;

/// Maximum time from accepting a connection to the last byte of its response, unless that is a stream.
const LIFETIME: Duration = Duration::from_secs(5);

/// The addresses of the servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Servers {
    /// Address that anybody who reaches it can use.
    pub listen: Option<SocketAddr>,
    /// Path of a Unix socket for programs of this user.
    pub socket: Option<PathBuf>,
    /// `true` if the tap is available at the address, not only at the socket.
    pub is_tap_open: bool,
}

/// Responds to requests until it is dropped. Retries as long as an address cannot be bound: the agent's work does not depend on these
/// servers.
pub async fn serve(registry: Arc<StatusRegistry>, tap: Arc<Tap>, servers: Servers) {
    let Servers { listen, socket, is_tap_open } = servers;
    if listen.is_none() && socket.is_none() {
        return;
    }
    let history = Arc::new(History::default());
    let responder = |tap| responder(&registry, &history, tap);
    let at_address = async {
        let Some(listen) = listen else { return };
        let tap = is_tap_open.then(|| Arc::clone(&tap));
        server::serve(endpoint(Address::Tcp(listen), "operations.listen"), responder(tap)).await;
    };
    let at_socket = async {
        let Some(socket) = socket else { return };
        let endpoint = endpoint(Address::Unix(socket), "operations.socket");
        server::serve(endpoint, responder(Some(Arc::clone(&tap)))).await;
    };
    tokio::join!(at_address, at_socket, record(&registry, &history));
}

/// Adds a point to the history, now and after each step.
async fn record(registry: &Arc<StatusRegistry>, history: &History) {
    let metrics = Metrics::new(registry);
    let mut steps = interval(history::STEP);
    steps.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        steps.tick().await;
        if let Ok(page) = metrics.write() {
            history.record(now_unix_ms(), &page);
        }
    }
}

pub(super) fn endpoint(listen: Address, key: &str) -> Endpoint {
    Endpoint { name: "operations".into(), key: key.into(), listen, lifetime: LIFETIME }
}

/// Returns the responder of a server.
pub(super) fn responder(
    registry: &Arc<StatusRegistry>,
    history: &Arc<History>,
    tap: Option<Arc<Tap>>,
) -> Arc<dyn Respond> {
    let (metrics, registry, history) = (Metrics::new(registry), Arc::clone(registry), Arc::clone(history));
    Arc::new(Responder { registry, metrics, history, tap })
}
