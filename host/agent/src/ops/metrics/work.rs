//! Metrics of the worker thread: ticks, components, outputs, sinks.

use std::fmt;
use std::time::Duration;

use insightd_sandbox::{FailureCause, Hex, SlotStats};

use super::super::page::{Labels, Page, bytes, plain, seconds};
use super::super::stats::{ComponentStats, OutputStats, SinkStats, SlotVersion, TickStats};

pub(super) fn ticks(stats: &TickStats, page: &mut Page<'_>) -> fmt::Result {
    let counters = &stats.counters;
    let (milli, micro) = (|ms| Some(Duration::from_millis(ms)), |us| Some(Duration::from_micros(us)));
    page.count(plain("insightd_ticks", "Ticks that ended"), counters.ticks)?;
    page.count(
        plain(
            "insightd_ticks_left_out",
            "Ticks skipped because the previous one took too long or the clock was changed",
        ),
        counters.ticks_left_out,
    )?;
    page.state(
        seconds("insightd_last_tick_timestamp", "Timestamp of the events of the last tick"),
        milli(stats.time_unix_ms),
    )?;
    page.state(
        seconds("insightd_tick_lateness", "Delay of the start of the last tick"),
        milli(counters.lateness_ms),
    )?;
    page.state(
        seconds("insightd_tick_lateness_max", "Maximum delay of the start of a tick"),
        milli(counters.lateness_max_ms),
    )?;
    page.state(seconds("insightd_tick_duration", "Duration of the last tick"), micro(counters.tick_us))?;
    page.state(
        seconds("insightd_tick_duration_max", "Maximum duration of a tick"),
        micro(counters.tick_max_us),
    )?;
    page.state(
        seconds("insightd_sample_spread", "Time between the first and the last read of the last sample"),
        micro(counters.spread_us),
    )?;
    page.state(
        seconds("insightd_sample_spread_max", "Maximum time between the first and the last read of a sample"),
        micro(counters.spread_max_us),
    )?;
    page.state(
        plain("insightd_containers_without_cgroup", "Running containers whose cgroup was not found"),
        Some(counters.containers_without_cgroup),
    )?;
    page.count(
        plain("insightd_read_problems", "Files and objects that could not be read; their values are absent"),
        counters.read_problems,
    )?;
    page.state(
        plain(
            "insightd_pod_labels_left_out",
            "Labels and annotations of pods omitted because of the size limit",
        ),
        Some(counters.labels_left_out),
    )
}

pub(super) fn components(components: &[ComponentStats], page: &mut Page<'_>) -> fmt::Result {
    let each = |of: fn(&SlotStats) -> u64| components.iter().map(move |c| (labels(c), of(&c.stats)));
    page.counts(
        plain("insightd_component_calls", "Calls of a component, all versions together"),
        each(|s| s.calls),
    )?;
    page.counts(
        plain("insightd_component_failures", "Failed calls, by cause"),
        components.iter().flat_map(|c| {
            FailureCause::ALL
                .iter()
                .map(|&cause| (with(labels(c), ("cause", cause.as_str())), c.stats.failures(cause)))
        }),
    )?;
    page.counts(
        seconds("insightd_component_cpu", "CPU time of all calls"),
        components.iter().map(|c| (labels(c), c.stats.cpu_time)),
    )?;
    page.counts(
        seconds("insightd_component_wall", "Wall-clock time of all calls"),
        components.iter().map(|c| (labels(c), c.stats.wall_time)),
    )?;
    page.states(
        seconds("insightd_component_last_call", "Wall-clock time of the last call"),
        components.iter().map(|c| (labels(c), c.stats.last_call)),
    )?;
    page.states(
        bytes("insightd_component_memory", "Linear memory of the largest instance in the last call"),
        each(|s| s.last_memory_bytes as u64),
    )?;
    page.states(
        bytes("insightd_component_memory_peak", "Maximum linear memory of an instance in any call"),
        each(|s| s.peak_memory_bytes as u64),
    )?;
    page.counts(
        plain(
            "insightd_component_batches",
            "Batches by outcome: current version, fallback version, passed on unchanged, dropped",
        ),
        components
            .iter()
            .flat_map(|c| outcomes(&c.stats).map(|(outcome, n)| (with(labels(c), ("outcome", outcome)), n))),
    )?;
    page.counts(
        plain(
            "insightd_component_data_quarantined",
            "Times that the data of one pod was quarantined because every version failed on it",
        ),
        each(|s| s.quarantined),
    )?;
    page.counts(
        plain(
            "insightd_component_data_set_aside",
            "Deprecated: use insightd_component_data_quarantined_total",
        ),
        each(|s| s.quarantined),
    )?;
    let in_quarantine = || components.iter().map(|c| (labels(c), c.quarantined.len() as u64));
    page.states(
        plain("insightd_component_data_in_quarantine", "Parts of batches currently in quarantine"),
        in_quarantine(),
    )?;
    page.states(
        plain("insightd_component_data_aside", "Deprecated: use insightd_component_data_in_quarantine"),
        in_quarantine(),
    )?;
    page.states(
        plain("insightd_component_down", "Consecutive batches for which no version of the component worked"),
        components.iter().map(|c| (labels(c), c.failed_batches)),
    )?;
    page.counts(
        plain("insightd_component_retries", "Times that a disabled version was retried"),
        each(|s| s.retries),
    )?;
    page.counts(
        plain("insightd_component_recoveries", "Times that a disabled version worked again"),
        each(|s| s.recoveries),
    )?;
    versions(components, page)
}

