//! A view as a plain table, without a screen.

use std::time::Duration;

use anyhow::bail;
use insightd::error::Usage;
use insightd::output;
use insightd_pipeline::suggest::did_you_mean;

use super::model::{Model, Update};
use super::run::{Settings, Source, runtime};
use super::source::live::{SILENCE, refusal};
use super::view::View;
use crate::live::{Agent, LiveError, TapQuery, Tapped};
use crate::replay::{Align, Table, utc};

/// Prints one view: of a recording its last frame, of an agent the state now and the next batch.
///
/// # Errors
/// The agent does not respond, the recording cannot be read, or nothing has the metric to sort by.
pub(super) fn print(source: Source, settings: &Settings<'_>) -> anyhow::Result<()> {
    let mut model = settings.model(&source);
    match source {
        Source::Recording(recording, _) => recording.read(|update| model.apply(update, 0)),
        Source::Live(agent, pipeline) => {
            runtime()?.block_on(snapshot(&agent, pipeline, settings.view, &mut model))?;
        }
    }
    if let (Some(problem), (_, 0)) = (&model.problem, model.position()) {
        return Err(Usage(problem.clone()).into());
    }
    if let Some(problem) = &model.problem {
        output::message(problem);
    }
    model.show_newest();
    if let Some(sort) = settings.sort {
        let known = model.sortable("");
        if !known.iter().any(|name| name == sort) {
            let meant = did_you_mean(sort, known.iter().map(String::as_str));
            return Err(Usage(format!(
                "--sort {sort}: nothing in this view has it; {meant}known: {}",
                known.join(", ")
            ))
            .into());
        }
    }
    output::print(text(&model));
    Ok(())
}

async fn snapshot(
    agent: &Agent,
    pipeline: Option<String>,
    view: Option<View>,
    model: &mut Model,
) -> Result<(), anyhow::Error> {
    model.apply(Update::State(Box::new(agent.state().await?)), 0);
    if let Ok(history) = agent.history().await {
        model.apply(Update::History(Box::new(history)), 0);
    }
    if !model.view.is_measured() {
        return Ok(());
    }
    match next_batches(agent, pipeline, model).await {
        Ok(()) => Ok(()),
        // Without a view on the command line, the agent's own is better than nothing.
        Err(error) if view.is_none() && error.failure.is_refusal() => {
            output::message(format_args!("{}; stages of the agent:", refusal(&error)));
            model.view = View::Stages;
            Ok(())
        }
        Err(error) => bail!("{}", refusal(&error)),
    }
}

/// Waits for the batches of the agent's next tick.
async fn next_batches(agent: &Agent, pipeline: Option<String>, model: &mut Model) -> Result<(), LiveError> {
    const PATIENCE: Duration = Duration::from_secs(3);
    let query = TapQuery { batches: true, pipeline, ticks: Some(1), ..TapQuery::default() };
    let mut lines = agent.tap(&query).await?;
    model.apply(Update::TapOpen, 0);
    let mut silence = PATIENCE;
    loop {
        match lines.next(silence).await {
            Ok(None) => return Ok(()),
            Ok(Some(line)) => match Tapped::parse(&line) {
                Ok(Tapped::Batch { pipeline, batch, .. }) => {
                    model.apply(Update::Batch { pipeline, batch, stages: None, problem: None }, 0);
                }
                Ok(Tapped::Skipped { batches, .. }) => drop(model.apply(Update::Skipped(batches), 0)),
                Ok(Tapped::Tick) => return Ok(()),
                Ok(Tapped::Event { .. } | Tapped::Other) => {}
                Err(error) => drop(model.apply(Update::NoTap(error), 0)),
            },
            Err(_) if silence == PATIENCE => {
                output::message("waiting for the agent's next tick");
                silence = SILENCE;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Formats the view.
fn text(model: &Model) -> String {
    let grid = model.grid();
    let time = model.time_unix_ms().map(utc).unwrap_or_default();
    let mut text = format!("{}  {time}  {}\n", model.source, model.view.title());
    if model.skipped > 0 {
        text.push_str(&format!("{} batches left out by the tap\n", model.skipped));
    }
    if let Some(note) = &grid.note {
        text.push_str(&format!("{note}\n"));
    }
    if grid.columns.is_empty() {
        return text;
    }
    let align = |is_number: bool| if is_number { Align::Right } else { Align::Left };
    let columns: Vec<(&str, Align)> =
        grid.columns.iter().map(|column| (column.title.as_str(), align(column.is_number))).collect();
    let mut table = Table::new(&columns);
    for row in &grid.rows {
        table.row(row.cells.iter().map(|cell| Some(cell.text.clone()).filter(|text| !text.is_empty())));
    }
    text + "\n" + &table.to_string()
}
