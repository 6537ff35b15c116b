//! Strings, string maps, lists and objects as the kubelet writes them, borrowed from the document if possible.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// Largest number of entries of a list, such as containers of a pod or endpoints of a slice. A field with more counts as
/// malformed: a list of empty objects takes a hundred times the memory of its text.
const ENTRIES: usize = 4096;

/// Largest number of pairs of a map of strings.
const PAIRS: usize = 16_384;

/// A string, borrowed if the document contains it without escapes. (`Option<Cow<str>>` would copy: serde borrows only for a
/// field that is a `Cow` itself.)
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Text<'a>(Cow<'a, str>);

impl Text<'_> {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrowing;
        impl<'de> Visitor<'de> for Borrowing {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_string<E>(self, text: String) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text)))
            }
        }
        deserializer.deserialize_str(Borrowing)
    }
}

/// A map of strings, sorted by key; of a duplicate key the last value is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pairs<'a>(Vec<(Text<'a>, Text<'a>)>);

impl Pairs<'_> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        let at = self.0.binary_search_by(|(other, _)| other.as_str().cmp(key)).ok()?;
        Some(self.0[at].1.as_str())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collecting;
        impl<'de> Visitor<'de> for Collecting {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<'de>, A::Error> {
                let mut pairs: Vec<(Text<'de>, Text<'de>)> = Vec::new();
                while let Some(key) = map.next_key()? {
                    if pairs.len() == PAIRS {
                        return Err(A::Error::custom(format_args!("more than {PAIRS} entries")));
                    }
                    // Go writes null for an unset value; as a value of a string map it is decoded as an empty string.
                    let value: Option<Text<'de>> = map.next_value()?;
                    pairs.push((key, value.unwrap_or(Text(Cow::Borrowed("")))));
                }
                pairs.sort_by(|(left, _), (right, _)| left.cmp(right));
                // The sort is stable, so the last occurrence comes last in its run: swap it into the element that is kept.
                pairs.dedup_by(|later, kept| {
                    let same = later.0 == kept.0;
                    if same {
                        std::mem::swap(later, kept);
                    }
                    same
                });
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Collecting)
    }
}

/// A JSON object. serde's derived structs also accept a list and read its elements as the fields in order, which is never
/// intended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Object<T>(pub(crate) T);

impl<T> Deref for Object<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_map(Fields(PhantomData))
    }
}

/// A list; null elements are skipped.
#[derive(Clone, Debug)]
pub(crate) struct List<T>(Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collecting<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Collecting<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<List<T>, A::Error> {
                let mut list = Vec::new();
                while let Some(element) = seq.next_element::<Option<T>>()? {
                    if list.len() == ENTRIES {
                        return Err(A::Error::custom(format_args!("more than {ENTRIES} entries")));
                    }
                    list.extend(element);
                }
                Ok(List(list))
            }
        }
        deserializer.deserialize_seq(Collecting(PhantomData))
    }
}

/// Returns the elements; none if the list is absent.
pub(crate) fn elements<T>(list: &Option<List<T>>) -> std::slice::Iter<'_, T> {
    list.as_ref().map_or(&[] as &[T], |list| list.0.as_slice()).iter()
}

/// Returns the text unless it is absent or empty: Go's encoder omits unset values or writes them as empty.
pub(crate) fn non_empty<'t>(text: &'t Option<Text<'_>>) -> Option<&'t str> {
    text.as_ref().map(Text::as_str).filter(|text| !text.is_empty())
}
