//! The table of a view.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::look::Look;
use crate::top::grid::{Grid, GridRow, Shown, TREND, cells};
use crate::top::model::Model;

/// Width of a trend, characters.
const BARS: usize = 16;

/// Draws the head and the rows around the selected one.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, grid: &Grid, look: Look) {
    let (width, height) = (usize::from(area.width), usize::from(area.height).saturating_sub(1));
    if grid.columns.is_empty() {
        return;
    }
    let has_trend = grid.rows.iter().take(height).any(|row| !model.trend(grid, &row.key).is_empty());
    let fitted = grid.fit(width, if has_trend { BARS } else { 0 }, 1);
    let line = |y: usize| Rect { y: area.y + y as u16, height: 1, ..area };
    frame.render_widget(head(grid, &fitted, look), line(0));
    let selected = model.selected(grid);
    // The selected row is in the middle of a long table.
    let first = selected.saturating_sub(height / 2).min(grid.rows.len().saturating_sub(height));
    for (y, (index, row)) in grid.rows.iter().enumerate().skip(first).take(height).enumerate() {
        let base = if index == selected { look.selected() } else { look.plain() };
        let trend = if has_trend { model.trend(grid, &row.key) } else { Vec::new() };
        frame.render_widget(self::line(grid, row, &trend, &fitted, base, look), line(y + 1));
    }
}

fn head<'a>(grid: &Grid, fitted: &[(Shown, usize)], look: Look) -> Line<'a> {
    let mut spans = Vec::new();
    for (shown, width) in fitted {
        let (title, is_number) = match shown {
            Shown::Trend => (TREND.to_owned(), false),
            Shown::Column(index) => {
                let column = grid.columns.get(*index);
                let mark = if *index == grid.sorted { look.sorted() } else { "" };
                let title = column.map_or("", |column| column.title.as_str());
                (format!("{title}{mark}"), column.is_some_and(|column| column.is_number))
            }
        };
        spans.push(Span::styled(aligned(&look.cut(&title, *width), *width, is_number), look.strong()));
        spans.push(Span::raw(" "));
    }
    Line::from(spans)
}

fn line<'a>(
    grid: &Grid,
    row: &GridRow,
    trend: &[Option<f64>],
    fitted: &[(Shown, usize)],
    base: Style,
    look: Look,
) -> Line<'a> {
    let mut spans = Vec::new();
    for (shown, width) in fitted {
        let (text, style) = match shown {
            Shown::Trend => {
                // Reversed bars would hang from above.
                (look.bars(trend, *width), look.trend())
            }
            Shown::Column(index) => {
                let is_number = grid.columns.get(*index).is_some_and(|column| column.is_number);
                let cell = row.cells.get(*index);
                let text = look.cut(cell.map_or("", |cell| cell.text.as_str()), *width);
                let is_bad = cell.is_some_and(|cell| cell.is_bad);
                (aligned(&text, *width, is_number), if is_bad { base.patch(look.bad()) } else { base })
            }
        };
        spans.push(Span::styled(text, style));
        spans.push(Span::styled(" ", base));
    }
    Line::from(spans)
}

fn aligned(text: &str, width: usize, right: bool) -> String {
    let gap = " ".repeat(width.saturating_sub(cells(text)));
    if right { format!("{gap}{text}") } else { format!("{text}{gap}") }
}
