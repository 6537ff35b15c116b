//! Metrics of delivery: waiting, delivered and lost events of each delivery queue.

use std::fmt;
use std::time::Duration;

use insightd_delivery::{DeliveryCounts, DeliveryQueue};
use insightd_spool::{Cause, Stats, StorageMode};

use super::super::page::{Labels, Page, bytes, plain, seconds};

struct Delivery<'a> {
    sink: &'a str,
    stats: Stats,
    counts: DeliveryCounts,
}

pub(super) fn write(queues: &[(String, DeliveryQueue)], page: &mut Page<'_>) -> fmt::Result {
    let all: Vec<Delivery<'_>> = queues
        .iter()
        .map(|(sink, queue)| Delivery { sink, stats: queue.stats(), counts: queue.counts() })
        .collect();
    waiting(&all, page)?;
    delivered(&all, page)?;
    spool(&all, page)
}

fn waiting(all: &[Delivery<'_>], page: &mut Page<'_>) -> fmt::Result {
    let each = |of: fn(&Stats) -> u64| all.iter().map(move |one| (labels(one), of(&one.stats)));
    page.states(
        plain("insightd_delivery_pending_events", "Events waiting for delivery"),
        each(|s| s.pending.events),
    )?;
    page.states(
        plain("insightd_delivery_pending_requests", "Requests waiting for delivery"),
        each(|s| s.pending.blocks),
    )?;
    page.states(
        bytes("insightd_delivery_pending", "Compressed bytes of the waiting requests"),
        each(|s| s.pending.bytes),
    )?;
    page.states(
        seconds(
            "insightd_delivery_oldest_timestamp",
            "Time of the oldest waiting event; absent if none waits",
        ),
        all.iter()
            .filter_map(|one| Some((labels(one), Duration::from_millis(one.stats.oldest_time_unix_ms?)))),
    )
}

fn delivered(all: &[Delivery<'_>], page: &mut Page<'_>) -> fmt::Result {
    let each = |of: fn(&DeliveryCounts) -> u64| all.iter().map(move |one| (labels(one), of(&one.counts)));
    page.counts(
        plain("insightd_delivery_accepted_events", "Events that the service accepted"),
        each(|c| c.accepted_events),
    )?;
    page.counts(
        plain("insightd_delivery_accepted_requests", "Requests that the service accepted"),
        each(|c| c.accepted_requests),
    )?;
    page.counts(
        bytes("insightd_delivery_accepted", "Compressed bytes of the accepted requests"),
        each(|c| c.accepted_bytes),
    )?;
    page.counts(
        plain("insightd_delivery_failed_requests", "Requests that failed and are retried"),
        each(|c| c.failed_requests),
    )?;
    page.counts(
        plain(
            "insightd_delivery_rejected_points",
            "Data points or samples that the service rejected out of accepted requests",
        ),
        each(|c| c.rejected_points),
    )?;
    page.counts(
        plain("insightd_delivery_events_lost", "Events not delivered, by cause"),
        all.iter().flat_map(|one| {
            let here = Cause::ALL.map(|cause| (cause.name(), one.stats.lost.by(cause).events));
            let DeliveryCounts { too_old_events, too_new_events, expired_events, .. } = one.counts;
            let there =
                [("too_old", too_old_events), ("too_new", too_new_events), ("expired", expired_events)];
            here.into_iter().chain(there).map(|(cause, events)| {
                let [sink] = labels(one);
                ([sink, ("cause", cause)], events)
            })
        }),
    )
}

fn spool(all: &[Delivery<'_>], page: &mut Page<'_>) -> fmt::Result {
    let each = |of: fn(&Stats) -> u64| all.iter().map(move |one| (labels(one), of(&one.stats)));
    page.states(
        bytes("insightd_spool_disk", "Bytes of all spool files, including quarantined ones"),
        each(|s| s.disk_bytes),
    )?;
    page.states(
        plain(
            "insightd_spool_in_memory",
            "1 if new requests wait in memory because the directory is unusable",
        ),
        each(|s| u64::from(matches!(s.mode, StorageMode::Memory { .. }))),
    )?;
    page.counts(
        plain("insightd_spool_torn_records", "Partial records of a crashed process, which were cut off"),
        each(|s| s.damage.torn),
    )?;
    page.counts(
        bytes("insightd_spool_unreadable", "Bytes of broken files whose number of events is unknown"),
        each(|s| s.damage.unreadable_bytes),
    )?;
    page.counts(
        plain(
            "insightd_spool_files_quarantined",
            "Files quarantined because they are broken or of another version",
        ),
        each(|s| s.damage.quarantined),
    )?;
    page.counts(
        plain("insightd_spool_files_set_aside", "Deprecated: use insightd_spool_files_quarantined_total"),
        each(|s| s.damage.quarantined),
    )?;
    page.counts(
        plain("insightd_spool_files_evicted", "Quarantined files deleted because the quarantine was full"),
        each(|s| s.damage.quarantine_evicted),
    )
}

fn labels<'a>(one: &Delivery<'a>) -> Labels<'a, 1> {
    [("sink", one.sink)]
}
