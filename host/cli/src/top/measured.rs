//! The tables of nodes, pods and containers.

use std::collections::BTreeSet;

use super::figures::{FigureId, Figures};
use super::frame::{Frame, Row};
use super::grid::{Cell, Column, Grid, GridRow};
use super::view::View;

/// Default columns; the file describes its format.
const COLUMNS: &str = include_str!("../../../../transforms/top.tsv");
/// Number of columns if none of the default ones has a value.
const OTHERS: usize = 6;

/// A column: its title, and the values that it shows, the first that a row has.
struct Wanted {
    title: String,
    ids: Vec<FigureId>,
}

/// Returns the table of a view; `sort` is a title or the name of a value, and becomes a column if it is none yet.
pub(super) fn grid(
    view: View,
    frames: &[&Frame],
    figures: &Figures,
    sort: Option<(&str, bool)>,
    filter: &str,
) -> Grid {
    let filter = filter.to_lowercase();
    let rows = rows(view, frames);
    let mut wanted = defaults(&rows, figures);
    let named = sort.and_then(|(name, _)| figures.find(name).map(|id| (name, id)));
    if let Some((name, id)) = named
        && !wanted.iter().any(|column| column.title == name || column.ids == [id])
    {
        wanted.push(Wanted { title: name.to_owned(), ids: vec![id] });
    }
    let mut columns = vec![Column::text("NAME")];
    columns.extend(wanted.iter().map(|column| Column::number(&insightd::visible::line(&column.title))));
    let matching = rows.iter().filter(|(_, row)| row.name.to_lowercase().contains(&filter));
    let cells = |row: &Row| {
        let mut cells = vec![Cell { text: row.name.clone(), ..Cell::default() }];
        cells.extend(wanted.iter().map(|column| {
            let value = column.ids.iter().find_map(|id| Some((*id, row.value(*id)?)));
            Cell::number(value.map(|(_, value)| value), |number| {
                value.map(|(id, _)| figures.text(id, number)).unwrap_or_default()
            })
        }));
        cells
    };
    let shown: Vec<GridRow> =
        matching.map(|(frame, row)| GridRow { key: row_key(frame, row), cells: cells(row) }).collect();
    let mut grid =
        Grid { columns, note: note(view, frames, rows.len(), shown.len()), rows: shown, sorted: 0 };
    let (sorted, reverse) = match sort {
        Some((name, reverse)) => {
            let is_it = |column: &Wanted| {
                column.title == name || named.is_some_and(|(_, id)| column.ids.contains(&id))
            };
            (wanted.iter().position(is_it).map_or(0, |index| index + 1), reverse)
        }
        None => (usize::from(!wanted.is_empty()), false),
    };
    grid.sort(sorted, reverse);
    grid
}

/// Returns the names that the rows of a view can be sorted by: those of the columns, then all others.
pub(super) fn sortable(view: View, frames: &[&Frame], figures: &Figures) -> Vec<String> {
    let rows = rows(view, frames);
    let defaults = defaults(&rows, figures);
    let all: BTreeSet<&str> =
        rows.iter().flat_map(|(_, row)| row.figures()).map(|id| figures.name(id)).collect();
    let mut names = vec!["NAME".to_owned()];
    names.extend(defaults.iter().map(|column| column.title.clone()));
    names.extend(all.into_iter().map(str::to_owned));
    names
}

/// Returns the last values of a row, oldest first, in the column that the table is sorted by, or else in its first one.
pub(super) fn trend(
    view: View,
    newest: &[&Frame],
    all: &[&Frame],
    figures: &Figures,
    grid: &Grid,
    key: &str,
) -> Vec<Option<f64>> {
    let Some(title) = grid.columns.get(grid.sorted.max(1)).map(|column| &column.title) else {
        return Vec::new();
    };
    let own = rows(view, newest).into_iter().find(|(frame, row)| row_key(frame, row) == key);
    let Some((frame, row)) = own else { return Vec::new() };
    let column = defaults(&rows(view, newest), figures).into_iter().find(|column| column.title == *title);
    let ids =
        column.map(|column| column.ids).or_else(|| Some(vec![figures.find(title)?])).unwrap_or_default();
    let of_scope = all.iter().filter(|other| is_same_scope(other, frame));
    of_scope
        .map(|other| other.row(&row.key).and_then(|row| ids.iter().find_map(|id| row.value(*id))))
        .collect()
}

