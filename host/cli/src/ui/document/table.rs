//! A page of a table. Rows are sorted, filtered and counted here: the browser gets a few of ten thousand.

use serde_json::{Value, json};

use super::{Failure, frame, text, view};
use crate::top::grid::{Cell, Grid};
use crate::ui::query::Query;
use crate::ui::session::Session;

/// Rows of a page, and their maximum.
const ROWS: usize = 50;
const MAX_ROWS: usize = 200;
/// Maximum length of a filter, bytes.
const MAX_FILTER: usize = 200;

/// Returns rows of a view.
///
/// # Errors
/// A parameter is wrong.
pub(super) fn document(session: &Session, query: &Query) -> Result<Value, Failure> {
    let (view, at) = (view(query)?, frame(query)?);
    let offset: usize = query.number("offset").map_err(Failure::bad)?.unwrap_or(0);
    let limit: usize = query.number("limit").map_err(Failure::bad)?.unwrap_or(ROWS).clamp(1, MAX_ROWS);
    let sort = query.get("sort").filter(|name| !name.is_empty()).map(str::to_owned);
    let reverse = query.get("order") == Some("reverse");
    let filter = filter(query)?;
    Ok(session.read(view, at, |model| {
        let choice = model.choice_mut();
        (choice.sort, choice.filter) = (sort.map(|name| (name, reverse)), filter);
        let grid = model.grid();
        // The last page, if rows are gone.
        let last = grid.rows.len().saturating_sub(1) / limit * limit;
        let offset = offset.min(last);
        let (shown, frames) = model.position();
        json!({
            "frame": shown,
            "frames": frames,
            "time_unix_ms": model.time_unix_ms(),
            "matching": grid.rows.len(),
            "offset": offset,
            "limit": limit,
            "note": grid.note.as_deref().map(text),
            "columns": columns(&grid, reverse),
            "rows": grid.rows.iter().skip(offset).take(limit)
                .map(|row| json!({"key": row.key, "cells": row.cells.iter().map(cell).collect::<Vec<_>>()}))
                .collect::<Vec<_>>(),
        })
    }))
}

/// Returns the filter of a query.
///
/// # Errors
/// It is too long.
pub(super) fn filter(query: &Query) -> Result<String, Failure> {
    let filter = query.get("filter").unwrap_or_default();
    match filter.len() > MAX_FILTER {
        true => Err(Failure::bad(format!("the filter is longer than {MAX_FILTER} bytes"))),
        false => Ok(filter.to_owned()),
    }
}

fn columns(grid: &Grid, reverse: bool) -> Vec<Value> {
    let order = |is_number: bool| if is_number == reverse { "ascending" } else { "descending" };
    let column = |(index, column): (usize, &crate::top::grid::Column)| {
        let sorted = (index == grid.sorted).then(|| order(column.is_number));
        json!({"title": text(&column.title), "is_number": column.is_number, "sorted": sorted})
    };
    grid.columns.iter().enumerate().map(column).collect()
}

fn cell(cell: &Cell) -> Value {
    let mut value = json!({"text": text(&cell.text)});
    if let Some(number) = cell.number {
        value["number"] = json!(number);
    }
    if cell.is_bad {
        value["is_bad"] = json!(true);
    }
    value
}
