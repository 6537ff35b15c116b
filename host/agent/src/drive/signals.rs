//! SIGTERM and SIGINT: the first asks to stop, the second does not ask. SIGHUP asks for a look at the files. None of the others
//! that people or terminals send ends the agent.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that end the agent, and whether one came.
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

/// From now on SIGHUP calls `on_hangup`, and SIGUSR1 and SIGUSR2 do nothing; the default of all three is to end the process at
/// once. SIGPIPE is ignored by the standard library. Called within the runtime.
///
/// # Errors
/// The system takes no handler.
pub fn keep_running(on_hangup: impl Fn() + Send + 'static) -> std::io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    // A handler stays for the life of the process, also when nobody listens.
    for kind in [SignalKind::user_defined1(), SignalKind::user_defined2()] {
        drop(signal(kind)?);
    }
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            tracing::info!("SIGHUP: looking at the configuration and the components now");
            on_hangup();
        }
    });
    Ok(())
}