/// Returns true if both frames are of the same node or cluster.
pub(crate) fn is_same_scope(a: &Frame, b: &Frame) -> bool {
    (&a.scope, &a.scope_id) == (&b.scope, &b.scope_id)
}

fn rows<'f>(view: View, frames: &[&'f Frame]) -> Vec<(&'f Frame, &'f Row)> {
    let rows = frames.iter().flat_map(|frame| frame.rows.iter().map(move |row| (*frame, row)));
    rows.filter(|(_, row)| row.view == view).collect()
}

pub(crate) fn row_key(frame: &Frame, row: &Row) -> String {
    format!("{}\u{0}{}\u{0}{}", frame.scope, frame.scope_id, row.key)
}

/// Returns the default columns of the kinds of entities in the rows; without any, the first values that there are.
fn defaults(rows: &[(&Frame, &Row)], figures: &Figures) -> Vec<Wanted> {
    let kinds: BTreeSet<&str> = rows.iter().map(|(_, row)| row.kind.as_str()).collect();
    let present: BTreeSet<FigureId> = rows.iter().flat_map(|(_, row)| row.figures()).collect();
    let mut wanted: Vec<Wanted> = Vec::new();
    for line in COLUMNS.lines().filter(|line| !line.starts_with('#')) {
        let mut cells = line.split('\t');
        let (Some(kind), Some(title), Some(names)) = (cells.next(), cells.next(), cells.next()) else {
            continue;
        };
        if !kinds.contains(kind) {
            continue;
        }
        let ids = names.split(' ').filter_map(|name| figures.find(name)).filter(|id| present.contains(id));
        match wanted.iter_mut().find(|column| column.title == title) {
            Some(column) => column.ids.extend(ids),
            None => wanted.push(Wanted { title: title.to_owned(), ids: ids.collect() }),
        }
    }
    wanted.retain(|column| !column.ids.is_empty());
    if wanted.is_empty() {
        let names: BTreeSet<&str> = present.iter().map(|id| figures.name(*id)).collect();
        wanted = names
            .into_iter()
            .take(OTHERS)
            .filter_map(|name| Some(Wanted { title: name.to_owned(), ids: vec![figures.find(name)?] }))
            .collect();
    }
    wanted
}

fn note(view: View, frames: &[&Frame], rows: usize, shown: usize) -> Option<String> {
    let left_out: usize = frames.iter().map(|frame| frame.left_out).sum();
    let problem = frames.iter().find_map(|frame| frame.problem.as_deref());
    let what = view.title().to_lowercase();
    if let Some(problem) = problem {
        return Some(insightd::visible::line(problem).into_owned());
    }
    match (rows, shown) {
        (0, _) if frames.is_empty() => None,
        (0, _) => Some(format!("no {what} with published metrics in this batch")),
        (_, 0) => Some("no row matches the filter".into()),
        _ if left_out > 0 => Some(format!("{left_out} rows beyond the limit are not shown")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_columns_is_complete() {
        let kinds: Vec<&str> = View::ALL.into_iter().flat_map(|view| view.kinds()).copied().collect();
        for line in COLUMNS.lines().filter(|line| !line.starts_with('#')) {
            let cells: Vec<&str> = line.split('\t').collect();
            assert!(cells.len() == 3 && kinds.contains(&cells[0]) && cells[1].len() <= 10, "{line}");
        }
    }
}
