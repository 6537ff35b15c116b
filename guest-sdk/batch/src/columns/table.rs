//! The table of all columns, and everything in this crate that is made from it.

use alloc::vec::Vec;

use super::Columns;

/// Calls the macro `$make` with all columns of a batch. A column that is added to a record of `wit/types.wit` is added
/// here; the structs, `check`, `extend_rows` and the conversions of host and guests follow. A new record also needs a field
/// of [`Columns`], and code in slices, subsets, `Batch` and `Builder`.
///
/// A row is `column: type = role "name"`. The name is that in `wit/types.wit`. The role says what the values are:
///
/// - `string`: ids of strings;
/// - `entity`: indices of entities;
/// - `parent`: indices of earlier entities, or [`NO_PARENT`](crate::columns::NO_PARENT);
/// - `number`: numbers.
///
/// `$make` is a `macro_rules!` macro that takes the rows apart with this pattern, in which `$doc` and `$about` are the
/// documentation:
///
/// ```
/// macro_rules! names {
///     ($(
///         $(#[$doc:meta])*
///         $record:ident: $Record:ident {
///             $($(#[$about:meta])* $column:ident: $type:ty = $role:ident $name:literal,)*
///         }
///     )*) => {
///         [$($($name,)*)*]
///     };
/// }
/// let names = insights_batch::for_each_column!(names);
/// assert_eq!(names[..3], ["entities.kind", "entities.id", "entities.parent"]);
/// ```
#[macro_export]
macro_rules! for_each_column {
    ($make:ident) => {
        $make! {
            /// Columns of `record entities` in `wit/types.wit`.
            entities: Entities {
                /// String id of the kind.
                kind: u32 = string "entities.kind",
                /// String id of the identity.
                id: u32 = string "entities.id",
                /// Entity index of the parent or [`NO_PARENT`](crate::columns::NO_PARENT).
                parent: u32 = parent "entities.parent",
            }
            /// Columns of `record attributes` in `wit/types.wit`.
            attributes: Attributes {
                /// Entity index.
                entity: u32 = entity "attributes.entity",
                /// String id of the key.
                key: u32 = string "attributes.key",
                /// String id of the value.
                value: u32 = string "attributes.value",
            }
            /// Columns of `record gauges` in `wit/types.wit`.
            gauges: Gauges {
                /// Entity index.
                entity: u32 = entity "gauges.entity",
                /// String id of the name.
                name: u32 = string "gauges.name",
                /// Value, in the unit that belongs to the name.
                value: f64 = number "gauges.value",
            }
            /// Columns of `record counters` in `wit/types.wit`.
            counters: Counters {
                /// Entity index.
                entity: u32 = entity "counters.entity",
                /// String id of the name.
                name: u32 = string "counters.name",
                /// Reading of this tick.
                current: u64 = number "counters.current",
                /// Previous reading; meaningless where `elapsed_ns` is 0.
                previous: u64 = number "counters.previous",
                /// Nanoseconds between the two readings; 0 means there is no previous reading.
                elapsed_ns: u64 = number "counters.elapsed-ns",
            }
            /// Columns of `record links` in `wit/types.wit`.
            links: Links {
                /// Entity index of the source.
                source: u32 = entity "links.source",
                /// Entity index of the target.
                target: u32 = entity "links.target",
                /// String id of the role.
                role: u32 = string "links.role",
            }
        }
    };
}

/// Conversion of the values of rows that are copied into another batch, by role. `None` stands for a value that has no
/// counterpart there.
pub trait Renumber {
    /// Returns the new id of a string.
    fn string(&mut self, id: u32) -> Option<u32>;

    /// Returns the new index of an entity.
    fn entity(&mut self, index: u32) -> Option<u32>;

    /// Returns the new index of a parent, or [`NO_PARENT`](super::NO_PARENT).
    fn parent(&mut self, index: u32) -> Option<u32>;

    /// Returns a number unchanged.
    fn number<T>(&mut self, value: T) -> Option<T> {
        Some(value)
    }
}

/// One column as [`Columns::check`] sees it.
pub(super) struct Column<'a> {
    /// Field of [`Columns`] that the column belongs to.
    pub(super) record: &'static str,
    /// Name in `wit/types.wit`.
    pub(super) name: &'static str,
    /// Number of rows.
    pub(super) rows: usize,
    /// Values that are checked one by one.
    pub(super) ids: Ids<'a>,
}

/// Values of a column, by role.
pub(super) enum Ids<'a> {
    Strings(&'a [u32]),
    Entities(&'a [u32]),
    /// Parents and numbers, which have rules of their own.
    Others,
}

macro_rules! ids {
    (string $values:expr) => {
        Ids::Strings($values)
    };
    (entity $values:expr) => {
        Ids::Entities($values)
    };
    ($other:ident $values:expr) => {
        Ids::Others
    };
}

macro_rules! records {
    ($(
        $(#[$doc:meta])*
        $record:ident: $Record:ident {
            $($(#[$about:meta])* $column:ident: $type:ty = $role:ident $name:literal,)*
        }
    )*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, Default, PartialEq)]
            pub struct $Record {
                $($(#[$about])* pub $column: Vec<$type>,)*
            }

            impl $Record {
                /// Reserves room for that many more rows.
                pub fn reserve(&mut self, rows: usize) {
                    $(self.$column.reserve(rows);)*
                }

                /// Appends rows of `other` whose values are converted by `ids`. A row is left out if one of its values has
                /// no counterpart.
                ///
                /// # Panics
                /// If a column of `other` does not have one of the rows.
                pub fn extend_rows(
                    &mut self,
                    other: &Self,
                    rows: impl Iterator<Item = usize>,
                    ids: &mut impl Renumber,
                ) {
                    for row in rows {
                        $(let Some($column) = ids.$role(other.$column[row]) else { continue };)*
                        $(self.$column.push($column);)*
                    }
                }
            }
        )*

        impl Columns {
            /// Returns all columns, those of one record next to each other, entities first.
            pub(super) fn all(&self) -> [Column<'_>; [$($($name,)*)*].len()] {
                [$($(
                    Column {
                        record: stringify!($record),
                        name: $name,
                        rows: self.$record.$column.len(),
                        ids: ids!($role &self.$record.$column),
                    },
                )*)*]
            }
        }
    };
}

for_each_column!(records);
