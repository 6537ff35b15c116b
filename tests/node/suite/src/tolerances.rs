//! The committed table of gauges: the pairs to compare, with their tolerances.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// A row of the table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tolerance {
    /// `cadvisor` or `summary`.
    pub(crate) source: String,
    /// Name in the kubelet's data.
    pub(crate) theirs: String,
    /// Type of event.
    pub(crate) kind: String,
    /// Name in the agent's events, raw or published.
    pub(crate) ours: String,
    absolute: f64,
    relative: f64,
}

impl Tolerance {
    /// Returns how far outside of the agent's values `theirs` may be.
    pub(crate) fn slack(&self, theirs: f64) -> f64 {
        self.absolute + self.relative * theirs.abs()
    }
}

pub(crate) fn read(file: &Path) -> Result<Vec<Tolerance>> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(row).collect()
}

fn row(line: &str) -> Result<Tolerance> {
    let parts: Vec<&str> = line.split('\t').collect();
    let [source, theirs, kind, ours, absolute, relative] = parts[..] else {
        bail!("expected six columns: {line}")
    };
    Ok(Tolerance {
        source: source.to_owned(),
        theirs: theirs.to_owned(),
        kind: kind.to_owned(),
        ours: ours.to_owned(),
        absolute: absolute.parse().with_context(|| line.to_owned())?,
        relative: relative.parse().with_context(|| line.to_owned())?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_table_is_readable() {
        let rows =
            read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tolerances.tsv"))).expect("the table");
        assert!(rows.len() > 20);
        assert_eq!(rows[0].slack(100.0), 67_108_869.0);
    }
}
