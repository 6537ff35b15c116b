//! What a formatter hands over: events and where they go.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// What the destination can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest event, bytes. A formatter splits what is larger.
    pub max_event_bytes: u32,
}

impl Default for Limits {
    /// CloudWatch Logs in every partition: 256 KiB less the 26 bytes that the service adds to each event.
    fn default() -> Self {
        Self { max_event_bytes: 256 * 1024 - 26 }
    }
}

/// Formatted events, columnar as in `record payloads` of `wit/types.wit`. Event `i` is `body[ends[i-1]..ends[i]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payloads {
    /// Media type of the events, such as `application/json`.
    pub content_type: String,
    /// The different routes: keys and values in the sink's own words, such as `log_group` and `log_stream`.
    pub routes: Vec<Vec<(String, String)>>,
    /// Per event: index into `routes`.
    pub route: Vec<u32>,
    /// Per event: its time, milliseconds since the Unix epoch.
    pub time_unix_ms: Vec<u64>,
    /// Per event: its end in `body`, bytes.
    pub ends: Vec<u32>,
    /// All events, one after the other.
    pub body: Vec<u8>,
}

/// One event of a [`Payloads`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// Where it goes.
    pub route: &'a [(String, String)],
    /// Milliseconds since the Unix epoch.
    pub time_unix_ms: u64,
    /// What is delivered.
    pub bytes: &'a [u8],
}

impl Payloads {
    /// No events yet.
    pub fn new(content_type: &str) -> Self {
        Self { content_type: String::from(content_type), ..Self::default() }
    }

    /// Adds an event.
    pub fn push(&mut self, route: &[(&str, &str)], time_unix_ms: u64, bytes: &[u8]) {
        self.body.extend_from_slice(bytes);
        self.commit(route, time_unix_ms);
    }

    /// Adds an event that was written to the end of `body` already: everything behind the last event.
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

    /// Whether there is no event.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The events in their order. Rows that [`Payloads::check`] would refuse are left out.
    pub fn events(&self) -> impl Iterator<Item = Event<'_>> {
        let starts = core::iter::once(0).chain(self.ends.iter().copied());
        let rows = starts.zip(&self.ends).zip(self.route.iter().zip(&self.time_unix_ms));
        rows.filter_map(|((start, &end), (&route, &time_unix_ms))| {
            let bytes = self.body.get(start as usize..end as usize)?;
            Some(Event { route: self.routes.get(route as usize)?, time_unix_ms, bytes })
        })
    }

    /// Whether payloads from the other side of the boundary keep the rules of `wit/types.wit`.
    ///
    /// # Errors
    /// The first broken rule, with column and row.
    pub fn check(&self) -> Result<(), String> {
        let events = self.ends.len();
        for (column, rows) in [("route", self.route.len()), ("time-unix-ms", self.time_unix_ms.len())] {
            if rows != events {
                return Err(format!("payloads: column {column} has {rows} rows, `ends` has {events}"));
            }
        }
        if let Some(row) = self.route.iter().position(|&route| route as usize >= self.routes.len()) {
            let (route, routes) = (self.route[row], self.routes.len());
            return Err(format!(
                "payloads: column route, row {row}: {route} is outside of the {routes} routes"
            ));
        }
        let mut start = 0;
        for (row, &end) in self.ends.iter().enumerate() {
            if end < start {
                return Err(format!(
                    "payloads: column ends, row {row}: {end} is less than {start} before it"
                ));
            }
            start = end;
        }
        if start as usize != self.body.len() {
            let bytes = self.body.len();
            return Err(format!(
                "payloads: column ends: the last end is {start}, the body has {bytes} bytes"
            ));
        }
        Ok(())
    }

    fn route_index(&mut self, route: &[(&str, &str)]) -> u32 {
        let same = |known: &Vec<(String, String)>| {
            known.len() == route.len()
                && known.iter().zip(route).all(|((key, value), wanted)| (&**key, &**value) == *wanted)
        };
        // Events come in runs of one route.
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
