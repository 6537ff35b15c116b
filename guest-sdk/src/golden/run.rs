//! Running cases natively.

use std::path::Path;

use super::case::{Case, cases};
use super::compare::Outcome;
use crate::batch::Batch;
use crate::component::{Formatter, Transform, configure};

/// Runs all cases of a folder through a transform; a relative folder is looked for in the crate that is tested. With
/// `BLESS=1` in the environment, expectations that are not met are rewritten.
///
/// # Panics
/// When a case differs or cannot be read: the message has all of them.
pub fn run_transform<T: Transform>(folder: impl AsRef<Path>) {
    run(folder.as_ref(), process::<T>);
}

/// As [`run_transform`], for a formatter.
///
/// # Panics
/// When a case differs or cannot be read.
pub fn run_formatter<F: Formatter>(folder: impl AsRef<Path>) {
    run(folder.as_ref(), format::<F>);
}

/// What comes out of one case natively.
pub fn process<T: Transform>(case: &Case) -> Outcome {
    let run = || {
        let transform = configure(&case.config, T::configure).map_err(|error| error.to_string())?;
        let batch = transform.process_owned(Batch::from_columns(case.batch.clone()))?;
        let columns = batch.into_columns();
        columns.check().map_err(|error| error.to_string())?;
        Ok(columns)
    };
    run().map_or_else(Outcome::Error, Outcome::Batch)
}

/// What comes out of one case natively.
pub fn format<F: Formatter>(case: &Case) -> Outcome {
    let run = || {
        let formatter = configure(&case.config, F::configure).map_err(|error| error.to_string())?;
        let payloads = formatter.format(&Batch::from_columns(case.batch.clone()), &case.limits)?;
        payloads.check()?;
        Ok(payloads)
    };
    run().map_or_else(Outcome::Error, Outcome::Events)
}

fn run(folder: &Path, outcome: impl Fn(&Case) -> Outcome) {
    let cases = cases(folder).unwrap_or_else(|error| panic!("{error}"));
    let bless = std::env::var_os("BLESS").is_some_and(|value| value == "1");
    let mut report = String::new();
    for case in &cases {
        let outcome = outcome(case);
        if bless {
            case.bless(&outcome).unwrap_or_else(|error| panic!("{error}"));
        } else if let Err(diff) = case.check(&outcome) {
            report.push_str(&format!("\ncase {}: {diff}\n", case.name));
        }
    }
    assert!(report.is_empty(), "{report}\nBLESS=1 accepts what came out");
}
