//! The current window, as stored under one key of the state.

use insights_sdk::prelude::*;

use crate::options::NewSeries;

const KEY: &str = "series";
/// Most owners that are stored.
const MAX_OWNERS: usize = 16;
/// Longest owner that is stored and shown, bytes.
const MAX_OWNER_BYTES: usize = 128;

/// The current window.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    /// `true` if nothing was stored, or what was stored is older than `forget_after`.
    pub(crate) is_first: bool,
    /// `true` in the first window, whose series are not limited.
    pub(crate) learning: bool,
    /// New series that were passed on within the window.
    pub(crate) admitted: u64,
    /// Owners of these series and their number: the largest ones.
    pub(crate) owners: Vec<(String, u64)>,
    /// `true` if the log line of this window was written.
    pub(crate) logged: bool,
    /// Beginning of the window, milliseconds since the Unix epoch.
    start_ms: u64,
    /// Time of this tick, milliseconds since the Unix epoch.
    pub(crate) now_ms: u64,
    /// Length of the epochs in which the table keeps time.
    pub(crate) epoch_ms: u64,
    /// `true` if the stored table was written with other epochs.
    pub(crate) is_rescaled: bool,
}

struct Stored {
    start: u64,
    now: u64,
    epoch: u64,
    learning: bool,
    logged: bool,
    admitted: u64,
    owners: Vec<(String, u64)>,
}
stored!(Stored { start, now, epoch, learning, logged, admitted, owners });

impl Header {
    /// Reads the header; begins a window if there is none, or if it is over. A clock that went back also begins one.
    pub(crate) fn read(options: &NewSeries, now_ms: u64) -> Self {
        let stored = state::get::<Stored>(KEY);
        let stored = stored.filter(|stored| now_ms.saturating_sub(stored.now) <= options.forget_after_ms);
        let epoch_ms = (options.forget_after_ms / 4).max(1);
        let begin = |is_first| Self {
            is_first,
            learning: is_first,
            admitted: 0,
            owners: Vec::new(),
            logged: false,
            start_ms: now_ms,
            now_ms,
            epoch_ms,
            is_rescaled: false,
        };
        let Some(stored) = stored else { return begin(true) };
        let is_rescaled = stored.epoch != epoch_ms;
        match now_ms.checked_sub(stored.start) {
            Some(age_ms) if age_ms < options.window_ms => Self {
                is_first: false,
                learning: stored.learning,
                admitted: stored.admitted,
                owners: stored.owners,
                logged: stored.logged,
                start_ms: stored.start,
                now_ms,
                epoch_ms,
                is_rescaled,
            },
            _ => Self { is_rescaled, ..begin(false) },
        }
    }

    /// Counts new series by owner.
    pub(crate) fn admit(&mut self, owners: &[(String, u64)]) {
        for (owner, count) in owners {
            self.admitted += count;
            add(&mut self.owners, owner.clone(), *count);
        }
        // The largest ones, largest first: a selection, because a sort would make the component larger.
        for at in 0..self.owners.len().min(MAX_OWNERS) {
            let largest = largest(&self.owners[at..]).unwrap_or(0);
            self.owners.swap(at, at + largest);
        }
        self.owners.truncate(MAX_OWNERS);
    }

    /// Writes the header. If the state is full, gives up the owners.
    ///
    /// # Errors
    /// The state does not accept the header without owners either.
    pub(crate) fn write(&mut self) -> Result<(), String> {
        self.put().or_else(|_| {
            self.owners.clear();
            self.put()
        })
    }

    fn put(&self) -> Result<(), String> {
        let stored = Stored {
            start: self.start_ms,
            now: self.now_ms,
            epoch: self.epoch_ms,
            learning: self.learning,
            logged: self.logged,
            admitted: self.admitted,
            owners: self.owners.clone(),
        };
        state::put(KEY, &stored)
    }
}

/// Returns the position of the owner with the largest number, the first by name of several.
pub(crate) fn largest(owners: &[(String, u64)]) -> Option<usize> {
    (0..owners.len()).reduce(|left, right| {
        let (a, b) = (&owners[left], &owners[right]);
        if b.1 > a.1 || b.1 == a.1 && b.0 < a.0 { right } else { left }
    })
}

/// Adds to the number of an owner.
pub(crate) fn add(owners: &mut Vec<(String, u64)>, mut owner: String, count: u64) {
    owner.truncate(owner.floor_char_boundary(MAX_OWNER_BYTES));
    match owners.iter_mut().find(|(known, _)| *known == owner) {
        Some((_, known)) => *known += count,
        None => owners.push((owner, count)),
    }
}
