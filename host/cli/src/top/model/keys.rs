//! Keys of `insightctl top`.

use super::{Dialog, Mode, Model};

/// Number of rows and frames of a large step.
const PAGE: isize = 10;
/// Maximum length of a filter, characters.
const LONGEST: usize = 64;

/// A key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Char(char),
    Tab,
    BackTab,
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Home,
    End,
    Enter,
    Escape,
    Backspace,
    /// Ctrl-C.
    Interrupt,
}

/// Result of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    Continue,
    Quit,
}

impl Model {
    /// Handles a key.
    pub(crate) fn key(&mut self, key: Key) -> Flow {
        if key == Key::Interrupt {
            return Flow::Quit;
        }
        match self.dialog.take() {
            None => return self.table_key(key),
            Some(Dialog::Help) => {}
            Some(Dialog::Filter(before)) => self.filter_key(key, before),
            Some(Dialog::Sort { typed, position }) => self.sort_key(key, typed, position),
        }
        Flow::Continue
    }

    fn table_key(&mut self, key: Key) -> Flow {
        match key {
            Key::Char('q') => return Flow::Quit,
            Key::Tab => self.view = self.view.moved(1),
            Key::BackTab => self.view = self.view.moved(-1),
            Key::Char(digit @ '1'..='7') => {
                let index = digit.to_digit(10).unwrap_or(1) as usize - 1;
                self.view = super::View::ALL.get(index).copied().unwrap_or(self.view);
            }
            Key::Up | Key::Char('k') => self.select(-1),
            Key::Down | Key::Char('j') => self.select(1),
            Key::PageUp => self.select(-PAGE),
            Key::PageDown => self.select(PAGE),
            Key::Home | Key::Char('g') => self.select(isize::MIN),
            Key::End | Key::Char('G') => self.select(isize::MAX),
            Key::Char('s') => self.dialog = Some(Dialog::Sort { typed: String::new(), position: 0 }),
            Key::Char('r') => self.reverse(),
            Key::Char('/') => self.dialog = Some(Dialog::Filter(self.choice().filter.clone())),
            Key::Escape => self.choice_mut().filter.clear(),
            Key::Char('?' | 'h') => self.dialog = Some(Dialog::Help),
            Key::Char(' ') => self.pause(),
            Key::Left => self.jump(-1),
            Key::Right => self.jump(1),
            Key::Char('[') => self.jump(-PAGE),
            Key::Char(']') => self.jump(PAGE),
            Key::Char('{') => self.jump(isize::MIN),
            Key::Char('}') => self.jump(isize::MAX),
            _ => {}
        }
        Flow::Continue
    }

    fn pause(&mut self) {
        let (shown, all) = self.position();
        self.is_paused = !self.is_paused;
        match self.mode {
            Mode::Live if !self.is_paused => self.show_newest(),
            // Playing at the end begins again.
            Mode::Recording if !self.is_paused && self.is_complete && shown >= all => self.step(isize::MIN),
            _ => {}
        }
    }

    fn jump(&mut self, by: isize) {
        self.is_paused = true;
        self.step(by);
    }

    fn select(&mut self, by: isize) {
        let grid = self.grid();
        let last = grid.rows.len().saturating_sub(1);
        let index = self.selected(&grid).saturating_add_signed(by).min(last);
        self.choice_mut().selected = grid.rows.get(index).map(|row| row.key.clone());
    }

    /// Reverses the order, of the default one too.
    fn reverse(&mut self) {
        let grid = self.grid();
        let title = grid.columns.get(grid.sorted).map(|column| column.title.clone());
        let choice = self.choice_mut();
        choice.sort = match (choice.sort.take(), title) {
            (Some((name, reverse)), _) => Some((name, !reverse)),
            (None, Some(title)) => Some((title, true)),
            (None, None) => None,
        };
    }

    fn filter_key(&mut self, key: Key, before: String) {
        let filter = &mut self.choice_mut().filter;
        match key {
            Key::Enter => return,
            Key::Escape => {
                *filter = before;
                return;
            }
            Key::Backspace => drop(filter.pop()),
            Key::Char(c) if filter.chars().count() < LONGEST && !insightd::visible::is_hidden(c) => {
                filter.push(c)
            }
            _ => {}
        }
        self.dialog = Some(Dialog::Filter(before));
    }

    fn sort_key(&mut self, key: Key, mut typed: String, mut position: usize) {
        match key {
            Key::Escape => return,
            Key::Enter => {
                if let Some(name) = self.sortable(&typed).into_iter().nth(position) {
                    self.choice_mut().sort = Some((name, false));
                }
                return;
            }
            Key::Up => position = position.saturating_sub(1),
            Key::Down => position += 1,
            Key::PageUp => position = position.saturating_sub(PAGE.unsigned_abs()),
            Key::PageDown => position += PAGE.unsigned_abs(),
            Key::Backspace => {
                typed.pop();
                position = 0;
            }
            Key::Char(c) if typed.chars().count() < LONGEST && !insightd::visible::is_hidden(c) => {
                typed.push(c);
                position = 0;
            }
            _ => {}
        }
        let last = self.sortable(&typed).len().saturating_sub(1);
        self.dialog = Some(Dialog::Sort { typed, position: position.min(last) });
    }
}
