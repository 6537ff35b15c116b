//! Validation of columns from the other side of the boundary against the rules of `wit/types.wit`.

use alloc::format;
use alloc::string::String;
use core::fmt;

use super::table::{Column, Ids};
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
        let (strings, entities) = (self.string_ends.len(), self.entities.kind.len());
        let columns = self.all();
        let own = columns.iter().take_while(|column| column.record == "entities").count();
        let (of_entities, others) = columns.split_at(own);
        same_length(of_entities)?;
        strings_below(strings, of_entities)?;
        self.check_parents()?;
        for record in others.chunk_by(|left, right| left.record == right.record) {
            same_length(record)?;
        }
        entities_below(entities, others)?;
        strings_below(strings, others)?;
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
fn same_length(record: &[Column<'_>]) -> Result<(), ColumnError> {
    let wanted = record.first().map_or(0, |column| column.rows);
    match record.iter().find(|column| column.rows != wanted) {
        None => Ok(()),
        Some(column) => {
            let reason = format!("{} rows, but the other columns have {wanted}", column.rows);
            Err(ColumnError { column: column.name, row: None, reason })
        }
    }
}

fn strings_below(bound: usize, columns: &[Column<'_>]) -> Result<(), ColumnError> {
    columns.iter().try_for_each(|column| match column.ids {
        Ids::Strings(ids) => below(bound, "strings", column.name, ids),
        _ => Ok(()),
    })
}

fn entities_below(bound: usize, columns: &[Column<'_>]) -> Result<(), ColumnError> {
    columns.iter().try_for_each(|column| match column.ids {
        Ids::Entities(ids) => below(bound, "entities", column.name, ids),
        _ => Ok(()),
    })
}

fn below(bound: usize, of: &str, column: &'static str, values: &[u32]) -> Result<(), ColumnError> {
    match values.iter().position(|&value| value as usize >= bound) {
        None => Ok(()),
        Some(row) => {
            let reason = format!("index {} is out of range: there are {bound} {of}", values[row]);
            Err(error(column, row, reason))
        }
    }
}
