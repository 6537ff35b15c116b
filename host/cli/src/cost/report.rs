//! The report, as JSON.

use serde_json::{Value, json};

use super::breakdown::{Breakdown, Format, Row};
use super::prices::{Charge, Money, Prices};
use super::quantity::{MONTH_HOURS, Quantities};
use super::usage::{Counts, Section, Usage};

/// A configuration with one change, or another one, compared with the configuration of the report.
#[derive(Debug)]
pub(super) struct Compared {
    /// The change, or the other file.
    pub(super) name: String,
    /// Its quantities.
    pub(super) quantities: Quantities,
}

/// All that a report says.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) recording: String,
    pub(super) config: String,
    pub(super) nodes: u32,
    pub(super) usage: Usage,
    pub(super) breakdowns: Vec<Breakdown>,
    pub(super) variants: Vec<Compared>,
    pub(super) against: Option<Compared>,
    pub(super) prices: Prices,
    pub(super) notes: Vec<String>,
}

impl Report {
    /// Returns the report as JSON.
    pub(super) fn to_json(&self) -> Value {
        let (usage, total) = (&self.usage, self.usage.quantities(self.nodes));
        let sources: Vec<Value> = usage
            .sources
            .iter()
            .map(|source| {
                json!({"scope": source.scope, "id": source.id, "batches": source.batches, "covered_ms": source.covered_ms})
            })
            .collect();
        let outputs: Vec<Value> = usage
            .outputs
            .iter()
            .map(|((sink, content_type), counts)| {
                let (events, bytes) = usage.day(counts, self.nodes);
                json!({"sink": sink, "content_type": content_type, "events_per_day": events, "bytes_per_day": bytes})
            })
            .collect();
        let variants: Vec<Value> = self
            .variants
            .iter()
            .map(|variant| {
                let saved = total.minus(&variant.quantities);
                json!({"change": variant.name, "saves": quantities(&saved, &self.saved(variant))})
            })
            .collect();
        let against = self.against.as_ref().map(|other| {
            let money = self.prices.money(&other.quantities);
            let difference = other.quantities.minus(&total);
            json!({
                "config": other.name,
                "total": quantities(&other.quantities, &money),
                "difference": quantities(&difference, &money.minus(&self.prices.money(&total))),
            })
        });
        let (other_events, other_bytes) = usage.day(&usage.other, self.nodes);
        let mut value = json!({
            "recording": {"file": self.recording, "sources": sources},
            "config": self.config,
            "nodes": self.nodes,
            "month_hours": MONTH_HOURS,
            "outputs": outputs,
            "total": quantities(&total, &self.prices.money(&total)),
            "emf": self.section(&usage.emf, Format::Emf),
            "otlp": self.section(&usage.otlp, Format::Otlp),
            "other": {"events_per_day": other_events, "bytes_per_day": other_bytes},
            "changes": variants,
            "notes": self.notes,
            "prices": self.prices.to_json(),
        });
        if let Some(against) = against {
            value["against"] = against;
        }
        value
    }

    /// Returns the money of a month that a variant saves.
    pub(super) fn saved(&self, variant: &Compared) -> Money {
        let total = self.usage.quantities(self.nodes);
        self.prices.saving(&total, &total.minus(&variant.quantities))
    }

    fn section(&self, section: &Section, format: Format) -> Value {
        let usage = &self.usage;
        let (items, billed) = usage.day(&section.total, self.nodes);
        let (payloads, bytes) = usage.day(&section.payloads, self.nodes);
        let recorded = |counts: &Counts| counts.values().map(|count| count.bytes).sum::<u64>();
        let items_recorded: u64 = section.total.values().map(|count| count.items).sum();
        let series: f64 = section.series.values().map(|series| series.weight(self.nodes)).sum();
        let key = items_key(format);
        let mut value = json!({
            "series": series as u64,
            key: items,
            "bytes_per_day": bytes,
            "billed_bytes_per_day": billed,
            "recorded": {
                "series": section.series.len(),
                key.trim_end_matches("_per_day"): items_recorded,
                "bytes": recorded(&section.payloads),
                "billed_bytes": recorded(&section.total),
            },
        });
        if format == Format::Otlp {
            value["requests_per_day"] = json!(payloads);
        }
        for breakdown in self.breakdowns.iter().filter(|breakdown| breakdown.format == format) {
            value[breakdown.key()] = breakdown.rows.iter().map(|row| self.row(row, key)).collect();
        }
        value
    }

    fn row(&self, row: &Row, key: &str) -> Value {
        json!({
            "name": row.name,
            key: row.items,
            "bytes_per_day": row.bytes,
            "series": row.series as u64,
            "saves": quantities(&row.saved, &row.money),
        })
    }
}

/// Returns quantities with their money, as JSON.
pub(super) fn quantities(quantities: &Quantities, money: &Money) -> Value {
    let mut by_charge = json!({"total": money.sum(), "known": money.known()});
    for charge in Charge::ALL {
        by_charge[charge.key()] = json!(money.0[charge as usize]);
    }
    json!({
        "series": quantities.series as i64,
        "log_bytes_per_day": quantities.log_bytes,
        "otlp_bytes_per_day": quantities.otlp_bytes,
        "money_per_month": by_charge,
    })
}

/// Returns the key of the number of events or data points.
fn items_key(format: Format) -> &'static str {
    match format {
        Format::Emf => "events_per_day",
        Format::Otlp => "data_points_per_day",
    }
}
