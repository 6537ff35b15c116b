//! Draws the model. Pure: the same model, look and size give the same screen.

mod dialog;
mod look;
mod table;
#[cfg(test)]
mod tests;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::agent::{ERROR, duration};
use super::grid::{Grid, cells};
use super::model::{Dialog, Mode, Model, Tap};
use super::view::View;
use crate::replay::utc;

pub(crate) use look::Look;

/// Rows of the screen beside those of the table: heading, tabs, note, head of the table, keys.
const FRAME: u16 = 5;
/// Maximum number of lines of a note. The table begins after them.
const NOTE: usize = 4;

/// Draws the screen.
pub(crate) fn draw(frame: &mut Frame<'_>, model: &Model, look: Look, now_ms: u64) {
    let area = frame.area();
    if area.height < FRAME + 1 || area.width < 20 {
        let needed = Paragraph::new(format!("too small: 20 columns and {} rows are needed", FRAME + 1));
        frame.render_widget(needed.wrap(Wrap { trim: true }), area);
        return;
    }
    let row = |y: u16| Rect { y: area.y + y, height: 1, ..area };
    let width = usize::from(area.width);
    let grid = model.grid();
    frame.render_widget(heading(model, look, width, now_ms), row(0));
    frame.render_widget(tabs(model.view, look, width), row(1));
    let of_table = grid.note.clone().or_else(|| last_error(model, &grid));
    let (text, style) = note(model, of_table.as_deref(), look);
    // A row of the table stays.
    let most = NOTE.min(usize::from(area.height - FRAME));
    let lines: Vec<Line<'_>> =
        look.wrap(&text, width, most).into_iter().map(|line| Line::styled(line, style)).collect();
    let height = (lines.len() as u16).max(1);
    frame.render_widget(Paragraph::new(lines), Rect { height, ..row(2) });
    let table = Rect { y: area.y + 2 + height, height: area.height - FRAME + 2 - height, ..area };
    table::draw(frame, table, model, &grid, look);
    frame.render_widget(keys(model, look, width), row(area.height - 1));
    match &model.dialog {
        Some(Dialog::Sort { typed, position }) => dialog::sort(frame, area, model, typed, *position, look),
        Some(Dialog::Help) => dialog::help(frame, area, look),
        Some(Dialog::Filter(_)) | None => {}
    }
}

/// Source and time on the left, state of the connection or recording on the right.
fn heading<'a>(model: &Model, look: Look, width: usize, now_ms: u64) -> Line<'a> {
    let time = model.time_unix_ms().map(utc).unwrap_or_default();
    let (shown, all) = model.position();
    let (state, is_bad) = match (model.mode, model.silent_ms(now_ms)) {
        (Mode::Recording, _) => {
            let more = if model.is_complete { "" } else { "+" };
            let play = if model.is_paused { "paused" } else { "playing" };
            (format!("{play}, frame {shown}/{all}{more}"), false)
        }
        (Mode::Live, Some(silent)) => (format!("no response for {}", duration(silent as f64 / 1000.0)), true),
        (Mode::Live, None) if model.is_paused => ("paused".to_owned(), true),
        (Mode::Live, None) if model.has_data() => ("live".to_owned(), false),
        (Mode::Live, None) => ("connecting".to_owned(), false),
    };
    let room = width.saturating_sub(cells(&state) + 1);
    let whole = format!("{}  {time}", model.source);
    let left = [whole.as_str(), &model.source, &time]
        .into_iter()
        .find(|text| !text.is_empty() && cells(text) <= room);
    let left = left.map_or_else(|| look.cut(&model.source, room), |text| look.show(text));
    let gap = " ".repeat(width.saturating_sub(cells(&left) + cells(&state)));
    let style = if is_bad { look.bad() } else { look.good() };
    Line::from(vec![Span::styled(left, look.strong()), Span::raw(gap), Span::styled(state, style)])
}

/// The views; only the chosen one if the width is too small for all.
fn tabs<'a>(view: View, look: Look, width: usize) -> Line<'a> {
    let title = |index: usize, other: View| {
        let text = format!(" {} {} ", index + 1, other.title());
        Span::styled(text, if other == view { look.selected() } else { look.plain() })
    };
    let all: Vec<Span<'_>> =
        View::ALL.into_iter().enumerate().map(|(index, view)| title(index, view)).collect();
    let needed: usize = all.iter().map(Span::width).sum();
    if needed <= width {
        return Line::from(all);
    }
    let (before, after) = look.arrows();
    let own = title(view.index(), view);
    let count = format!(" {}/{}", view.index() + 1, View::ALL.len());
    Line::from(vec![Span::raw(before), own, Span::raw(after), Span::raw(count)])
}

/// The text of an error, the reason of an empty view, or the filter.
fn note(model: &Model, of_table: Option<&str>, look: Look) -> (String, Style) {
    if let Some(Dialog::Filter(_)) = model.dialog {
        return (format!("/{}_", model.choice().filter), look.strong());
    }
    if let Some(error) = &model.unreachable {
        return (format!("{error}; trying again"), look.bad());
    }
    if let Some(note) = model.problem.as_deref().or(of_table) {
        return (note.to_owned(), look.bad());
    }
    match (&model.tap, model.choice().filter.as_str()) {
        (Tap::Absent(reason), _) if model.mode == Mode::Live && model.view.is_measured() => {
            (format!("no tap: {reason}"), look.bad())
        }
        (_, "") if model.skipped > 0 => {
            (format!("{} batches left out by the tap", model.skipped), look.bad())
        }
        (_, "") => (String::new(), look.plain()),
        (_, filter) => (format!("filter: {filter}  (Esc clears)"), look.strong()),
    }
}

/// Returns the last error of the selected stage, which the table may have no room for.
fn last_error(model: &Model, grid: &Grid) -> Option<String> {
    let column = grid.columns.iter().position(|column| column.title == ERROR)?;
    let cell = grid.rows.get(model.selected(grid))?.cells.get(column)?;
    (!cell.text.is_empty()).then(|| format!("last error: {}", cell.text))
}

/// The keys that there is room for.
fn keys<'a>(model: &Model, look: Look, width: usize) -> Line<'a> {
    let all: &[(&str, &str)] = match (&model.dialog, model.mode) {
        (Some(Dialog::Filter(_)), _) => &[("Enter", "keep"), ("Esc", "undo")],
        (Some(Dialog::Sort { .. }), _) => {
            &[("Enter", "sort"), ("Esc", "back"), ("Up/Down", "choose"), ("a-z", "find")]
        }
        (Some(Dialog::Help), _) => &[("any key", "back")],
        (None, Mode::Live) => &[
            ("q", "quit"),
            ("?", "keys"),
            ("Tab", "view"),
            ("s", "sort"),
            ("/", "filter"),
            ("Space", "pause"),
            ("r", "reverse"),
            ("Up/Down", "row"),
        ],
        (None, Mode::Recording) => &[
            ("q", "quit"),
            ("?", "keys"),
            ("Tab", "view"),
            ("Space", "play"),
            ("Left/Right", "frame"),
            ("s", "sort"),
            ("/", "filter"),
            ("r", "reverse"),
        ],
    };
    let mut spans = Vec::new();
    let mut left = width;
    for (key, meaning) in all {
        let needed = key.len() + meaning.len() + 3;
        if needed > left + 2 {
            break;
        }
        left = left.saturating_sub(needed);
        spans.push(Span::styled(key.to_string(), look.strong()));
        spans.push(Span::styled(format!(" {meaning}  "), look.plain()));
    }
    Line::from(spans)
}
