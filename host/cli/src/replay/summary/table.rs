//! Tables of aligned columns.

use std::fmt;

use insightd::visible;

/// Maximum width of a cell, characters; longer text is cut.
const LONGEST: usize = 100;
/// Space between two columns.
const GAP: &str = "  ";
/// The cell for an unknown value.
const ABSENT: &str = "-";

/// The side of a column on which its text begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// A table of texts. Hidden characters are escaped, line ends included, so a row is one line.
#[derive(Debug)]
pub(crate) struct Table {
    aligned: Vec<Align>,
    /// The first row is the head.
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Creates a table with these column heads.
    pub(crate) fn new(columns: &[(&str, Align)]) -> Self {
        let head = columns.iter().map(|(head, _)| cell(Some(head))).collect();
        Self { aligned: columns.iter().map(|(_, align)| *align).collect(), rows: vec![head] }
    }

    /// Adds a row; `None` is an unknown value.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Option<String>>) {
        self.rows.push(cells.into_iter().map(|text| cell(text.as_deref())).collect());
    }
}

fn cell(text: Option<&str>) -> String {
    let text = visible::line(text.unwrap_or(ABSENT));
    match text.char_indices().nth(LONGEST) {
        None => text.into_owned(),
        Some(_) => text.chars().take(LONGEST - 1).chain(['…']).collect(),
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let column = |index: usize| self.rows.iter().filter_map(move |row| row.get(index));
        let widths: Vec<usize> = (0..self.aligned.len())
            .map(|index| column(index).map(|text| text.chars().count()).max().unwrap_or(0))
            .collect();
        for row in &self.rows {
            let mut line = String::new();
            for ((text, align), width) in row.iter().zip(&self.aligned).zip(&widths) {
                let padding = " ".repeat(width - text.chars().count());
                match align {
                    Align::Left => line.extend([text.as_str(), &padding, GAP]),
                    Align::Right => line.extend([padding.as_str(), text, GAP]),
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_whatever_is_in_them() {
        let mut table = Table::new(&[("NAME", Align::Left), ("CPU", Align::Right), ("TEXT", Align::Left)]);
        let row = |name: &str, cpu: Option<&str>, text: &str| {
            [Some(name.to_owned()), cpu.map(str::to_owned), Some(text.to_owned())]
        };
        table.row(row("a", Some("1234567m"), "x"));
        table.row(row("\u{1b}[2J\nb", None, "wide ä"));
        table.row(row("ä", Some("5m"), ""));
        assert_eq!(
            table.to_string(),
            concat!(
                "NAME               CPU  TEXT\n",
                "a             1234567m  x\n",
                "\\u{1b}[2J\\nb         -  wide ä\n",
                "ä                   5m\n",
            )
        );
    }

    #[test]
    fn a_long_cell_is_cut() {
        let mut table = Table::new(&[("NAME", Align::Left), ("N", Align::Right)]);
        table.row([Some("ä".repeat(LONGEST + 1)), Some("1".into())]);
        table.row([Some("b".repeat(LONGEST)), Some("2".into())]);
        let text = table.to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], format!("{}…  1", "ä".repeat(LONGEST - 1)));
        assert_eq!(lines[2], format!("{}  2", "b".repeat(LONGEST)));
    }
}
