//! Colours and characters that a terminal has.

use ratatui::style::{Color, Modifier, Style};

use crate::top::grid::cells;

/// Levels of a trend, in Unicode and in ASCII.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const MARKS: [char; 8] = ['.', ':', '-', '=', '+', '*', '#', '@'];

/// The abilities of the terminal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// Colours are used.
    pub(crate) color: bool,
    /// Only ASCII is used; other characters are escaped.
    pub(crate) ascii: bool,
}

impl Look {
    fn colored(self, color: Color, plain: Modifier) -> Style {
        if self.color { Style::new().fg(color) } else { Style::new().add_modifier(plain) }
    }

    /// Returns the style of problems.
    pub(super) fn bad(self) -> Style {
        self.colored(Color::Red, Modifier::BOLD)
    }

    /// Returns the style of what is well.
    pub(super) fn good(self) -> Style {
        self.colored(Color::Green, Modifier::empty())
    }

    /// Returns the style of titles and keys.
    pub(super) fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// Returns the style of the chosen row and tab.
    pub(super) fn selected(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// Returns the style of trends.
    pub(super) fn trend(self) -> Style {
        self.colored(Color::Cyan, Modifier::empty())
    }

    /// Returns the style of everything else.
    pub(super) fn plain(self) -> Style {
        Style::new()
    }

    /// Returns the characters for more to the left and to the right.
    pub(super) fn arrows(self) -> (&'static str, &'static str) {
        if self.ascii { ("<", ">") } else { ("◀", "▶") }
    }

    /// Returns the mark of the sorted column.
    pub(super) fn sorted(self) -> &'static str {
        if self.ascii { "*" } else { "▼" }
    }

    /// Returns a text in the characters of the terminal.
    pub(super) fn show(self, text: &str) -> String {
        if !self.ascii || text.is_ascii() {
            return text.to_owned();
        }
        let escape = |c: char| if c.is_ascii() { c.to_string() } else { c.escape_unicode().to_string() };
        text.chars().map(escape).collect()
    }

    /// Returns a text, cut to so many cells with a mark of what is missing.
    pub(super) fn cut(self, text: &str, width: usize) -> String {
        let text = self.show(text);
        if cells(&text) <= width {
            return text;
        }
        let mut shown = String::new();
        for c in text.chars() {
            shown.push(c);
            if cells(&shown) >= width {
                shown.pop();
                break;
            }
        }
        if width > 0 {
            shown.push(if self.ascii { '~' } else { '…' });
        }
        shown
    }

    /// Returns a text in at most so many lines, broken at spaces where possible; the last one is cut. At least one line.
    pub(super) fn wrap(self, text: &str, width: usize, lines: usize) -> Vec<String> {
        let text = self.show(text);
        let (mut wrapped, mut rest) = (Vec::new(), text.as_str());
        while wrapped.len() + 1 < lines && cells(rest) > width {
            let fits = |at: &usize| cells(rest.get(..*at).unwrap_or(rest)) <= width;
            let space =
                rest.match_indices(' ').map(|(at, _)| at).take_while(fits).last().filter(|at| *at > 0);
            let end = space.or_else(|| rest.char_indices().map(|(at, _)| at).take_while(fits).last());
            let Some((line, tail)) = end.filter(|at| *at > 0).and_then(|at| rest.split_at_checked(at)) else {
                break;
            };
            wrapped.push(line.to_owned());
            rest = tail.trim_start_matches(' ');
        }
        wrapped.push(self.cut(rest, width));
        wrapped
    }

    /// Draws the last values, the newest on the right: between 0, or the smallest value below it, and the largest one. An
    /// unknown value is a space.
    pub(super) fn bars(self, values: &[Option<f64>], width: usize) -> String {
        let levels = if self.ascii { MARKS } else { BARS };
        let values = values.get(values.len().saturating_sub(width)..).unwrap_or_default();
        let known = || values.iter().flatten().copied();
        let (low, high) = (known().fold(0.0, f64::min), known().fold(0.0, f64::max));
        let bar = |value: &Option<f64>| {
            let Some(value) = value else { return ' ' };
            let share = if high > low { (value - low) / (high - low) } else { 0.0 };
            let level = (share * (levels.len() - 1) as f64).round() as usize;
            levels.get(level).copied().unwrap_or(' ')
        };
        let bars: String = values.iter().map(bar).collect();
        format!("{}{bars}", " ".repeat(width.saturating_sub(values.len())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trend_is_between_zero_and_its_largest_value() {
        let (unicode, ascii) = (Look { color: false, ascii: false }, Look { color: false, ascii: true });
        let values = [Some(0.0), None, Some(7.0), Some(14.0)];
        assert_eq!(unicode.bars(&values, 6), "  ▁ ▅█");
        assert_eq!(ascii.bars(&values, 2), "+@");
        assert_eq!(ascii.bars(&[Some(0.0), Some(0.0)], 3), " ..");
        assert_eq!(ascii.bars(&[Some(-7.0), Some(0.0)], 2), ".@");
        assert_eq!(ascii.bars(&[], 2), "  ");
    }

    #[test]
    fn a_text_is_broken_at_spaces() {
        let look = Look { color: false, ascii: true };
        for (text, width, lines, expected) in [
            ("", 10, 3, &[""][..]),
            ("one two", 10, 3, &["one two"]),
            ("one two three", 7, 3, &["one two", "three"]),
            ("one two three", 7, 1, &["one tw~"]),
            ("one two three four", 7, 2, &["one two", "three ~"]),
            ("/a/long/path of", 6, 4, &["/a/lon", "g/path", "of"]),
            ("one", 0, 2, &[""]),
        ] {
            assert_eq!(look.wrap(text, width, lines), expected, "{text} {width} {lines}");
        }
        let wide = Look { color: false, ascii: false };
        assert_eq!(wide.wrap("你好吗", 5, 2), ["你好", "吗"]);
        assert_eq!(wide.wrap("你好吗", 1, 2), ["…"]);
    }

    #[test]
    fn other_characters_are_escaped_in_ascii() {
        let (unicode, ascii) = (Look { color: false, ascii: false }, Look { color: false, ascii: true });
        assert_eq!((unicode.cut("äöü", 2), ascii.cut("äb", 20)), ("ä…".into(), "\\u{e4}b".into()));
        assert_eq!((ascii.cut("abc", 2), unicode.cut("abc", 0)), ("a~".into(), String::new()));
        // Wide characters take two cells.
        assert_eq!((unicode.cut("你好吗", 5), unicode.cut("你好", 4)), ("你好…".into(), "你好".into()));
        assert_eq!((unicode.cut("你好吗", 4), unicode.cut("你", 1)), ("你…".into(), "…".into()));
    }
}
