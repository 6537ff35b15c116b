//! Signal handlers. The first SIGTERM or SIGINT asks the agent to stop, the second ends it at once. SIGHUP triggers a
//! scan of the files. SIGUSR1 and SIGUSR2 are ignored; SIGQUIT keeps its default and ends the process.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The handlers of the signals that end the agent, and whether one came.
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

    /// Returns when the first signal comes. The second one ends the process in here, because a caller that waits for a
    /// tick that does not end could not react to it.
    pub(super) async fn first(&mut self) {
        let kind = tokio::select! {
            _ = self.term.recv() => SignalKind::terminate(),
            _ = self.int.recv() => SignalKind::interrupt(),
        };
        if self.stopping {
            tracing::warn!("second signal received; exiting at once");
            std::process::exit(128 + kind.as_raw_value());
        }
        tracing::info!("signal received; stopping after the tick in progress");
        self.stopping = true;
    }
}

/// Installs handlers: SIGHUP calls `on_hangup`, SIGUSR1 and SIGUSR2 do nothing. The default of all three is to end the
/// process at once. The standard library ignores SIGPIPE. Must be called within the runtime.
///
/// # Errors
/// Fails if the system accepts no handler.
pub fn keep_running(on_hangup: impl Fn() + Send + 'static) -> std::io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    // A handler stays installed for the life of the process, also without a listener.
    for kind in [SignalKind::user_defined1(), SignalKind::user_defined2()] {
        drop(signal(kind)?);
    }
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            tracing::info!("SIGHUP received; scanning the configuration and the components");
            on_hangup();
        }
    });
    Ok(())
}
