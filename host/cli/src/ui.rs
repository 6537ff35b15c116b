//! `insightctl ui`: a web page on the loopback address that shows a running agent or a recording.
//!
//! `feed` fills the model of `insightctl top` with what arrives, `document` makes JSON documents of it, and `route` checks
//! requests and responds to them. The page is in the directory `ui/page`.

mod check;
mod document;
mod feed;
mod history;
mod page;
mod playground;
mod query;
mod route;
mod session;
mod token;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use insightd::output;
use insightd::server::{self, Address, Endpoint};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

use crate::arguments;
use route::Pages;
use session::Session;
use token::Token;

/// Maximum time of a connection. A run of the playground takes longest.
const LIFETIME: Duration = Duration::from_secs(60);

/// Runs `insightctl ui` until a signal ends it.
///
/// # Errors
/// Fails with [`insightd::error::Usage`] for a wrong recording or configuration, or if the address cannot be used.
pub(crate) fn ui(options: &arguments::Ui) -> anyhow::Result<()> {
    let (session, source) = feed::open(options)?;
    let session = Arc::new(session);
    let runtime = runtime()?;
    runtime.block_on(async {
        let mut signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()]
            .map(|kind| signal(kind).context("cannot listen for signals"));
        let listener = TcpListener::bind(options.listen)
            .await
            .with_context(|| format!("cannot listen on {}: use --listen with a free port", options.listen))?;
        let address = listener.local_addr().context("cannot listen")?;
        let token = Token::new().context("no random bytes for the token")?;
        output::print(format_args!("http://{address}/?token={}\n", token.as_str()));
        output::message("open this address in a browser on this machine; Ctrl-C ends it");
        let background = feed::start(source, options.interval, &session);
        tokio::select! {
            () = serve(listener, address, token, &session) => {}
            () = background => {}
            () = first(&mut signals) => {}
        }
        anyhow::Ok(())
    })?;
    // Does not wait for a resolver or a run of the playground; ends the command of --exec.
    runtime.shutdown_background();
    Ok(())
}

async fn serve(listener: TcpListener, address: SocketAddr, token: Token, session: &Arc<Session>) {
    let endpoint = Endpoint {
        name: "ui".into(),
        key: "--listen".into(),
        listen: Address::Tcp(address),
        lifetime: LIFETIME,
    };
    let pages = Arc::new(Pages::new(token, Arc::clone(session)));
    let respond: Arc<dyn server::Respond> = pages;
    server::accept(&endpoint, &server::Listener::Tcp(listener), &respond).await;
}

/// Waits for the first signal.
async fn first(signals: &mut [anyhow::Result<tokio::signal::unix::Signal>]) {
    std::future::poll_fn(|context| {
        let is_ready = signals.iter_mut().flatten().any(|signal| signal.poll_recv(context).is_ready());
        if is_ready { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

/// Creates a runtime of one thread; documents are made on others, of which there are a few.
fn runtime() -> anyhow::Result<Runtime> {
    Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(4)
        .build()
        .context("cannot create the runtime")
}
