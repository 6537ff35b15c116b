//! `insightctl cost --live`: the estimate of a running agent, with prices.

use std::collections::BTreeSet;

use anyhow::bail;
use insightd::output;
use insightd::visible;
use serde_json::{Value, json};
use tokio::runtime::Builder;

use super::emf::EVENT_BYTES;
use super::prices::Prices;
use super::quantity::Quantities;
use super::report::quantities;
use super::text::{charges, whole};
use crate::arguments::ReportFormat;
use crate::live::{Agent, Endpoint, State};
use crate::replay::{Align, Table, bytes};

/// Note on the source of the figures.
const NOTE: &str = "The agent's estimate: bytes are the mean of its last ten ticks, series and points those of ten ticks. Outputs with points \
                    are OTLP or remote write, whose billed bytes it does not know; others with series are EMF.";

/// The estimate of an output.
#[derive(Clone, Debug, PartialEq)]
struct Output {
    pipeline: String,
    slot: String,
    sink: String,
    series: Option<f64>,
    events: f64,
    bytes: f64,
    points: Option<f64>,
}

/// Prints the estimate of the agent at an endpoint.
///
/// # Errors
/// No agent responds, or it has no estimate yet.
pub(super) fn cost(endpoint: &str, prices: &Prices, format: ReportFormat) -> anyhow::Result<()> {
    let endpoint = match endpoint.contains('/') {
        true => Endpoint::Socket(endpoint.into()),
        false => Endpoint::Address(endpoint.to_owned()),
    };
    let agent = Agent::new(endpoint);
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let state = runtime.block_on(agent.state());
    // Does not wait for the resolver, whose time limits are longer.
    runtime.shutdown_background();
    let outputs = outputs(&state?);
    if outputs.is_empty() {
        bail!("the agent at {} has no estimate: its first tick has not ended, or it is older", agent.name());
    }
    match format {
        ReportFormat::Table => output::print(text(&outputs, prices)),
        ReportFormat::Json => output::print(format_args!("{:#}\n", document(&outputs, prices))),
    }
    Ok(())
}

/// Returns the outputs with an estimate, by their names.
fn outputs(state: &State) -> Vec<Output> {
    let of = |name: &str, labels: &[&str; 3]| {
        let found = state.metrics.iter().find(|sample| {
            let label = |key: &str| sample.labels.get(key).map(String::as_str);
            sample.name == name && [label("pipeline"), label("slot"), label("sink")] == labels.map(Some)
        });
        found.map(|sample| sample.value)
    };
    let samples = state.metrics.iter().filter(|sample| sample.name == "insightd_estimate_daily_bytes");
    let keys: BTreeSet<[&str; 3]> = samples
        .filter_map(|sample| {
            let label = |key: &str| sample.labels.get(key).map(String::as_str);
            Some([label("pipeline")?, label("slot")?, label("sink")?])
        })
        .collect();
    let output = |key: [&str; 3]| {
        let [pipeline, slot, sink] = key.map(str::to_owned);
        Some(Output {
            pipeline,
            slot,
            sink,
            series: of("insightd_estimate_series", &key),
            events: of("insightd_estimate_daily_events", &key)?,
            bytes: of("insightd_estimate_daily_bytes", &key)?,
            points: of("insightd_estimate_daily_points", &key),
        })
    };
    keys.into_iter().filter_map(output).collect()
}

/// Returns the billed quantities: those of EMF.
fn billed(outputs: &[Output]) -> Quantities {
    let mut sum = Quantities::default();
    for output in outputs.iter().filter(|output| output.points.is_none()) {
        let Some(series) = output.series else { continue };
        sum.series += series;
        sum.log_bytes += output.bytes + output.events * EVENT_BYTES as f64;
    }
    sum
}

