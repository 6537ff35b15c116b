//! The tables of the model.

use super::{Choice, Mode, Model, TREND, Tap, escaped};
use crate::top::frame::Frame;
use crate::top::grid::Grid;
use crate::top::stage::StageRow;
use crate::top::view::View;
use crate::top::{agent, measured};

impl Model {
    /// Returns the table of the view, filtered and sorted.
    pub(crate) fn grid(&self) -> Grid {
        let Choice { sort, filter, .. } = self.choice();
        let sort = sort.as_ref().map(|(name, reverse)| (name.as_str(), *reverse));
        if self.view.is_measured() {
            let mut grid = measured::grid(self.view, &self.shown_frames(), &self.figures, sort, filter);
            let note = grid.note.take();
            grid.note = note.or_else(|| self.reason()).or_else(|| self.unsorted(&grid));
            return grid;
        }
        let mut grid = self.agent_grid();
        let filter = filter.to_lowercase();
        let matches = |text: &str| text.to_lowercase().contains(&filter);
        grid.rows.retain(|row| row.cells.first().is_some_and(|cell| matches(&cell.text)));
        if let Some((name, reverse)) = sort
            && let Some(index) = grid.columns.iter().position(|column| column.title == name)
        {
            grid.sort(index, reverse);
        }
        grid
    }

    fn agent_grid(&self) -> Grid {
        let of_recording = self.newest().and_then(|frame| frame.stages.as_deref());
        match (self.view, &self.state) {
            (View::Stages, None) if of_recording.is_some() => agent::stages(of_recording.unwrap_or_default()),
            (_, None) if self.mode == Mode::Recording => {
                let note = "a recording has batches only; this view needs a running agent".to_owned();
                Grid { note: Some(note), ..Grid::default() }
            }
            (_, None) => Grid { note: Some("waiting for the agent".into()), ..Grid::default() },
            (View::Sinks, Some(state)) => agent::sinks(state),
            (View::Rollout, Some(state)) => agent::rollout(state),
            (View::Sources, Some(state)) => agent::sources(state),
            (_, Some(state)) => agent::stages(&StageRow::from_state(state)),
        }
    }

    /// Explains why a table is not in the order that was asked for.
    fn unsorted(&self, grid: &Grid) -> Option<String> {
        let (name, _) = self.choice().sort.as_ref().filter(|_| !grid.rows.is_empty())?;
        let is_known = self.sortable("").contains(name);
        (!is_known).then(|| format!("not sorted: nothing here has the metric {}", escaped(name)))
    }

    /// Explains a view without frames.
    fn reason(&self) -> Option<String> {
        match (self.frames.is_empty(), self.mode, &self.tap) {
            (false, ..) => None,
            (true, Mode::Live, Tap::Absent(reason)) => Some(format!("no tap: {reason}")),
            (true, Mode::Live, Tap::Open) => Some("waiting for the agent's next tick".into()),
            (true, Mode::Live, Tap::Waiting) => Some("waiting for the agent".into()),
            (true, Mode::Recording, _) if self.is_complete => Some("the recording has no batches".into()),
            (true, Mode::Recording, _) => Some("reading the recording".into()),
        }
    }

    /// Returns the names that the view can be sorted by and that contain a text.
    pub(crate) fn sortable(&self, typed: &str) -> Vec<String> {
        let names = match self.view.is_measured() {
            true => measured::sortable(self.view, &self.shown_frames(), &self.figures),
            false => self.agent_grid().columns.into_iter().map(|column| column.title).collect(),
        };
        let typed = typed.to_lowercase();
        names.into_iter().filter(|name| name.to_lowercase().contains(&typed)).collect()
    }

    /// Returns the last values of a row, oldest first.
    pub(crate) fn trend(&self, grid: &Grid, key: &str) -> Vec<Option<f64>> {
        let mut values = match self.view.is_measured() {
            true => {
                let all: Vec<&Frame> = self.frames.iter().take(self.shown).collect();
                measured::trend(self.view, &self.shown_frames(), &all, &self.figures, grid, key)
            }
            false => agent::trend(self.view, &self.history, key),
        };
        values.drain(..values.len().saturating_sub(TREND));
        values
    }

    /// Returns the index of the selected row.
    pub(crate) fn selected(&self, grid: &Grid) -> usize {
        let selected = self.choice().selected.as_deref();
        let found = selected.and_then(|key| grid.rows.iter().position(|row| row.key == key));
        found.unwrap_or(0)
    }
}
