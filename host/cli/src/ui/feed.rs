//! Fills the session with what the agent says or the recording has.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use insightd::config::{Config, Environment};
use insightd::error::Usage;
use insightd::logging;
use tokio::time::sleep;

use super::history::AgentHistory;
use super::session::{Configured, Session};
use crate::arguments;
use crate::live::Agent;
use crate::offline::configuration;
use crate::top::source::live;
use crate::top::source::recording::Recording;

/// Number of updates that wait. A batch has megabytes.
const WAITING: usize = 8;
/// Time between two requests for the history, which has a point a minute.
const HISTORY: Duration = Duration::from_secs(15);

/// The built-in pipelines, as a configuration to begin with in the playground.
pub(super) const BUILTIN: &str = "\
pipelines:
  - name: node
    scope: node
    transforms:
      - use: builtin:decorate
      - use: builtin:utilization
    outputs:
      - formatter: {use: builtin:emf}
        sink: stdout
  - name: cluster
    scope: cluster
    transforms:
      - use: builtin:decorate
      - use: builtin:utilization
    outputs:
      - formatter: {use: builtin:emf}
        sink: stdout
";

/// Where the frames come from.
#[derive(Debug)]
pub(super) enum Source {
    Live(Agent),
    Recording(Box<Recording>),
}

/// Opens the source that the command line names.
///
/// # Errors
/// Fails with [`Usage`] for a wrong recording or configuration.
pub(super) fn open(options: &arguments::Ui) -> anyhow::Result<(Session, Source)> {
    let file = options.config.as_deref();
    // The log of components would be between the lines of this program; their errors are on the page.
    let config = configuration(file, None, Some("off"))?;
    let text = match file {
        Some(file) => {
            Config::read(file, &Environment::of_process()).map_err(|error| Usage(error.to_string()))?.0
        }
        None => BUILTIN.to_owned(),
    };
    let configured = Configured { file: options.config.clone(), text, config };
    let Some(path) = &options.recording else {
        logging::start(&configured.config.log);
        let agent = Agent::new(options.agent.endpoint());
        let session = Session::new(None, &agent.name(), configured);
        return Ok((session, Source::Live(agent)));
    };
    if path == Path::new("-") {
        let text = "the page reads the recording more than once: give a file instead of standard input";
        return Err(Usage(text.into()).into());
    }
    let recording = Recording::new(path, file, None)?;
    let session = Session::new(Some(path.clone()), &path.display().to_string(), configured);
    Ok((session, Source::Recording(Box::new(recording))))
}

/// Applies news of the source to the session; never returns while there may be more.
pub(super) async fn start(source: Source, interval: Duration, session: &Arc<Session>) {
    let applied = Arc::clone(session);
    match source {
        Source::Recording(recording) => {
            thread::spawn(move || recording.read(|update| applied.apply(update)));
            std::future::pending().await
        }
        Source::Live(agent) => {
            let (to, news) = sync_channel(WAITING);
            thread::spawn(move || {
                for update in news {
                    applied.apply(update);
                }
            });
            tokio::join!(live::follow(agent.clone(), None, interval, to), history(&agent, session));
        }
    }
}

/// Requests the history, again and again.
async fn history(agent: &Agent, session: &Session) {
    loop {
        // Agents without a history have no rates.
        if let Ok(text) = agent.document("/v1/history").await
            && let Some(history) = AgentHistory::parse(&text)
        {
            *session.history() = history;
        }
        sleep(HISTORY).await;
    }
}