fn text(outputs: &[Output], prices: &Prices) -> String {
    let mut table = Table::new(&[
        ("OUTPUT", Align::Left),
        ("SINK", Align::Left),
        ("SERIES", Align::Right),
        ("EVENTS A DAY", Align::Right),
        ("SIZE A DAY", Align::Right),
        ("POINTS A DAY", Align::Right),
    ]);
    for output in outputs {
        let Output { pipeline, slot, sink, series, events, bytes: size, points } = output;
        let name = Some(format!("{pipeline}/{slot}"));
        let figures = [series.map(whole), Some(whole(*events)), Some(bytes(*size)), points.map(whole)];
        let [series, events, size, points] = figures;
        table.row([name, Some(sink.clone()), series, events, size, points]);
    }
    let mut text = format!("{table}\n{}\n{NOTE}\n", charges(prices, &billed(outputs)));
    for line in prices.lines() {
        text.push_str(&visible::line(&line));
        text.push('\n');
    }
    text
}

fn document(outputs: &[Output], prices: &Prices) -> Value {
    let output = |output: &Output| {
        let Output { pipeline, slot, sink, series, events, bytes, points } = output;
        json!({
            "pipeline": pipeline, "slot": slot, "sink": sink, "series": series, "events_per_day": events,
            "bytes_per_day": bytes, "points_per_day": points,
        })
    };
    let total = billed(outputs);
    json!({
        "outputs": outputs.iter().map(output).collect::<Vec<_>>(),
        "total": quantities(&total, &prices.money(&total)),
        "notes": [NOTE],
        "prices": prices.to_json(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        let sample = |name: &str, pipeline: &str, slot: &str, value: f64| {
            let labels = json!({"pipeline": pipeline, "slot": slot, "sink": "s"});
            json!({"name": format!("insightd_estimate_{name}"), "labels": labels, "value": value})
        };
        let metrics = [
            sample("daily_bytes", "node", "output-1", 974_000_000.0),
            sample("daily_events", "node", "output-1", 1_000_000.0),
            sample("series", "node", "output-1", 100.0),
            sample("daily_bytes", "node", "output-2", 1e9),
            sample("daily_events", "node", "output-2", 1440.0),
            sample("series", "node", "output-2", 900.0),
            sample("daily_points", "node", "output-2", 1e6),
            sample("daily_bytes", "cluster", "output-1", 5.0),
            sample("daily_events", "cluster", "output-1", 1.0),
        ];
        let document = json!({"version": 1, "time_unix_ms": 1, "status": {}, "metrics": metrics});
        State::parse(&document.to_string()).unwrap()
    }

    #[test]
    fn emf_is_billed_by_series_and_bytes() {
        let outputs = outputs(&state());
        let names: Vec<_> = outputs.iter().map(|output| (&*output.pipeline, &*output.slot)).collect();
        assert_eq!(names, [("cluster", "output-1"), ("node", "output-1"), ("node", "output-2")]);
        // 26 bytes for each event make it 1 GB a day.
        let expected = Quantities { series: 100.0, log_bytes: 1e9, otlp_bytes: 0.0 };
        assert_eq!(billed(&outputs), expected);
        let document = document(&outputs, &Prices::load(None).unwrap());
        let known = document["total"]["money_per_month"]["known"].as_f64().unwrap();
        assert!((known - (30.0 + 730.0 / 24.0 * 0.5)).abs() < 1e-9, "{known}");
        assert_eq!(document["outputs"][2]["points_per_day"], 1e6);
        assert_eq!(document["outputs"][0]["series"], Value::Null);
    }

    #[test]
    fn what_is_unknown_has_no_figure() {
        let text = text(&outputs(&state()), &Prices::load(None).unwrap());
        let rows: Vec<Vec<&str>> =
            text.lines().take(4).map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[1], ["cluster/output-1", "s", "-", "1", "5", "B", "-"]);
        assert_eq!(rows[3], ["node/output-2", "s", "900", "1440", "953.7", "MiB", "1000000"]);
    }
}
