//! Splitting of events that are larger than the destination accepts.
//!
//! The gauges are spread over several events, each with all attributes, so that each event is complete by itself, with its
//! dimensions and search fields. The largest attributes are dropped only if they leave too little room.

use alloc::vec::Vec;

use insights_sdk::json::integer_text;
use insights_sdk::log;

use crate::event::Fields;
use crate::keys::BLOB;
use crate::order::sorted;
use crate::run::Run;

/// Writes the event in as many parts as needed.
pub(crate) fn write(run: &mut Run<'_>, fields: &Fields) {
    let mut common = Fields { gauges: Vec::new(), ..fields.clone() };
    // Gauges need room beside the attributes; with half of the size, there are few parts.
    while size(run, &common) > run.max_event_bytes / 2 && drop_largest(run, &mut common) {}

    let name = |gauge: &(u32, f64)| run.keys.key(gauge.0).text;
    let gauges = sorted(fields.gauges.clone(), &|left, right| name(left).cmp(name(right)));
    let mut pending = alloc::vec![gauges];
    while let Some(mut gauges) = pending.pop() {
        let part = Fields { gauges: gauges.clone(), ..common.clone() };
        if try_write(run, &part) {
            continue;
        }
        if gauges.len() > 1 {
            let behind = gauges.split_off(gauges.len() / 2);
            pending.push(behind);
            pending.push(gauges);
        } else {
            write_one(run, part);
        }
    }
}

/// Writes an event that cannot be split further, dropping its largest attributes until it fits.
fn write_one(run: &mut Run<'_>, mut fields: Fields) {
    while drop_largest(run, &mut fields) {
        if try_write(run, &fields) {
            return;
        }
    }
    let limit = integer_text(run.max_event_bytes as u64);
    match fields.gauges.first() {
        Some(&(key, _)) => {
            let name = shown(run.keys.key(key).text);
            log::error(
                &["metric ", name, " dropped: an event with it alone is larger than ", &limit, " bytes"]
                    .concat(),
            );
        }
        None => {
            log::error(
                &["event dropped: even without attributes it is larger than ", &limit, " bytes"].concat(),
            );
        }
    }
}

fn try_write(run: &mut Run<'_>, fields: &Fields) -> bool {
    let layout = run.lay_out(fields);
    run.try_write(fields, &layout)
}

/// Returns the bytes of the attributes with their names.
fn size(run: &mut Run<'_>, fields: &Fields) -> usize {
    let mut size = blob_size(run, fields);
    for at in 0..fields.attributes.len() {
        size += attribute_size(run, fields, at);
    }
    size
}

fn attribute_size(run: &mut Run<'_>, fields: &Fields, at: usize) -> usize {
    let mut text = Vec::new();
    run.write_attribute(&mut text, fields.attributes[at]);
    run.keys.key(fields.attributes[at].key).text.len() + text.len() + "\"\":,".len()
}

fn blob_size(run: &Run<'_>, fields: &Fields) -> usize {
    if !fields.has_blob {
        return 0;
    }
    let mut text = Vec::new();
    fields.blob.write(run.batch, &run.keys, &mut text);
    text.len() + BLOB.len() + "\"\":,".len()
}

/// Drops the largest attribute; of the `kubernetes` object first the labels. Returns false if nothing is left to drop.
fn drop_largest(run: &mut Run<'_>, fields: &mut Fields) -> bool {
    let mut largest = None;
    for at in 0..fields.attributes.len() {
        let size = attribute_size(run, fields, at);
        // Of equally large attributes the last by name is dropped: the order of rows has no meaning.
        let name = |at: usize| run.keys.key(fields.attributes[at].key).text;
        if largest.is_none_or(|(other, known)| size > known || size == known && name(at) > name(other)) {
            largest = Some((at, size));
        }
    }
    let blob = blob_size(run, fields);
    let limit = integer_text(run.max_event_bytes as u64);
    let too_large = ["an event is larger than ", &limit, " bytes: "].concat();
    if blob > 0 && largest.is_none_or(|(_, size)| blob >= size) {
        if fields.blob.drop_labels() {
            log::warn(&[&too_large, "the labels in ", BLOB, " are left out"].concat());
        } else {
            fields.has_blob = false;
            log::warn(&[&too_large, BLOB, " is left out"].concat());
        }
        return true;
    }
    let Some((at, size)) = largest else { return false };
    let attribute = fields.attributes.remove(at);
    let name = shown(run.keys.key(attribute.key).text);
    let size = integer_text(size as u64);
    log::warn(&[&too_large, "attribute ", name, " of ", &size, " bytes is left out"].concat());
    true
}

/// Truncates a name to at most 100 bytes for a message.
fn shown(name: &str) -> &str {
    let mut end = name.len().min(100);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}
