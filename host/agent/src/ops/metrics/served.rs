//! Metrics of the pages that Prometheus sinks serve.

use std::fmt;
use std::sync::Arc;

use super::super::page::{Page, bytes, plain};
use crate::sinks::ServedPage;

pub(super) fn write(pages: &[(String, Arc<ServedPage>)], page: &mut Page<'_>) -> fmt::Result {
    let known = |of: fn(&ServedPage) -> Option<u64>| {
        pages.iter().filter_map(move |(sink, served)| Some(([("sink", &**sink)], of(served)?)))
    };
    let each = |of: fn(&ServedPage) -> u64| {
        pages.iter().map(move |(sink, served)| ([("sink", &**sink)], of(served)))
    };
    page.states(
        bytes("insightd_prometheus_page", "Bytes of the page of a Prometheus sink in the text format"),
        known(ServedPage::bytes),
    )?;
    page.states(
        plain("insightd_prometheus_series", "Samples on the page of a Prometheus sink"),
        known(ServedPage::series),
    )?;
    page.counts(
        plain("insightd_prometheus_scrapes", "Responses with the page of a Prometheus sink"),
        each(ServedPage::scrapes),
    )?;
    page.counts(
        plain(
            "insightd_prometheus_duplicates",
            "Samples left out because their series was on the page already",
        ),
        each(ServedPage::duplicates),
    )
}
