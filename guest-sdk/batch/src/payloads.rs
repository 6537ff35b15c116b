//! Output of a formatter: events and their routes.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Limits of the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest event, bytes. A formatter splits larger ones.
    pub max_event_bytes: u32,
}

impl Default for Limits {
    /// Limit of CloudWatch Logs in every partition: 256 KiB less the 26 bytes that the service adds to each event.
    fn default() -> Self {
        Self { max_event_bytes: 256 * 1024 - 26 }
    }
}

/// Formatted events, columnar as in `record payloads` of `wit/types.wit`. Event `i` is `body[ends[i-1]..ends[i]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payloads {
    /// Media type of the events, such as `application/json`.
    pub content_type: String,
    /// Distinct routes: keys and values that the sink defines, such as `log_group` and `log_stream`.
    pub routes: Vec<Vec<(String, String)>>,
    /// Per event: index into `routes`.
    pub route: Vec<u32>,
    /// Per event: time, milliseconds since the Unix epoch.
    pub time_unix_ms: Vec<u64>,
    /// Per event: end in `body`, as a byte offset.
    pub ends: Vec<u32>,
    /// All events, concatenated.
    pub body: Vec<u8>,
}

/// One event of a [`Payloads`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// Route of the event.
    pub route: &'a [(String, String)],
    /// Time, milliseconds since the Unix epoch.
    pub time_unix_ms: u64,
    /// Bytes to deliver.
    pub bytes: &'a [u8],
}

impl Payloads {
    /// Creates payloads without events.
    pub fn new(content_type: &str) -> Self {
        Self { content_type: String::from(content_type), ..Self::default() }
    }

    /// Appends an event.
    pub fn push(&mut self, route: &[(&str, &str)], time_unix_ms: u64, bytes: &[u8]) {
        self.body.extend_from_slice(bytes);
        self.commit(route, time_unix_ms);
    }

    /// Appends an event whose bytes are already in `body`: everything after the last event.
    pub fn commit(&mut self, route: &[(&str, &str)], time_unix_ms: u64) {
        let route = self.route_index(route);
        self.route.push(route);
        self.time_unix_ms.push(time_unix_ms);
        self.ends.push(u32::try_from(self.body.len()).unwrap_or(u32::MAX));
    }

    /// Number of events.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns true if there are no events.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Iterates over the events in order. Rows that [`Payloads::check`] would reject are left out.
    pub fn events(&self) -> impl Iterator<Item = Event<'_>> {
        let starts = core::iter::once(0).chain(self.ends.iter().copied());
        let rows = starts.zip(&self.ends).zip(self.route.iter().zip(&self.time_unix_ms));
        rows.filter_map(|((start, &end), (&route, &time_unix_ms))| {
            let bytes = self.body.get(start as usize..end as usize)?;
            Some(Event { route: self.routes.get(route as usize)?, time_unix_ms, bytes })
        })
    }

    /// Checks payloads from the other side of the boundary against the rules of `wit/types.wit`.
    ///
    /// # Errors
    /// The first violated rule, with column and row.
    pub fn check(&self) -> Result<(), String> {
        let events = self.ends.len();
        for (column, rows) in [("route", self.route.len()), ("time-unix-ms", self.time_unix_ms.len())] {
            if rows != events {
                return Err(format!("payloads: column {column} has {rows} rows, but `ends` has {events}"));
            }
        }
        if let Some(row) = self.route.iter().position(|&route| route as usize >= self.routes.len()) {
            let (route, routes) = (self.route[row], self.routes.len());
            return Err(format!(
                "payloads: column route, row {row}: {route} is out of range: there are {routes} routes"
            ));
        }
        let mut start = 0;
        for (row, &end) in self.ends.iter().enumerate() {
            if end < start {
                return Err(format!(
                    "payloads: column ends, row {row}: {end} is less than the previous end {start}"
                ));
            }
            start = end;
        }
        if start as usize != self.body.len() {
            let bytes = self.body.len();
            return Err(format!(
                "payloads: column ends: the last end is {start}, but the body has {bytes} bytes"
            ));
        }
        Ok(())
    }

    fn route_index(&mut self, route: &[(&str, &str)]) -> u32 {
        let same = |known: &Vec<(String, String)>| {
            known.len() == route.len()
                && known.iter().zip(route).all(|((key, value), wanted)| (&**key, &**value) == *wanted)
        };
        // Consecutive events mostly have the same route.
        if let Some(&last) = self.route.last()
            && self.routes.get(last as usize).is_some_and(same)
        {
            return last;
        }
        let index = self.routes.iter().position(same).unwrap_or_else(|| {
            let owned = |&(key, value): &(&str, &str)| (String::from(key), String::from(value));
            self.routes.push(route.iter().map(owned).collect());
            self.routes.len() - 1
        });
        index as u32
    }
}
