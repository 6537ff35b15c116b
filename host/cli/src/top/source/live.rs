//! Follows a running agent: its state, its history and a tap of its batches.

use std::sync::mpsc::SyncSender;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::live::{Agent, Lines, LiveError, TapQuery, Tapped};
use crate::top::model::Update;

/// Time between two requests for the history.
const HISTORY: Duration = Duration::from_secs(30);
/// Time without a line after which a tap counts as broken: the longest interval of an agent is an hour.
pub(crate) const SILENCE: Duration = Duration::from_secs(3660);
/// Pause before a broken tap is opened again; doubles up to the second value.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Sends news of the agent until the receiver is gone.
pub(crate) async fn follow(
    agent: Agent,
    pipeline: Option<String>,
    interval: Duration,
    to: SyncSender<Update>,
) {
    let query = TapQuery { batches: true, pipeline, ..TapQuery::default() };
    tokio::select! {
        () = poll(&agent, interval, &to) => {}
        () = tap(&agent, &query, &to) => {}
    }
}

/// Requests state and history, again and again. Returns once the receiver is gone.
async fn poll(agent: &Agent, interval: Duration, to: &SyncSender<Update>) {
    let mut history_at = Instant::now();
    loop {
        let update = match agent.state().await {
            Ok(state) => Update::State(Box::new(state)),
            Err(error) => Update::Unreachable(error.to_string()),
        };
        let is_up = matches!(update, Update::State(_));
        if send(to, update).await.is_err() {
            return;
        }
        if is_up && Instant::now() >= history_at {
            history_at = Instant::now() + HISTORY;
            // Agents without a history have no trends.
            if let Ok(history) = agent.history().await
                && send(to, Update::History(Box::new(history))).await.is_err()
            {
                return;
            }
        }
        // Counted from the response: a slow agent or command is not asked without a pause.
        sleep(interval).await;
    }
}

/// Opens taps, one after the other. Returns once the receiver is gone.
async fn tap(agent: &Agent, query: &TapQuery, to: &SyncSender<Update>) {
    let mut pause = RETRY.0;
    loop {
        let failed = match agent.tap(query).await {
            Ok(lines) => {
                pause = RETRY.0;
                if send(to, Update::TapOpen).await.is_err() {
                    return;
                }
                match pass_on(lines, to).await {
                    Err(Gone) => return,
                    Ok(reason) => reason,
                }
            }
            Err(error) => refusal(&error),
        };
        if send(to, Update::NoTap(failed)).await.is_err() {
            return;
        }
        sleep(pause).await;
        pause = (pause * 2).min(RETRY.1);
    }
}

/// Returns the error text of a tap that does not open.
pub(crate) fn refusal(error: &LiveError) -> String {
    match error.failure.is_refusal() {
        true => format!("{error}; batches are only on the agent's socket: use --socket or --exec"),
        false => error.to_string(),
    }
}

/// The receiver is gone.
struct Gone;

/// Passes on the batches of a tap; returns why it ended.
async fn pass_on(mut lines: Lines, to: &SyncSender<Update>) -> Result<String, Gone> {
    loop {
        let line = match lines.next(SILENCE).await {
            Ok(Some(line)) => line,
            Ok(None) => return Ok("the agent closed it".into()),
            Err(error) => return Ok(error.to_string()),
        };
        match Tapped::parse(&line) {
            Ok(Tapped::Batch { pipeline, batch, .. }) => {
                send(to, Update::Batch { pipeline, batch, stages: None, problem: None }).await?;
            }
            Ok(Tapped::Skipped { batches, .. }) => send(to, Update::Skipped(batches)).await?,
            Ok(Tapped::Tick | Tapped::Event { .. } | Tapped::Other) => {}
            Err(error) => return Ok(error),
        }
    }
}

/// Sends an update without blocking the other task while the receiver draws.
async fn send(to: &SyncSender<Update>, update: Update) -> Result<(), Gone> {
    const PAUSE: Duration = Duration::from_millis(20);
    let mut update = update;
    loop {
        match to.try_send(update) {
            Ok(()) => return Ok(()),
            Err(std::sync::mpsc::TrySendError::Full(back)) => update = back,
            Err(std::sync::mpsc::TrySendError::Disconnected(_)) => return Err(Gone),
        }
        sleep(PAUSE).await;
    }
}
