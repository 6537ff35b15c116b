//! `insightctl tap`: prints the events of a running agent, or the batches between its stages.

mod diff;
mod nothing;
mod paint;
mod pair;
mod table;

use std::time::Duration;

use anyhow::bail;
use insightd::output;
use tokio::runtime::Builder;

use crate::arguments::{self, At};
use crate::live::{Agent, Failure, Lines, LiveError, TapQuery, Tapped};
use crate::top::{SILENCE, refusal};
use paint::Paint;
use pair::Pairs;

/// Time without a line after which the reader is told what the tap waits for.
const PATIENCE: Duration = Duration::from_secs(3);
/// Length of the longest line that may tell what was left out, bytes.
const SHORT: usize = 1 << 10;

/// Runs `insightctl tap` until the stream ends, or standard output is closed.
///
/// # Errors
/// The agent does not respond, has no tap at this endpoint, or ends the stream before its last tick.
pub(crate) fn tap(options: &arguments::Tap) -> anyhow::Result<()> {
    let agent = Agent::new(options.agent.endpoint());
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(run(&agent, options));
    // Does not wait for a resolver.
    runtime.shutdown_background();
    ended
}

fn query(options: &arguments::Tap) -> TapQuery {
    let slot = options.before_after.as_ref().or(options.slot.as_ref());
    TapQuery {
        batches: options.at == At::Batches || options.before_after.is_some(),
        pipeline: options.pipeline.clone(),
        slot: slot.cloned(),
        when: options.when.map(Into::into),
        kind: options.kind.clone(),
        namespace: options.namespace.clone(),
        pod: options.pod.clone(),
        metric: options.metric.clone(),
        every: options.every,
        ticks: options.ticks,
        rate_bytes: options.rate,
    }
}

async fn run(agent: &Agent, options: &arguments::Tap) -> anyhow::Result<()> {
    let mut lines = agent.tap(&query(options)).await.map_err(|error| anyhow::anyhow!(refusal(&error)))?;
    let mut printer =
        Printer { options, paint: Paint::new(!options.no_color), pairs: Pairs::default(), passed: 0 };
    let mut ticks = 0;
    while let Some(line) = next(&mut lines).await? {
        if printer.print(&line)? {
            ticks += 1;
            if ticks == options.every.unwrap_or(1)
                && printer.passed == 0
                && let Some(why) = nothing::explain(agent, options).await
            {
                output::message(why);
            }
        }
        if output::is_closed() || printer.paint.is_closed() {
            return Ok(());
        }
    }
    match options.ticks {
        Some(wanted) if ticks >= wanted => Ok(()),
        _ => bail!("{}: the agent closed the tap", agent.name()),
    }
}

async fn next(lines: &mut Lines) -> Result<Option<String>, LiveError> {
    match lines.next(PATIENCE).await {
        Err(LiveError { failure: Failure::Silent(_), .. }) => {
            output::message("waiting for the agent's next tick");
            lines.next(SILENCE).await
        }
        other => other,
    }
}

struct Printer<'o> {
    options: &'o arguments::Tap,
    paint: Paint,
    pairs: Pairs,
    /// Number of events and batches that arrived, also those that were left out.
    passed: u64,
}

impl Printer<'_> {
    /// Prints a line. Returns true at the end of a tick.
    fn print(&mut self, line: &str) -> anyhow::Result<bool> {
        let is_text = self.options.table || self.options.before_after.is_some();
        if !is_text {
            if !line.starts_with('{') {
                bail!("a line of the tap is no JSON object: is this the agent's socket?");
            }
            output::json(line);
            // The batches themselves need no second look.
            if line.len() > SHORT {
                self.passed += 1;
                return Ok(false);
            }
        }
        let parsed = Tapped::parse(line).map_err(anyhow::Error::msg)?;
        if !matches!(parsed, Tapped::Tick | Tapped::Other) {
            self.passed += 1;
        }
        match parsed {
            Tapped::Skipped { events, batches } => {
                output::message(format_args!("left out by the tap: {events} events, {batches} batches"));
            }
            Tapped::Tick => {
                for note in self.pairs.end_tick() {
                    output::message(note);
                }
                return Ok(true);
            }
            Tapped::Batch { pipeline, slot, component, when, batch } if is_text => {
                if self.options.before_after.is_some() {
                    let half = pair::Half { pipeline, slot, component, batch: *batch };
                    match self.pairs.add(when, half) {
                        Ok(Some((before, after))) => diff::print(&before, &after, &self.paint),
                        Ok(None) => {}
                        Err(error) => bail!(error),
                    }
                } else {
                    let slot = format!("{pipeline} {slot}");
                    self.paint.plain(&table::batch(&slot, when, *batch, self.options.metric.as_deref()));
                }
            }
            Tapped::Event { time_unix_ms, pipeline, slot, sink, event } if is_text => {
                let slot = format!("{pipeline} {slot} {sink}");
                self.paint.plain(&table::event(time_unix_ms, &slot, &event, self.options.metric.as_deref()));
            }
            Tapped::Batch { .. } | Tapped::Event { .. } | Tapped::Other => {}
        }
        Ok(false)
    }
}
