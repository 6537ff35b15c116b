//! The printed report of differences: events as they are compared, then a summary.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::event::Parsed;
use super::html::Page;
use super::lines::{changed, label, names, relative};
use super::matching::{Matched, matched};
use super::tally::{Tallies, Totals};
use insightd::output;

/// The amount of detail in the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// The first differences, and the names that differ most often.
    First,
    /// All differences.
    All,
}

/// Maximum numbers of differing events and of table rows with [`Shown::First`].
const EVENTS: u64 = 20;
const ROWS: usize = 40;
/// Maximum number of lines per event with [`Shown::First`].
const LINES: usize = 8;

/// The totals so far. Differing events are printed as they are compared, or added to a page.
#[derive(Debug)]
pub(super) struct Report {
    shown: Shown,
    page: Option<Page>,
    totals: Totals,
    events: [u64; 2],
    bytes: [u64; 2],
    added: u64,
    removed: u64,
    changed: u64,
    same: u64,
}

impl Report {
    /// Creates a report that is printed, or is a page with all differences if `is_page`.
    pub(super) fn new(shown: Shown, is_page: bool) -> Self {
        let (totals, zero) = (Totals::default(), [0; 2]);
        let (shown, page) = if is_page { (Shown::All, Some(Page::default())) } else { (shown, None) };
        Self { shown, page, totals, events: zero, bytes: zero, added: 0, removed: 0, changed: 0, same: 0 }
    }

    /// Compares the events of one batch.
    pub(super) fn compare(&mut self, a: Vec<Parsed>, b: Vec<Parsed>) {
        for (side, events) in [&a, &b].into_iter().enumerate() {
            self.events[side] += events.len() as u64;
            self.bytes[side] += events.iter().map(|event| event.bytes).sum::<u64>();
        }
        let names = names(a.iter().chain(&b));
        let Matched { pairs, removed, added } = matched(a, b);
        for event in &removed {
            self.removed += 1;
            self.totals.add_single(event, false);
            self.show(|_| format!("- {}\n", label(event, &names)));
        }
        for event in &added {
            self.added += 1;
            self.totals.add_single(event, true);
            self.show(|_| format!("+ {}\n", label(event, &names)));
        }
        for (a, b) in &pairs {
            let label = label(b, &names);
            let differences = self.totals.add(a, b, &label);
            if differences.any() {
                self.changed += 1;
                self.show(|limit| changed(&label, &differences, limit));
            } else {
                self.same += 1;
            }
        }
    }

    fn differences(&self) -> u64 {
        self.added + self.removed + self.changed
    }

    /// Prints the text for one event, unless the limit is reached; `text` receives its maximum number of lines.
    fn show(&mut self, text: impl FnOnce(usize) -> String) {
        let limit = match self.shown {
            Shown::All => usize::MAX,
            Shown::First if self.differences() <= EVENTS => LINES,
            Shown::First => return,
        };
        let text = text(limit);
        match &mut self.page {
            Some(page) => page.add(&text),
            None => output::print(text),
        }
    }

    /// Prints the summary. Returns true if nothing differs, and the page with the title, if the report is one. Failed calls count as a difference, because the output of a fallback would hide them.
    pub(super) fn finish(
        mut self,
        title: &str,
        batches: u64,
        failures: [u64; 2],
        lost: [u64; 2],
    ) -> (bool, Option<String>) {
        let differs = self.differences() > 0 || failures != [0, 0] || lost[0] != lost[1];
        let page = self.page.take();
        if !differs {
            let text = format!("no difference; batches: {batches}, events: {}", self.same);
            output::message(format_args!("{text}"));
            return (true, page.map(|page| page.finish(title, &text)));
        }
        let mut text = String::new();
        if self.shown == Shown::First && self.differences() > EVENTS {
            let _ = writeln!(
                text,
                "… and {} more events that differ; --all shows them",
                self.differences() - EVENTS
            );
        }
        let Self { added, removed, changed, same, .. } = self;
        let _ = writeln!(
            text,
            "\nbatches: {batches}; events: {added} added, {removed} removed, {changed} changed, {same} the same\n"
        );
        let _ = writeln!(text, "{:<14} {:>12} {:>12}", "", "A", "B");
        for (name, [a, b]) in [
            ("events", self.events),
            ("bytes", self.bytes),
            ("failed calls", failures),
            ("lost events", lost),
        ] {
            let change = if a == b { String::new() } else { relative((b as f64 - a as f64) / a as f64) };
            let _ = writeln!(text, "{}", format!("{name:<14} {a:>12} {b:>12}  {change}").trim_end());
        }
        table(&mut text, "metric", &self.totals.metrics, self.shown);
        table(&mut text, "attribute", &self.totals.attributes, self.shown);
        if self.totals.declarations > 0 {
            let _ =
                writeln!(text, "\n{} events declare other metrics or dimensions", self.totals.declarations);
        }
        declared(&mut text, &self.totals.declared, self.shown);
        let page = page.map(|page| page.finish(title, &text));
        output::print(text);
        (false, page)
    }
}

/// Writes the metrics that the two sides declare in different numbers of events. In CloudWatch, such metrics appear or disappear.
fn declared(text: &mut String, declared: &BTreeMap<String, [u64; 2]>, shown: Shown) {
    let rows: Vec<_> = declared.iter().filter(|(_, [a, b])| a != b).collect();
    if rows.is_empty() {
        return;
    }
    let limit = if shown == Shown::All { rows.len() } else { ROWS };
    let width = rows.iter().take(limit).map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let width = width.max("declared metric".len());
    let _ = writeln!(text, "\n{:<width$} {:>13} {:>13}", "declared metric", "declared in A", "declared in B");
    for (name, [a, b]) in rows.iter().take(limit) {
        let _ = writeln!(text, "{name:<width$} {a:>13} {b:>13}");
    }
    if rows.len() > limit {
        let _ = writeln!(text, "… and {} more; --all shows them", rows.len() - limit);
    }
}

/// Writes the names that differ, most frequent differences first.
fn table(text: &mut String, kind: &str, tallies: &Tallies, shown: Shown) {
    let mut rows: Vec<_> = tallies.iter().filter(|(_, tally)| tally.differences() > 0).collect();
    if rows.is_empty() {
        return;
    }
    rows.sort_by_key(|(_, tally)| std::cmp::Reverse(tally.differences()));
    let limit = if shown == Shown::All { rows.len() } else { ROWS };
    let width =
        rows.iter().take(limit).map(|(name, _)| name.chars().count()).max().unwrap_or(0).max(kind.len());
    let last = if kind == "metric" { "  largest change" } else { "" };
    let _ = writeln!(
        text,
        "\n{kind:<width$} {:>8} {:>8} {:>8} {:>8} {:>8}{last}",
        "in A", "in B", "added", "removed", "changed"
    );
    for (name, tally) in rows.iter().take(limit) {
        let largest = tally.largest.as_ref().map_or(String::new(), |change| {
            format!("  {}: {} -> {} ({})", relative(change.relative()), change.from, change.to, change.event)
        });
        let [a, b] = tally.events;
        let (added, removed, changed) = (tally.added, tally.removed, tally.changed);
        let _ = writeln!(text, "{name:<width$} {a:>8} {b:>8} {added:>8} {removed:>8} {changed:>8}{largest}");
    }
    if rows.len() > limit {
        let _ = writeln!(text, "… and {} more; --all shows them", rows.len() - limit);
    }
}
