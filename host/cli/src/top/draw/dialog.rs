//! Dialogs over the table.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::symbols::border;
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear, Paragraph};

use super::look::Look;
use crate::top::model::Model;

/// The border of terminals without line characters.
const ASCII: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

/// All keys, in the size of the smallest terminal: 38 columns and ten rows.
const KEYS: [(&str, &str); 10] = [
    ("q, Ctrl-C", "quit"),
    ("Tab, 1-7", "view (Shift-Tab: back)"),
    ("Up, Down, j, k", "row"),
    ("PgUp, PgDn", "ten rows"),
    ("Home, End, g, G", "first, last row"),
    ("s, r", "sort by; reverse"),
    ("/, Esc", "filter; clear it"),
    ("Space", "play, pause"),
    ("Left, Right", "frame before, after"),
    ("[ ], { }", "ten frames; to the end"),
];

/// Draws the list of columns and metrics to sort by.
pub(super) fn sort(
    frame: &mut Frame<'_>,
    area: Rect,
    model: &Model,
    typed: &str,
    position: usize,
    look: Look,
) {
    let names = model.sortable(typed);
    let inner = usize::from(area.height).saturating_sub(4).min(20);
    let first = position.saturating_sub(inner / 2).min(names.len().saturating_sub(inner));
    let lines = names.iter().enumerate().skip(first).take(inner).map(|(index, name)| {
        let style = if index == position { look.selected() } else { look.plain() };
        Line::styled(look.cut(&insightd::visible::line(name), 60), style)
    });
    let title = if typed.is_empty() { "sort by".to_owned() } else { format!("sort by: {typed}") };
    window(frame, area, &title, lines.collect(), look);
}

/// Draws the list of keys.
pub(super) fn help(frame: &mut Frame<'_>, area: Rect, look: Look) {
    let lines = KEYS.iter().map(|(key, meaning)| Line::raw(format!("{key:<15} {meaning}")));
    window(frame, area, "keys", lines.collect(), look);
}

fn window(frame: &mut Frame<'_>, area: Rect, title: &str, lines: Vec<Line<'_>>, look: Look) {
    let longest = lines.iter().map(Line::width).max().unwrap_or(0).max(title.chars().count() + 2);
    let width = (longest as u16 + 4).min(area.width);
    let height = (lines.len() as u16 + 2).clamp(3, area.height.max(3));
    let place = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + area.height.saturating_sub(height) / 2,
        width,
        height: height.min(area.height),
    };
    let border = if look.ascii { ASCII } else { border::PLAIN };
    let block = Block::bordered().border_set(border).title(format!(" {} ", look.show(title)));
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(lines).block(block), place);
}
