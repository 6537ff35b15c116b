//! A table of a view, before it is fitted to a width.

use std::cmp::Ordering;

use ratatui::text::Span;

/// The column that shows the last values of the sorted one.
pub(crate) const TREND: &str = "TREND";
/// Width that the first column has at least, as far as its text is that long.
const NARROWEST: usize = 10;

/// Minimum width of a trend.
const NARROWEST_TREND: usize = 6;

/// A table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grid {
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<GridRow>,
    /// Explanation of an empty or partial table.
    pub(crate) note: Option<String>,
    /// Index of the column that the rows are sorted by.
    pub(crate) sorted: usize,
}

/// A column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Column {
    pub(crate) title: String,
    pub(crate) is_number: bool,
}

/// A row.
#[derive(Clone, Debug, Default)]
pub(crate) struct GridRow {
    /// Identity of the row, which stays when others are sorted before it.
    pub(crate) key: String,
    pub(crate) cells: Vec<Cell>,
}

/// A cell.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Cell {
    /// The text, with hidden characters escaped.
    pub(crate) text: String,
    pub(crate) number: Option<f64>,
    pub(crate) is_bad: bool,
}

impl Column {
    /// Creates a column of texts.
    pub(crate) fn text(title: &str) -> Self {
        Self { title: title.to_owned(), is_number: false }
    }

    /// Creates a column of numbers.
    pub(crate) fn number(title: &str) -> Self {
        Self { title: title.to_owned(), is_number: true }
    }
}

impl Cell {
    /// Creates a cell with a text from outside.
    pub(crate) fn outside(text: &str) -> Self {
        Self { text: insightd::visible::line(text).into_owned(), ..Self::default() }
    }

    /// Creates a cell with a number and its text; an unknown number is `-`.
    pub(crate) fn number(number: Option<f64>, text: impl Fn(f64) -> String) -> Self {
        Self { text: number.map_or("-".into(), text), number, is_bad: false }
    }

    /// Marks the cell as bad.
    pub(crate) fn bad_if(mut self, is_bad: bool) -> Self {
        self.is_bad = is_bad;
        self
    }
}

impl Grid {
    /// Sorts the rows by a column: numbers descending, texts ascending, unknown values last; `reverse` turns both around.
    pub(crate) fn sort(&mut self, column: usize, reverse: bool) {
        self.sorted = column;
        let is_number = self.columns.get(column).is_some_and(|column| column.is_number);
        self.rows.sort_by(|a, b| {
            let (left, right) = (a.cells.get(column), b.cells.get(column));
            let ordering = if is_number {
                numbers(left.and_then(|cell| cell.number), right.and_then(|cell| cell.number), reverse)
            } else {
                let text = |cell: Option<&Cell>| cell.map(|cell| cell.text.to_lowercase());
                let ordering = text(left).cmp(&text(right));
                if reverse { ordering.reverse() } else { ordering }
            };
            ordering.then_with(|| a.key.cmp(&b.key))
        });
    }

    /// Chooses the columns that fit into a width, with at most `trend` characters for the trend, and the width of each. The first
    /// column and the sorted one always stay, then others from the left.
    pub(crate) fn fit(&self, width: usize, trend: usize, arrow: usize) -> Vec<(Shown, usize)> {
        let own = |index: usize| {
            let texts = self.rows.iter().filter_map(|row| row.cells.get(index)).map(|cell| cells(&cell.text));
            let mark = if index == self.sorted { arrow } else { 0 };
            let title = self.columns.get(index).map_or(0, |column| cells(&column.title));
            texts.max().unwrap_or(0).max(title + mark)
        };
        let longest = own(0);
        let narrow = longest.min(NARROWEST.max(width * 2 / 5)).min(width);
        let mut left = width.saturating_sub(narrow);
        let mut chosen = Vec::new();
        let rest = (1..self.columns.len()).filter(|index| *index != self.sorted);
        let sorted = (self.sorted != 0 && self.sorted < self.columns.len()).then_some(self.sorted);
        for index in sorted.into_iter().chain(rest) {
            let needed = own(index) + 1;
            let is_sorted = Some(index) == sorted;
            if needed > left && !is_sorted {
                continue;
            }
            chosen.push((index, (needed - 1).min(left.saturating_sub(1))));
            left = left.saturating_sub(needed);
        }
        chosen.sort_unstable();
        let mut shown: Vec<(Shown, usize)> =
            chosen.into_iter().map(|(index, width)| (Shown::Column(index), width)).collect();
        if trend > 0 && left > NARROWEST_TREND {
            let width = trend.min(left - 1);
            shown.push((Shown::Trend, width));
            left -= width + 1;
        }
        let first = narrow + left.min(longest - narrow);
        shown.insert(0, (Shown::Column(0), first));
        shown
    }
}

/// A column on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Index of a column of the table.
    Column(usize),
    /// The last values.
    Trend,
}

/// Returns the number of cells that a text takes on a screen.
pub(crate) fn cells(text: &str) -> usize {
    Span::raw(text).width()
}

fn numbers(left: Option<f64>, right: Option<f64>, reverse: bool) -> Ordering {
    match (left, right) {
        (Some(left), Some(right)) if reverse => left.total_cmp(&right),
        (Some(left), Some(right)) => right.total_cmp(&left),
        (left, right) => right.is_some().cmp(&left.is_some()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        let number = |value: Option<f64>| Cell::number(value, |value| value.to_string());
        let row = |name: &str, a: Option<f64>, b: Option<f64>| GridRow {
            key: name.to_owned(),
            cells: vec![Cell::outside(name), number(a), number(b)],
        };
        Grid {
            columns: vec![Column::text("NAME"), Column::number("A"), Column::number("BB")],
            rows: vec![
                row("b", None, Some(1.0)),
                row("C", Some(2.0), None),
                row("a-name-of-twenty-chr", Some(10.0), Some(300.0)),
            ],
            ..Grid::default()
        }
    }

    fn order(grid: &Grid) -> String {
        grid.rows.iter().filter_map(|row| row.key.chars().next()).collect()
    }

    #[test]
    fn unknown_values_are_last_in_both_directions() {
        let mut grid = grid();
        for (column, reverse, expected) in
            [(0, false, "abC"), (0, true, "Cba"), (1, false, "aCb"), (1, true, "Cab"), (2, true, "baC")]
        {
            grid.sort(column, reverse);
            assert_eq!(order(&grid), expected, "{column} {reverse}");
        }
    }

    #[test]
    fn the_sorted_column_stays_on_a_narrow_screen() {
        let mut grid = grid();
        grid.sort(2, false);
        let columns = |width: usize, trend: usize| -> Vec<(Shown, usize)> { grid.fit(width, trend, 1) };
        // 20 for the name, 2 and 3 for the numbers, 10 for the trend, and a space before each but the first.
        let whole =
            [(Shown::Column(0), 20), (Shown::Column(1), 2), (Shown::Column(2), 3), (Shown::Trend, 10)];
        assert_eq!(columns(38, 10), whole);
        assert_eq!(columns(100, 10), whole);
        assert_eq!(columns(17, 10), [(Shown::Column(0), 10), (Shown::Column(1), 2), (Shown::Column(2), 3)]);
        assert_eq!(columns(15, 0), [(Shown::Column(0), 11), (Shown::Column(2), 3)]);
        for width in 20..60 {
            let shown = columns(width, 8);
            let used: usize = shown.iter().map(|(_, width)| width).sum::<usize>() + shown.len() - 1;
            assert!(used <= width, "{width}: {shown:?}");
        }
    }
}
