//! `insightctl replay --until SLOT --as-case DIR`: writes the batch that a component receives as a golden case directory.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, bail};
use insights_batch::state::Space;
use insights_batch::{Columns, Limits};
use insights_sdk::golden::Outcome;

use super::chains::{Chains, Position, SlotInput};
use super::{Collect, cut};
use insightd::error::Usage;
use insightd::output;
use insightd::recording::Reader;

/// A golden case to write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    /// The component whose input is written.
    pub(crate) until: &'a str,
    /// The directory of the case; it must be empty or not exist.
    pub(crate) directory: &'a Path,
    /// The pod that the batch is cut down to, by name or `NAMESPACE/NAME`.
    pub(crate) pod: Option<&'a str>,
}

/// Runs a recording up to its last batch, and writes the input of a component for that batch, with its configuration
/// and state. Events are sent to `events` and discarded.
///
/// # Errors
/// [`Usage`] if the component or pod does not exist or is ambiguous, or if the directory is not empty; an error if a
/// component fails or a file cannot be written.
pub(crate) fn write_case(
    recording: &mut Reader,
    chains: &mut Chains,
    events: &Collect,
    wanted: &Wanted<'_>,
) -> anyhow::Result<()> {
    let mut slots: Vec<(Position, String, Option<Columns>)> = chains
        .find(wanted.until)
        .map_err(Usage)?
        .into_iter()
        .map(|(slot, name)| (slot, name, None))
        .collect();
    while let Some(batch) = recording.next_batch().map_err(|error| Usage(error.to_string()))? {
        let mut before = None;
        for (slot, _, last) in &mut slots {
            if chains.is_for(*slot, &batch) {
                before = last.replace(batch.clone());
            }
        }
        // The earlier batches build up the state of the components.
        if let Some(before) = before {
            chains.run(before)?;
            events.take();
        }
    }
    slots.retain(|(_, _, last)| last.is_some());
    let names: Vec<&str> = slots.iter().map(|(_, name, _)| &**name).collect();
    let names = names.join(", ");
    let (slot, batch) = match slots.pop() {
        Some((slot, _, Some(batch))) if slots.is_empty() => (slot, batch),
        None => bail!(Usage(format!("the recording has no batch for the pipeline of `{}`", wanted.until))),
        _ => bail!(Usage(format!("--until {}: ambiguous, matches {names}", wanted.until))),
    };
    let mut input = chains.input_of(slot, batch)?;
    if let Some(pod) = wanted.pod {
        input.batch = cut::to_pod(input.batch, pod).map_err(|error| Usage(error.to_string()))?;
    }
    write(wanted.directory, &input)
}

fn write(directory: &Path, input: &SlotInput) -> anyhow::Result<()> {
    if fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some()) {
        bail!(Usage(format!("{} is not empty; existing files are not overwritten", directory.display())));
    }
    fs::create_dir_all(directory).with_context(|| format!("cannot create {}", directory.display()))?;
    let batch = Outcome::Batch(input.batch.clone()).text();
    let mut files = vec![("batch.json", batch), ("config.json", pretty(&input.config))];
    if let Some(Limits { max_event_bytes }) = input.limits {
        files.push(("limits.json", format!("{{\"max_event_bytes\": {max_event_bytes}}}\n")));
    }
    if !Space::is_empty(&input.state) {
        files.push(("state.json", input.state.to_json()));
    }
    for (name, text) in &files {
        let path = directory.join(name);
        // The files contain names, labels and addresses of a cluster, so they are readable by the owner only.
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        file.and_then(|mut file| file.write_all(text.as_bytes()))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    output::message(format_args!(
        "{}: wrote {} (input of `{}` for the batch of {}, {} entities). To write the expected output, run \
         `insightctl transform test . --bless` in the crate of the component",
        directory.display(),
        names.join(", "),
        input.slot,
        input.batch.time_unix_ms,
        input.batch.entity_count()
    ));
    Ok(())
}

/// Pretty-prints a configuration; one that is not JSON is returned unchanged, with a line feed.
fn pretty(config: &str) -> String {
    let value = serde_json::from_str::<serde_json::Value>(config);
    let text = value.ok().and_then(|value| serde_json::to_string_pretty(&value).ok());
    format!("{}\n", text.as_deref().unwrap_or(config))
}
