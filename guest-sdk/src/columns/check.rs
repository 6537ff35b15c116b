//! Whether a batch from the other side of the boundary keeps the rules of `wit/types.wit`.

use alloc::format;
use alloc::string::String;
use core::fmt;

use super::{Columns, NO_PARENT};

/// A broken rule: which column, which row, what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnError {
    /// Column in the words of `wit/types.wit`, such as `gauges.entity`.
    pub column: &'static str,
    /// Row, where the rule is about a row.
    pub row: Option<usize>,
    /// What is wrong, with the figures.
    pub reason: String,
}

impl fmt::Display for ColumnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.row {
            Some(row) => write!(f, "column {}, row {row}: {}", self.column, self.reason),
            None => write!(f, "column {}: {}", self.column, self.reason),
        }
    }
}

impl core::error::Error for ColumnError {}

impl Columns {
    /// Checks every rule of `wit/types.wit` in one pass over each column. Nothing is allocated unless a rule is broken.
    ///
    /// # Errors
    /// The first broken rule, in the order of the columns.
    pub fn check(&self) -> Result<(), ColumnError> {
        self.check_strings()?;
        let strings = self.string_ends.len();
        let entities = self.entities.kind.len();
        same_length("entities.id", self.entities.id.len(), entities)?;
        same_length("entities.parent", self.entities.parent.len(), entities)?;
        below("entities.kind", &self.entities.kind, strings, "strings")?;
        below("entities.id", &self.entities.id, strings, "strings")?;
        self.check_parents()?;

        let rows = self.attributes.entity.len();
        same_length("attributes.key", self.attributes.key.len(), rows)?;
        same_length("attributes.value", self.attributes.value.len(), rows)?;
        below("attributes.entity", &self.attributes.entity, entities, "entities")?;
        below("attributes.key", &self.attributes.key, strings, "strings")?;
        below("attributes.value", &self.attributes.value, strings, "strings")?;

        let rows = self.gauges.entity.len();
        same_length("gauges.name", self.gauges.name.len(), rows)?;
        same_length("gauges.value", self.gauges.value.len(), rows)?;
        below("gauges.entity", &self.gauges.entity, entities, "entities")?;
        below("gauges.name", &self.gauges.name, strings, "strings")?;
        self.check_gauge_values()?;

        let rows = self.counters.entity.len();
        same_length("counters.name", self.counters.name.len(), rows)?;
        same_length("counters.current", self.counters.current.len(), rows)?;
        same_length("counters.previous", self.counters.previous.len(), rows)?;
        same_length("counters.elapsed-ns", self.counters.elapsed_ns.len(), rows)?;
        below("counters.entity", &self.counters.entity, entities, "entities")?;
        below("counters.name", &self.counters.name, strings, "strings")?;

        let rows = self.links.source.len();
        same_length("links.target", self.links.target.len(), rows)?;
        same_length("links.role", self.links.role.len(), rows)?;
        below("links.source", &self.links.source, entities, "entities")?;
        below("links.target", &self.links.target, entities, "entities")?;
        below("links.role", &self.links.role, strings, "strings")
    }

    fn check_strings(&self) -> Result<(), ColumnError> {
        const COLUMN: &str = "string-ends";
        let mut start = 0;
        for (row, &end) in self.string_ends.iter().enumerate() {
            if end < start {
                return Err(error(COLUMN, row, format!("{end} is less than the end before it, {start}")));
            }
            if !self.text.is_char_boundary(end as usize) {
                let reason = format!("{end} is no character boundary of a text of {} bytes", self.text.len());
                return Err(error(COLUMN, row, reason));
            }
            start = end;
        }
        if start as usize != self.text.len() {
            let reason = format!("the last end is {start}, the text has {} bytes", self.text.len());
            return Err(ColumnError { column: COLUMN, row: None, reason });
        }
        Ok(())
    }

    fn check_parents(&self) -> Result<(), ColumnError> {
        for (row, &parent) in self.entities.parent.iter().enumerate() {
            if parent != NO_PARENT && parent as usize >= row {
                return Err(error(
                    "entities.parent",
                    row,
                    format!("parent {parent} does not come before its child"),
                ));
            }
        }
        Ok(())
    }

    fn check_gauge_values(&self) -> Result<(), ColumnError> {
        for (row, value) in self.gauges.value.iter().enumerate() {
            if !value.is_finite() {
                let name = self.gauges.name.get(row).map_or("", |&name| self.string(name));
                // Not `{value}`: it would link the whole number formatter into every component.
                let value = if value.is_nan() { "NaN" } else { "an infinity" };
                return Err(error("gauges.value", row, format!("{name} is {value}, not a finite number")));
            }
        }
        Ok(())
    }
}

fn error(column: &'static str, row: usize, reason: String) -> ColumnError {
    ColumnError { column, row: Some(row), reason }
}

fn same_length(column: &'static str, found: usize, wanted: usize) -> Result<(), ColumnError> {
    if found == wanted {
        return Ok(());
    }
    Err(ColumnError {
        column,
        row: None,
        reason: format!("{found} rows, the columns beside it have {wanted}"),
    })
}

fn below(column: &'static str, values: &[u32], bound: usize, of: &str) -> Result<(), ColumnError> {
    match values.iter().position(|&value| value as usize >= bound) {
        None => Ok(()),
        Some(row) => Err(error(column, row, format!("index {} is outside of the {bound} {of}", values[row]))),
    }
}
