//! SIGTERM and SIGINT: the first asks to stop, the second does not ask.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Both signals, and whether one came.
#[derive(Debug)]
pub(super) struct Signals {
    term: Signal,
    int: Signal,
    stopping: bool,
}

impl Signals {
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            stopping: false,
        })
    }

    pub(super) fn stopping(&self) -> bool {
        self.stopping
    }

    /// Returns when the first signal comes. The second ends the process from in here: whoever waits for a
    /// tick that does not end would not hear of it.
    pub(super) async fn first(&mut self) {
        let kind = tokio::select! {
            _ = self.term.recv() => SignalKind::terminate(),
            _ = self.int.recv() => SignalKind::interrupt(),
        };
        if self.stopping {
            tracing::warn!("second signal: stopping at once");
            std::process::exit(128 + kind.as_raw_value());
        }
        tracing::info!("stopping: the tick in progress is finished first");
        self.stopping = true;
    }
}
