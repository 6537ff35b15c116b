//! Families of gauges whose names are not known in advance.

use alloc::vec::Vec;

use insights_sdk::{Batch, Name};

use crate::family::{Family, Rows};
use crate::select::Selection;
use crate::subject::Subject;
use crate::table::Table;
use crate::text::{is_metric_name, unit_of};

/// End of the name of a family that stands for several.
const NAME: &str = "NAME";
/// Maximum number of families that one stands for.
const MAX_FAMILIES: usize = 256;

/// Appends a family for each gauge whose name begins with `prefix`, on the objects of `pattern`. Returns the number of names
/// that are no valid names of metrics, or that are beyond the bound.
pub(crate) fn families<'b>(
    batch: &'b Batch,
    table: &Table,
    selection: &Selection,
    subjects: &[Subject<'b>],
    (pattern, prefix): (&'static Family<'static>, &str),
    families: &mut Vec<Family<'b>>,
) -> u32 {
    let front = pattern.name.strip_suffix(NAME).unwrap_or(pattern.name);
    // Sorted.
    let mut seen: Vec<Name> = Vec::new();
    let mut refused = 0;
    for subject in subjects.iter().filter(|subject| pattern.on.contains(&subject.on)) {
        for (raw, _) in subject.entity.gauge_names() {
            let raw_text = batch.text(raw);
            let Some(rest) = raw_text.strip_prefix(prefix) else { continue };
            let Err(at) = seen.binary_search(&raw) else { continue };
            seen.insert(at, raw);
            let name = batch.text(batch.name(&[front, rest].concat()));
            if table.has(name) || !selection.has_family(name) {
                continue;
            }
            if !is_metric_name(name) || seen.len() > MAX_FAMILIES {
                refused += 1;
                continue;
            }
            families.push(Family { name, unit: unit_of(name), rows: Rows::Named(raw_text), ..*pattern });
        }
    }
    refused
}
