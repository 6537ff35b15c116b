//! Values of a program: entities, texts, numbers, booleans, lists of entities or of names, and `absent`.

use alloc::borrow::ToOwned;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use insights_sdk::{Batch, Entity, json};
use rhai::{Dynamic, FLOAT, INT, ImmutableString};

/// A list of entities, as they were when the list was made.
///
/// An entity is an integer, its index in the batch: programs have no other integers, because the parser turns integer literals
/// into decimal numbers.
#[derive(Clone)]
pub(crate) struct List(Rc<[INT]>);

impl List {
    pub(crate) fn of<'b>(entities: impl IntoIterator<Item = Entity<'b>>) -> Dynamic {
        Dynamic::from(Self(entities.into_iter().map(|entity| INT::from(entity.index())).collect()))
    }

    pub(crate) fn entities<'b>(&self, batch: &'b Batch) -> impl Iterator<Item = Entity<'b>> {
        self.0.iter().filter_map(|&number| entity_at(batch, number)).filter(|entity| entity.is_live())
    }
}

impl IntoIterator for List {
    type Item = INT;
    type IntoIter = alloc::vec::IntoIter<INT>;

    fn into_iter(self) -> Self::IntoIter {
        Vec::from(&*self.0).into_iter()
    }
}

/// A list of names of attributes, gauges or counters of an entity, as they were when the list was made.
#[derive(Clone)]
pub(crate) struct Names(Rc<[ImmutableString]>);

impl Names {
    pub(crate) fn of<'t>(names: impl IntoIterator<Item = &'t str>) -> Dynamic {
        Dynamic::from(Self(names.into_iter().map(ImmutableString::from).collect()))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl IntoIterator for Names {
    type Item = ImmutableString;
    type IntoIter = alloc::vec::IntoIter<ImmutableString>;

    fn into_iter(self) -> Self::IntoIter {
        Vec::from(&*self.0).into_iter()
    }
}

/// Result of a function: its value, or an error text.
pub(crate) type CallResult = Result<Dynamic, String>;

/// Arguments of a call. Positions count from 0 here and from 1 in messages.
pub(crate) struct Arguments<'a, 'd> {
    values: &'a [&'d mut Dynamic],
}

impl<'a, 'd> Arguments<'a, 'd> {
    pub(crate) fn new(values: &'a [&'d mut Dynamic]) -> Self {
        Self { values }
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn value(&self, at: usize) -> Dynamic {
        self.values.get(at).map_or(Dynamic::UNIT, |value| (**value).clone())
    }

    /// Returns an entity; `None` if the argument is absent.
    pub(crate) fn entity<'b>(&self, at: usize, batch: &'b Batch) -> Result<Option<Entity<'b>>, String> {
        let found = |value: &Dynamic| value.as_int().ok().and_then(|number| entity_at(batch, number));
        self.typed(at, "an entity", found)
    }

    pub(crate) fn text(&self, at: usize) -> Result<Option<ImmutableString>, String> {
        self.typed(at, "a text", |value| value.as_immutable_string_ref().ok().map(|text| (*text).clone()))
    }

    pub(crate) fn number(&self, at: usize) -> Result<Option<FLOAT>, String> {
        self.typed(at, "a number", |value| value.as_float().ok())
    }

    pub(crate) fn list(&self, at: usize) -> Result<Option<List>, String> {
        self.typed(at, "a list of entities", |value| value.clone().try_cast::<List>())
    }

    /// Returns a text that must be present: a name, kind or pattern.
    pub(crate) fn name(&self, at: usize) -> Result<ImmutableString, String> {
        self.text(at)?.ok_or_else(|| self.mismatch(at, "a text"))
    }

    /// Returns all texts from position `from` on.
    pub(crate) fn names(&self, from: usize) -> Result<Vec<String>, String> {
        (from..self.len()).map(|at| self.name(at).map(|name| name.as_str().to_owned())).collect()
    }

    fn typed<T>(
        &self,
        at: usize,
        expected: &str,
        convert: impl FnOnce(&Dynamic) -> Option<T>,
    ) -> Result<Option<T>, String> {
        match self.values.get(at) {
            None => Ok(None),
            Some(value) if value.is_unit() => Ok(None),
            Some(value) => match convert(value) {
                Some(converted) => Ok(Some(converted)),
                None => Err(self.mismatch(at, expected)),
            },
        }
    }

    #[cold]
    fn mismatch(&self, at: usize, expected: &str) -> String {
        let position = json::integer_text(at as u64 + 1);
        let found = self.values.get(at).map_or("nothing", |value| kind_of(value));
        ["argument ", &position, " must be ", expected, ", found ", found].concat()
    }
}

/// Returns the type of a value, for messages.
pub(crate) fn kind_of(value: &Dynamic) -> &'static str {
    if value.is_unit() {
        "absent"
    } else if value.is_int() {
        "an entity"
    } else if value.is_float() {
        "a number"
    } else if value.is_bool() {
        "true or false"
    } else if value.is_string() || value.is_char() {
        "a text"
    } else if value.is::<Names>() {
        "a list of names"
    } else {
        "a list of entities"
    }
}

/// Returns a number as text in its shortest form.
pub(crate) fn number_text(number: FLOAT) -> String {
    let mut text = Vec::new();
    json::write_number(&mut text, number);
    String::from_utf8(text).unwrap_or_default()
}

/// Converts an entity to a value; `None` becomes absent.
pub(crate) fn entity(found: Option<Entity<'_>>) -> Dynamic {
    found.map_or(Dynamic::UNIT, |entity| Dynamic::from_int(INT::from(entity.index())))
}

/// Converts a text to a value; `None` becomes absent.
pub(crate) fn text(found: Option<&str>) -> Dynamic {
    found.map_or(Dynamic::UNIT, |text| Dynamic::from(ImmutableString::from(text)))
}

/// Converts a number to a value; `None` and numbers that are not finite become absent.
pub(crate) fn number(found: Option<FLOAT>) -> Dynamic {
    found.filter(|number| number.is_finite()).map_or(Dynamic::UNIT, Dynamic::from_float)
}

fn entity_at(batch: &Batch, number: INT) -> Option<Entity<'_>> {
    u32::try_from(number).ok().and_then(|number| batch.entity_at(number))
}
