//! Native execution of golden cases.

use std::path::Path;

use super::case::{Case, cases};
use super::compare::Outcome;
use crate::Batch;
use crate::component::{Formatter, Transform, configure};
use crate::settings::{ConfigError, Settings};
use crate::state::{self, Space};

/// Runs all cases in a directory through a transform; a relative path is resolved in the crate under test. With `BLESS=1`
/// in the environment, expectations that are not met are rewritten.
///
/// # Panics
/// If a case differs or cannot be read; the message lists all differences.
pub fn run_transform<T: Transform>(directory: impl AsRef<Path>) {
    run(directory.as_ref(), process_with_state::<T>);
}

/// Same as [`run_transform`], for a formatter.
///
/// # Panics
/// If a case differs or cannot be read.
pub fn run_formatter<F: Formatter>(directory: impl AsRef<Path>) {
    run(directory.as_ref(), format_with_state::<F>);
}

/// Runs one case through a transform natively and returns its outcome.
pub fn process<T: Transform>(case: &Case) -> Outcome {
    process_with_state::<T>(case).0
}

/// Runs one case through a transform natively and returns its outcome and the state after it.
pub fn process_with_state<T: Transform>(case: &Case) -> (Outcome, Space) {
    let call = |transform: T| {
        let batch = transform.process_owned(Batch::from_columns(case.batch.clone()))?;
        let columns = batch.into_columns();
        columns.check().map_err(|error| error.to_string())?;
        Ok(Outcome::Batch(columns))
    };
    with_state(case, T::configure, call)
}

/// Runs one case through a formatter natively and returns its outcome.
pub fn format<F: Formatter>(case: &Case) -> Outcome {
    format_with_state::<F>(case).0
}

/// Runs one case through a formatter natively and returns its outcome and the state after it.
pub fn format_with_state<F: Formatter>(case: &Case) -> (Outcome, Space) {
    let call = |formatter: F| {
        let payloads = formatter.format(&Batch::from_columns(case.batch.clone()), &case.limits)?;
        payloads.check()?;
        Ok(Outcome::Events(payloads))
    };
    with_state(case, F::configure, call)
}

/// Configures and calls as the host does: state is available in the call only, and writes of a failed call are discarded.
fn with_state<T>(
    case: &Case,
    make: impl FnOnce(&mut Settings) -> Result<T, ConfigError>,
    call: impl FnOnce(T) -> Result<Outcome, String>,
) -> (Outcome, Space) {
    let mut space = case.state.clone();
    let component = match state::with(None, || configure(&case.config, make)).0 {
        Ok(component) => component,
        Err(error) => return (Outcome::Error(error.to_string()), space),
    };
    let (outcome, changes) = state::with(Some(case.state()), || call(component));
    if outcome.is_ok() {
        space.apply(&changes);
    }
    (outcome.unwrap_or_else(Outcome::Error), space)
}

fn run(directory: &Path, call: impl Fn(&Case) -> (Outcome, Space)) {
    let cases = cases(directory).unwrap_or_else(|error| panic!("{error}"));
    let bless = std::env::var_os("BLESS").is_some_and(|value| value == "1");
    let mut report = String::new();
    for case in &cases {
        let (outcome, after) = call(case);
        if bless {
            let blessed = case.bless(&outcome).and_then(|()| case.bless_state(&after));
            blessed.unwrap_or_else(|error| panic!("{error}"));
            continue;
        }
        for diff in [case.check(&outcome), case.check_state(&after)].into_iter().filter_map(Result::err) {
            report.push_str(&format!("\ncase {}: {diff}\n", case.name));
        }
    }
    assert!(report.is_empty(), "{report}\nrun with BLESS=1 to accept the actual output");
}
