//! Runs golden cases against the wasm file, with the same sandbox as the agent.

use std::path::{Path, PathBuf};

use anyhow::bail;
use insightd_sandbox::{CallError, Component, Kind};
use insights_batch::state::Space;
use insights_sdk::golden::{self, Case, Expected, Outcome};

use super::capture::{Line, capture};
use super::{advice, find, load, read};
use insightd::error::Usage;
use insightd::output;

/// Options of `insightctl transform test`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options {
    /// Writes the actual results as the expectations.
    pub(crate) bless: bool,
    /// Prints the output of the component for every case, not only for those that fail.
    pub(crate) show_output: bool,
}

/// `insightctl transform test`: prints one line per case. For a failed case it also prints the differences and the output of the component.
///
/// # Errors
/// [`Usage`] if there is nothing to test; otherwise the number of failed cases.
pub(crate) fn test(directory: &Path, wasm: Option<&Path>, options: &Options) -> anyhow::Result<()> {
    let cases = golden::cases(cases_in(directory)?).map_err(|error| Usage(error.to_string()))?;
    let file = match wasm {
        Some(file) => file.to_path_buf(),
        None => find::wasm_of(directory).map_err(Usage)?,
    };
    let component = load(&file, &read(&file)?)?;
    output::line(format_args!("{} cases against {} ({})", cases.len(), file.display(), component.kind()));
    let mut failed = 0;
    for case in &cases {
        let missing = advice::keys_missing_in_schema(&component.description().config_schema, &case.config);
        let ((outcome, state), output) = capture(|| run(&component, case));
        // An invalid configuration may contain keys that no schema should list.
        if !missing.is_empty() && !matches!(outcome, Outcome::Error(_)) {
            output::line(format_args!(
                "warning   {}: the component's config schema lacks {}",
                case.name,
                missing.join(", ")
            ));
        }
        let outcome = on_lines_of(case, outcome);
        match case.check(&outcome).and_then(|()| case.check_state(&state)) {
            Ok(()) => {
                output::line(format_args!("ok        {}", case.name));
                if options.show_output {
                    print_output(&output);
                }
            }
            Err(_) if options.bless => {
                case.bless(&outcome)
                    .and_then(|()| case.bless_state(&state))
                    .map_err(|error| Usage(error.to_string()))?;
                output::line(format_args!("rewritten {}", case.name));
            }
            Err(difference) => {
                failed += 1;
                output::line(format_args!("FAILED    {}: {difference}", case.name));
                print_output(&output);
            }
        }
    }
    if failed > 0 {
        bail!("{failed} of {} cases failed; run with --bless to accept the actual output", cases.len());
    }
    Ok(())
}

/// Prints the output of the component, indented below the line of its case.
fn print_output(output: &[Line]) {
    for Line { level, text } in output {
        output::line(format_args!("          {:<5} {text}", level.as_str()));
    }
}

/// Returns the directory of a component's golden cases.
pub(super) fn cases_in(directory: &Path) -> Result<PathBuf, Usage> {
    let cases_in = directory.join("tests/golden");
    if cases_in.is_dir() {
        return Ok(cases_in);
    }
    let message = format!("{} is not a directory; create it with one directory per case", cases_in.display());
    Err(Usage(message))
}

/// Runs a case. Returns its outcome and the state afterwards, which is unchanged if the call failed.
fn run(component: &Component, case: &Case) -> (Outcome, Space) {
    let mut after = case.state.clone();
    let state = Some(case.state());
    let result = match component.kind() {
        Kind::Transform => component
            .process_with(&case.config, &case.batch, state.as_ref())
            .map(|(batch, changes)| (Outcome::Batch(batch), changes)),
        Kind::Formatter => component
            .format_with(&case.config, &case.batch, &case.limits, state.as_ref())
            .map(|(events, changes)| (Outcome::Events(events), changes)),
    };
    let outcome = match result {
        Ok((outcome, changes)) => {
            after.apply(&changes);
            outcome
        }
        // The component's own error text, as in a native run.
        Err(CallError::Config(text) | CallError::Guest(text)) => Outcome::Error(text),
        Err(other) => Outcome::Error(other.to_string()),
    };
    (outcome, after)
}

/// Replaces an error text by the expected one if they differ only in line ends. The sandbox puts error texts on one line, for logs.
fn on_lines_of(case: &Case, outcome: Outcome) -> Outcome {
    let one_line = |text: &str| text.trim_end().replace(char::is_control, " ");
    match (outcome, &case.expected) {
        (Outcome::Error(found), Some(Expected::Error(wanted))) if one_line(wanted) == one_line(&found) => {
            Outcome::Error(wanted.clone())
        }
        (outcome, _) => outcome,
    }
}
