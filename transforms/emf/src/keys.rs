//! Metadata of the names in a batch, computed once per name and call.

use alloc::vec::Vec;
use core::hash::{Hash, Hasher};

use insights_sdk::json::integer_text;
use insights_sdk::{Batch, Name, Unit, log};

use crate::blob::Member;
use crate::cluster;
use crate::limits;
use crate::options::Options;
use crate::origin::{LAUNCH_TYPE, TASK_ID};

/// A name that the batch uses for an attribute or a gauge.
#[derive(Debug)]
pub(crate) struct Key<'b> {
    pub(crate) text: &'b str,
    pub(crate) role: Role,
    /// Position among the watched attributes.
    pub(crate) watched: Option<u32>,
    /// `true` if the attribute can be a dimension.
    pub(crate) dimension: bool,
    pub(crate) unit: Option<Unit>,
    /// Declarations that select the metric; computed when the name first occurs as a gauge.
    pub(crate) declarations: Option<Vec<u32>>,
}

/// Use of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A string at the top level of the event.
    Field,
    /// Like `Field`, with JSON as its text.
    Json,
    /// `Type`, which makes the entity an event. Written like a field.
    Type,
    /// `LaunchType`, which marks events of Fargate. Written like a field.
    LaunchType,
    /// Part of the `kubernetes` object.
    Blob(Member),
    /// Id of the ECS task that the event is about; not written.
    TaskId,
    /// A raw attribute, or a reserved name; not written.
    Hidden,
}

/// Members written by the formatter; neither attributes nor gauges can have these names.
pub(crate) const RESERVED: [&str; 4] = ["CloudWatchMetrics", "Timestamp", "Version", "_aws"];
/// Name of the member built from raw attributes.
pub(crate) const BLOB: &str = "kubernetes";

/// The names of one batch.
pub(crate) struct Keys<'b> {
    batch: &'b Batch,
    options: &'b Options,
    /// `true` if the batch may contain cluster events.
    may_speak: bool,
    list: Vec<Key<'b>>,
    /// Key numbers in the order of their texts: a batch may hold the same text under several handles.
    by_text: Vec<u32>,
    by_name: Vec<u32>,
    /// Values rejected as dimensions because of their characters, by key number.
    pub(crate) refused: Tally,
}

/// A count of events, with the position of the first affected item.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) first: Option<usize>,
    count: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, what: usize) {
        self.first = self.first.or(Some(what));
        self.count += 1;
    }

    /// Logs the count with the name of the first affected attribute.
    pub(crate) fn warn(&self, name: &str, text: &str) {
        log::warn(&[&integer_text(self.count), " events: attribute ", name, text].concat());
    }
}

const UNKNOWN: u32 = u32::MAX;

impl<'b> Keys<'b> {
    pub(crate) fn new(batch: &'b Batch, options: &'b Options) -> Self {
        Self {
            batch,
            options,
            may_speak: cluster::may_speak(batch.scope()),
            list: Vec::new(),
            by_text: Vec::new(),
            by_name: Vec::new(),
            refused: Tally::default(),
        }
    }

    /// Returns the key number of a name.
    pub(crate) fn id(&mut self, name: Name) -> u32 {
        let number = number(name);
        match self.by_name.get(number) {
            Some(&id) if id != UNKNOWN => id,
            _ => self.learn(name, number),
        }
    }

    fn learn(&mut self, name: Name, number: usize) -> u32 {
        let id = self.id_of_text(self.batch.text(name));
        if self.by_name.len() <= number {
            self.by_name.resize((number + 1).next_power_of_two(), UNKNOWN);
        }
        self.by_name[number] = id;
        id
    }

    fn id_of_text(&mut self, text: &'b str) -> u32 {
        let found = self.by_text.binary_search_by(|&id| self.list[id as usize].text.cmp(text));
        let place = match found {
            Ok(at) => return self.by_text[at],
            Err(place) => place,
        };
        let options = self.options;
        let role = role(text, options);
        let key = Key {
            text,
            role,
            watched: options.watched.position(text).map(|position| position as u32),
            dimension: !matches!(role, Role::Hidden | Role::TaskId)
                && options.declarations.is_dimension(text)
                && limits::is_dimension_key(text),
            unit: None,
            declarations: None,
        };
        let id = self.list.len() as u32;
        self.list.push(key);
        self.by_text.insert(place, id);
        id
    }

    pub(crate) fn key(&self, id: u32) -> &Key<'b> {
        &self.list[id as usize]
    }

    /// Records the unit that a metric was published with.
    pub(crate) fn describe(&mut self, metric: &'b str, unit: Unit) {
        let id = self.id_of_text(metric);
        self.list[id as usize].unit = Some(unit);
    }

    /// Returns the declarations that select a metric, and its unit.
    pub(crate) fn metric(&mut self, id: u32) -> (&[u32], Unit) {
        let options = self.options;
        let key = &mut self.list[id as usize];
        if key.declarations.is_none() {
            key.declarations = Some(options.declarations.of_metric(key.text, self.may_speak));
            let configured = options.descriptors.iter().find(|(name, _, _)| name == key.text);
            if let Some(&(_, unit, overwrite)) = configured
                && (overwrite || matches!(key.unit, None | Some(Unit::None)))
            {
                key.unit = Some(unit);
            }
        }
        (key.declarations.as_deref().unwrap_or_default(), key.unit.unwrap_or(Unit::None))
    }
}

fn role(text: &str, options: &Options) -> Role {
    if text == "Type" {
        Role::Type
    } else if text == LAUNCH_TYPE {
        Role::LaunchType
    } else if text == TASK_ID {
        Role::TaskId
    } else if text.contains('.') {
        Member::of(text).map_or(Role::Hidden, Role::Blob)
    } else if RESERVED.contains(&text) {
        Role::Hidden
    } else if options.json_attributes.iter().any(|name| name == text) {
        Role::Json
    } else {
        Role::Field
    }
}

/// Returns the number behind a handle, for use as a table index. A handle hashes exactly one `u32`, which this captures.
pub(crate) fn number(name: Name) -> usize {
    struct Number(u32);

    impl Hasher for Number {
        fn write(&mut self, _: &[u8]) {}

        fn write_u32(&mut self, number: u32) {
            self.0 = number;
        }

        fn finish(&self) -> u64 {
            u64::from(self.0)
        }
    }

    let mut hasher = Number(0);
    name.hash(&mut hasher);
    hasher.finish() as usize
}

#[cfg(test)]
mod tests {
    use insights_sdk::Batch;

    use super::number;

    #[test]
    fn each_name_has_its_own_number() {
        let batch = Batch::new("node", "n", 0, 0);
        let numbers: Vec<_> = ["a", "b", "c", "a"].map(|text| number(batch.name(text))).into();
        assert_eq!(numbers, [0, 1, 2, 0]);
    }
}
