//! Validation of columns from the other side of the boundary against the rules of `wit/types.wit`.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::{Columns, NO_PARENT};

/// A violated rule of the batch format: column, row and reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnError {
    /// Column as named in `wit/types.wit`, such as `gauges.entity`.
    pub column: &'static str,
    /// Row, if the rule applies to a single row.
    pub row: Option<usize>,
    /// Error text, including the offending values.
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
    /// Checks every rule of `wit/types.wit` in one pass over each column. Allocates only if a rule is violated.
    ///
    /// # Errors
    /// The first violated rule: strings, then entities, then the other columns.
    pub fn check(&self) -> Result<(), ColumnError> {
        self.check_strings()?;
        let strings = self.string_ends.len();
        let entities = self.entities.kind.len();
        let Self { attributes, gauges, counters, links, .. } = self;
        same_length(&[
            ("entities.kind", entities),
            ("entities.id", self.entities.id.len()),
            ("entities.parent", self.entities.parent.len()),
        ])?;
        below(
            strings,
            "strings",
            &[("entities.kind", &self.entities.kind), ("entities.id", &self.entities.id)],
        )?;
        self.check_parents()?;
        same_length(&[
            ("attributes.entity", attributes.entity.len()),
            ("attributes.key", attributes.key.len()),
            ("attributes.value", attributes.value.len()),
        ])?;
        same_length(&[
            ("gauges.entity", gauges.entity.len()),
            ("gauges.name", gauges.name.len()),
            ("gauges.value", gauges.value.len()),
        ])?;
        same_length(&[
            ("counters.entity", counters.entity.len()),
            ("counters.name", counters.name.len()),
            ("counters.current", counters.current.len()),
            ("counters.previous", counters.previous.len()),
            ("counters.elapsed-ns", counters.elapsed_ns.len()),
        ])?;
        same_length(&[
            ("links.source", links.source.len()),
            ("links.target", links.target.len()),
            ("links.role", links.role.len()),
        ])?;
        below(
            entities,
            "entities",
            &[
                ("attributes.entity", &attributes.entity),
                ("gauges.entity", &gauges.entity),
                ("counters.entity", &counters.entity),
                ("links.source", &links.source),
                ("links.target", &links.target),
            ],
        )?;
        below(
            strings,
            "strings",
            &[
                ("attributes.key", &attributes.key),
                ("attributes.value", &attributes.value),
                ("gauges.name", &gauges.name),
                ("counters.name", &counters.name),
                ("links.role", &links.role),
            ],
        )?;
        self.check_gauge_values()
    }

    fn check_strings(&self) -> Result<(), ColumnError> {
        const COLUMN: &str = "string-ends";
        let mut start = 0;
        for (row, &end) in self.string_ends.iter().enumerate() {
            if end < start {
                return Err(error(COLUMN, row, format!("{end} is less than the previous end {start}")));
            }
            if !self.text.is_char_boundary(end as usize) {
                let reason =
                    format!("{end} is not a character boundary of the text of {} bytes", self.text.len());
                return Err(error(COLUMN, row, reason));
            }
            start = end;
        }
        if start as usize != self.text.len() {
            let reason = format!("the last end is {start}, but the text has {} bytes", self.text.len());
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
                // Not `{value}`: that would link the whole float formatter into every component.
                let value = if value.is_nan() { "NaN" } else { "infinite" };
                return Err(error("gauges.value", row, format!("{name} is {value}, not a finite number")));
            }
        }
        Ok(())
    }
}

#[cold]
fn error(column: &'static str, row: usize, reason: String) -> ColumnError {
    ColumnError { column, row: Some(row), reason }
}

/// Checks that all columns of one record have as many rows as the first.
fn same_length(columns: &[(&'static str, usize)]) -> Result<(), ColumnError> {
    let wanted = columns.first().map_or(0, |&(_, rows)| rows);
    match columns.iter().find(|&&(_, rows)| rows != wanted) {
        None => Ok(()),
        Some(&(column, found)) => {
            let reason = format!("{found} rows, but the other columns have {wanted}");
            Err(ColumnError { column, row: None, reason })
        }
    }
}

fn below(bound: usize, of: &str, columns: &[(&'static str, &Vec<u32>)]) -> Result<(), ColumnError> {
    for &(column, values) in columns {
        if let Some(row) = values.iter().position(|&value| value as usize >= bound) {
            let reason = format!("index {} is out of range: there are {bound} {of}", values[row]);
            return Err(error(column, row, reason));
        }
    }
    Ok(())
}