fn versions(components: &[ComponentStats], page: &mut Page<'_>) -> fmt::Result {
    let all = || components.iter().flat_map(|c| c.versions.iter().map(move |version| (c, version)));
    page.states(
        plain(
            "insightd_component_bad",
            "1 if a version is disabled after repeated failures; it is retried at growing intervals",
        ),
        all().map(|(c, version)| (with(labels(c), ("origin", version.origin)), version.suspended)),
    )?;
    let hashes: Vec<String> = all().map(|(_, version)| hex(version)).collect();
    page.states(
        plain("insightd_component_info", "Versions of a component that can run in a slot; always 1"),
        all().zip(&hashes).map(|((c, version), hash)| {
            let [pipeline, slot, place, component] = labels(c);
            let facts = [("origin", version.origin), ("version", &*version.version), ("sha256", &**hash)];
            let [origin, version, sha256] = facts;
            ([pipeline, slot, place, component, origin, version, sha256], 1_u64)
        }),
    )
}

pub(super) fn outputs(outputs: &[OutputStats], page: &mut Page<'_>) -> fmt::Result {
    fn labels(output: &OutputStats) -> Labels<'_, 4> {
        let [slot, place] = slot_labels(&output.slot);
        [("pipeline", &output.pipeline), slot, place, ("sink", &output.sink)]
    }
    page.counts(
        plain("insightd_output_events", "Events that an output passed to its sink"),
        outputs.iter().map(|output| (labels(output), output.flow.events)),
    )?;
    page.counts(
        bytes("insightd_output", "Bytes of the events that an output passed to its sink"),
        outputs.iter().map(|output| (labels(output), output.flow.bytes)),
    )?;
    page.counts(
        plain("insightd_output_events_lost", "Events dropped by an output's filter, by cause"),
        outputs.iter().flat_map(|output| {
            // Losses in a sink are counted in the metrics of the sink.
            let causes = output.flow.lost.by_cause().into_iter().filter(|(cause, _)| *cause != "sink");
            causes.map(move |(cause, events)| {
                let [pipeline, slot, place, sink] = labels(output);
                ([pipeline, slot, place, sink, ("cause", cause)], events)
            })
        }),
    )?;
    page.counts(
        plain("insightd_output_batches_unformatted", "Batches that no version of the formatter could format"),
        outputs.iter().map(|output| (labels(output), output.flow.errors)),
    )
}

pub(super) fn sinks(sinks: &[SinkStats], page: &mut Page<'_>) -> fmt::Result {
    fn labels(sink: &SinkStats) -> Labels<'_, 1> {
        [("sink", &sink.name)]
    }
    page.counts(
        plain("insightd_sink_events", "Events that a sink wrote"),
        sinks.iter().map(|sink| (labels(sink), sink.flow.events)),
    )?;
    page.counts(
        bytes("insightd_sink", "Bytes of the events that a sink wrote"),
        sinks.iter().map(|sink| (labels(sink), sink.flow.bytes)),
    )?;
    page.counts(
        plain("insightd_sink_events_lost", "Events that a sink could not write"),
        sinks.iter().map(|sink| (labels(sink), sink.flow.lost.total())),
    )?;
    page.counts(
        plain("insightd_sink_errors", "Failures of a sink"),
        sinks.iter().map(|sink| (labels(sink), sink.flow.errors)),
    )
}

fn labels(component: &ComponentStats) -> Labels<'_, 4> {
    let [slot, place] = slot_labels(&component.slot);
    [("pipeline", &component.pipeline), slot, place, ("component", &component.component)]
}

/// The name of a slot as label `slot`, and as the deprecated label `place`.
fn slot_labels(name: &str) -> Labels<'_, 2> {
    [("slot", name), ("place", name)]
}

fn with<'a>([a, b, c, d]: Labels<'a, 4>, label: (&'static str, &'a str)) -> Labels<'a, 5> {
    [a, b, c, d, label]
}

fn outcomes(stats: &SlotStats) -> [(&'static str, u64); 4] {
    let other = stats.fallbacks + stats.skipped + stats.dropped;
    [
        ("current", stats.batches.saturating_sub(other)),
        ("fallback", stats.fallbacks),
        ("skipped", stats.skipped),
        ("dropped", stats.dropped),
    ]
}

fn hex(version: &SlotVersion) -> String {
    Hex(&version.sha256).to_string()
}
