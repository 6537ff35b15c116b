//! Cap on new series within a window.
//!
//! A series is a name of a gauge or counter on an entity: kinds and ids up to the batch's own entity.

mod hashes;
mod header;
mod table;

use insights_sdk::prelude::*;

use crate::duration;
use crate::end_event;
use crate::options::NewSeries;
use crate::select::{self, NAMESPACE};
use hashes::Hashes;
use header::Header;
use table::Table;

/// Attributes that name the workload of an entity, in the order of precedence.
const WORKLOAD: [&str; 3] = ["PodName", "pod.name", "TaskDefinitionFamily"];

/// A series without an entry in the table.
struct New<'b> {
    entity: Entity<'b>,
    name: Name,
    hash: u64,
}

/// Removes the values of new series beyond the limit; returns their number. Without state, nothing is removed, and a log
/// line says so.
pub(crate) fn limit(options: &NewSeries, batch: &Batch) -> u64 {
    let mut header = Header::read(options, batch.time_unix_ms());
    let mut table = Table::read(&header);
    let new = new_series(&mut table, batch);

    let budget = if header.learning { u64::MAX } else { options.limit.saturating_sub(header.admitted) };
    let mut admitted = usize::try_from(budget).unwrap_or(usize::MAX).min(new.len());
    let counted = header.admitted;
    header.admit(&owners(&new[..admitted]));
    let mut error = None;
    if let Err(reason) = header.write() {
        if header.is_first {
            log::warn(&["new_series: new series are not limited: ", &reason].concat());
            return 0;
        }
        header.admitted = counted;
        admitted = 0;
        error = Some(reason);
    }
    let hashes: Vec<u64> = new[..admitted].iter().map(|series| series.hash).collect();
    let (stored, refused) = table.write(&hashes);
    let dropped = &new[stored..];
    if dropped.is_empty() {
        return 0;
    }
    header.admitted -= (admitted - stored) as u64;
    if !header.logged {
        report(options, &header, dropped, error.or(refused).as_deref());
        header.logged = true;
    }
    // Not longer than the header in the state, so that it is accepted.
    _ = header.write();
    dropped.chunk_by(|left, right| left.entity == right.entity).for_each(remove);
    dropped.len() as u64
}

/// Returns the series that are not in the table, in batch order, and marks all others as present.
fn new_series<'b>(table: &mut Table, batch: &'b Batch) -> Vec<New<'b>> {
    let mut hashes = Hashes::default();
    let mut new = Vec::new();
    for entity in batch.entities() {
        // Visits the names of gauges and counters; keeps all.
        entity.retain_point_names(|name| {
            let hash = hashes.series(entity, name);
            if !table.touch(hash) {
                new.push(New { entity, name, hash });
            }
            true
        });
    }
    new
}

/// Removes series of one entity.
fn remove(series: &[New<'_>]) {
    let Some(New { entity, .. }) = series.first() else { return };
    entity.retain_point_names(|name| series.iter().all(|series| series.name != name));
    end_event(*entity);
}

/// Returns the number of series of each owner.
fn owners(series: &[New<'_>]) -> Vec<(String, u64)> {
    let mut owners = Vec::new();
    for series in series.chunk_by(|left, right| left.entity == right.entity) {
        if let Some(New { entity, .. }) = series.first() {
            header::add(&mut owners, owner(*entity), series.len() as u64);
        }
    }
    owners
}

/// Returns `NAMESPACE/WORKLOAD` of the entity or the first one above it that has a namespace, else its workload, else its
/// kind and id.
fn owner(entity: Entity<'_>) -> String {
    let keys = NAMESPACE.map(|key| entity.batch().name(key));
    let mut next = Some(entity);
    while let Some(above) = next {
        if let Some(namespace) = select::namespace(above, &keys) {
            let workload = workload(above).unwrap_or_else(|| above.id());
            return [entity.batch().text(namespace), "/", workload].concat();
        }
        next = above.parent();
    }
    workload(entity).map_or_else(|| [entity.kind(), " ", entity.id()].concat(), String::from)
}

fn workload(entity: Entity<'_>) -> Option<&str> {
    WORKLOAD.iter().find_map(|key| entity.attribute(*key))
}

/// Names the owner with most new series of the window, those dropped in this tick included.
fn report(options: &NewSeries, header: &Header, dropped: &[New<'_>], error: Option<&str>) {
    let mut all = header.owners.clone();
    owners(dropped).into_iter().for_each(|(owner, count)| header::add(&mut all, owner, count));
    let (owner, count) = header::largest(&all).map(|at| all.swap_remove(at)).unwrap_or_default();
    let limit = json::integer_text(options.limit);
    let reason = match error {
        Some(error) => ["new series cannot be stored: ", error].concat(),
        None => ["limit of ", &limit, " new series in ", &duration::text_of(options.window_ms), " reached"]
            .concat(),
    };
    let (count, dropped) = (json::integer_text(count), json::integer_text(dropped.len() as u64));
    log::warn(
        &[
            "new_series: ",
            &reason,
            "; most new series: ",
            &owner,
            " (",
            &count,
            "); dropped in this tick: ",
            &dropped,
        ]
        .concat(),
    );
}
