//! Metrics of the worker thread: ticks, components, outputs, sinks.

use std::fmt::{self, Write as _};
use std::time::Duration;

use insightd_sandbox::{Cause, Stats};

use super::super::figures::{ComponentFigures, Figures, OutputFigures, SinkFigures, VersionFigures};
use super::super::page::{Labels, Page, bytes, plain, seconds};

pub(super) fn ticks(figures: &Figures, page: &mut Page<'_>) -> fmt::Result {
    let counters = &figures.counters;
    let (milli, micro) = (|ms| Some(Duration::from_millis(ms)), |us| Some(Duration::from_micros(us)));
    page.count(plain("insightd_ticks", "Ticks that ended"), counters.ticks)?;
    page.count(
        plain("insightd_ticks_left_out", "Multiples of the interval without a tick, because the one before took too long or the clock was moved"),
        counters.ticks_left_out,
    )?;
    page.state(
        seconds("insightd_last_tick_timestamp", "Time that the events of the last tick carry"),
        milli(figures.time_unix_ms),
    )?;
    page.state(
        seconds("insightd_tick_lateness", "How late the last tick began"),
        milli(counters.lateness_ms),
    )?;
    page.state(
        seconds("insightd_tick_lateness_max", "The latest that any tick began"),
        milli(counters.lateness_max_ms),
    )?;
    page.state(seconds("insightd_tick_duration", "How long the last tick took"), micro(counters.tick_us))?;
    page.state(
        seconds("insightd_tick_duration_max", "The longest that any tick took"),
        micro(counters.tick_max_us),
    )?;
    page.state(
        seconds("insightd_sample_spread", "Time between the first and the last read of the last sample"),
        micro(counters.spread_us),
    )?;
    page.state(
        seconds(
            "insightd_sample_spread_max",
            "The longest time between the first and the last read of any sample",
        ),
        micro(counters.spread_max_us),
    )?;
    page.state(
        plain("insightd_containers_without_cgroup", "Running containers whose cgroup was not found"),
        Some(counters.containers_without_cgroup),
    )?;
    page.count(
        plain("insightd_read_problems", "Things that could not be read; their figures are absent"),
        counters.read_problems,
    )?;
    page.state(
        plain(
            "insightd_pod_labels_left_out",
            "Labels and annotations that pods have beyond what is taken over",
        ),
        Some(counters.labels_left_out),
    )
}

pub(super) fn components(components: &[ComponentFigures], page: &mut Page<'_>) -> fmt::Result {
    let each = |of: fn(&Stats) -> u64| components.iter().map(move |c| (labels(c), of(&c.stats)));
    page.counts(
        plain("insightd_component_calls", "Calls of a component, of whichever version"),
        each(|s| s.calls),
    )?;
    page.counts(
        plain("insightd_component_failures", "Calls that failed, by kind of failure"),
        components.iter().flat_map(|c| {
            Cause::ALL
                .iter()
                .map(|&cause| (with(labels(c), ("cause", cause.as_str())), c.stats.failures(cause)))
        }),
    )?;
    page.counts(
        seconds("insightd_component_cpu", "CPU time of all calls"),
        components.iter().map(|c| (labels(c), c.stats.cpu_time)),
    )?;
    page.counts(
        seconds("insightd_component_wall", "Time on the clock of all calls"),
        components.iter().map(|c| (labels(c), c.stats.wall_time)),
    )?;
    page.states(
        seconds("insightd_component_last_call", "Time on the clock of the last call"),
        components.iter().map(|c| (labels(c), c.stats.last_call)),
    )?;
    page.states(
        bytes("insightd_component_memory", "Linear memory of the last call's largest instance"),
        each(|s| s.last_memory_bytes as u64),
    )?;
    page.states(
        bytes("insightd_component_memory_peak", "The most linear memory that an instance had in any call"),
        each(|s| s.peak_memory_bytes as u64),
    )?;
    page.counts(
        plain("insightd_component_batches", "Batches by what became of them: made by the current version, by one that took over, passed on as they came, ended here"),
        components.iter().flat_map(|c| outcomes(&c.stats).map(|(outcome, n)| (with(labels(c), ("outcome", outcome)), n))),
    )?;
    page.counts(
        plain(
            "insightd_component_data_set_aside",
            "Times that the data of one pod was set aside because every version failed on it",
        ),
        each(|s| s.set_aside),
    )?;
    page.states(
        plain("insightd_component_data_aside", "Parts of batches that are set aside at present"),
        components.iter().map(|c| (labels(c), c.aside.len() as u64)),
    )?;
    page.states(
        plain("insightd_component_down", "Batches in a row for which no version of a component worked"),
        components.iter().map(|c| (labels(c), c.down)),
    )?;
    page.counts(
        plain("insightd_component_retries", "Times that a version was tried again after it was given up"),
        each(|s| s.retries),
    )?;
    page.counts(
        plain("insightd_component_recoveries", "Times that a version worked again after it was given up"),
        each(|s| s.recoveries),
    )?;
    versions(components, page)
}

fn versions(components: &[ComponentFigures], page: &mut Page<'_>) -> fmt::Result {
    let all = || components.iter().flat_map(|c| c.versions.iter().map(move |version| (c, version)));
    page.states(
        plain(
            "insightd_component_bad",
            "Whether a version failed so often that it is given up; it is tried again later and later",
        ),
        all().map(|(c, version)| (with(labels(c), ("origin", version.origin)), version.bad)),
    )?;
    let hashes: Vec<String> = all().map(|(_, version)| hex(version)).collect();
    page.states(
        plain("insightd_component_info", "What can run in a place; always 1"),
        all().zip(&hashes).map(|((c, version), hash)| {
            let [pipeline, place, component] = labels(c);
            let facts = [("origin", version.origin), ("version", &*version.version), ("sha256", &**hash)];
            let [origin, version, sha256] = facts;
            ([pipeline, place, component, origin, version, sha256], 1_u64)
        }),
    )
}

pub(super) fn outputs(outputs: &[OutputFigures], page: &mut Page<'_>) -> fmt::Result {
    fn labels(output: &OutputFigures) -> Labels<'_, 3> {
        [("pipeline", &output.pipeline), ("place", &output.place), ("sink", &output.sink)]
    }
    page.counts(
        plain("insightd_output_events", "Events that an output handed to its sink"),
        outputs.iter().map(|output| (labels(output), output.flow.events)),
    )?;
    page.counts(
        bytes("insightd_output", "Bytes of the events that an output handed to its sink"),
        outputs.iter().map(|output| (labels(output), output.flow.bytes)),
    )?;
    page.counts(
        plain(
            "insightd_output_events_lost",
            "Events that an output kept back, by cause: its routes and bounds say what may go out",
        ),
        outputs.iter().flat_map(|output| {
            // Losses in a sink are counted in the metrics of the sink.
            let causes = output.flow.lost.by_cause().into_iter().filter(|(cause, _)| *cause != "sink");
            causes.map(move |(cause, events)| {
                let [pipeline, place, sink] = labels(output);
                ([pipeline, place, sink, ("cause", cause)], events)
            })
        }),
    )?;
    page.counts(
        plain("insightd_output_batches_unformatted", "Batches that no version of the formatter could format"),
        outputs.iter().map(|output| (labels(output), output.flow.errors)),
    )
}

pub(super) fn sinks(sinks: &[SinkFigures], page: &mut Page<'_>) -> fmt::Result {
    fn labels(sink: &SinkFigures) -> Labels<'_, 1> {
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
        plain("insightd_sink_errors", "Times that a sink failed"),
        sinks.iter().map(|sink| (labels(sink), sink.flow.errors)),
    )
}

fn labels(component: &ComponentFigures) -> Labels<'_, 3> {
    [("pipeline", &component.pipeline), ("place", &component.place), ("component", &component.component)]
}

fn with<'a>([a, b, c]: Labels<'a, 3>, label: (&'static str, &'a str)) -> Labels<'a, 4> {
    [a, b, c, label]
}

fn outcomes(stats: &Stats) -> [(&'static str, u64); 4] {
    let other = stats.fallbacks + stats.skipped + stats.dropped;
    [
        ("current", stats.batches.saturating_sub(other)),
        ("fallback", stats.fallbacks),
        ("skipped", stats.skipped),
        ("dropped", stats.dropped),
    ]
}

fn hex(version: &VersionFigures) -> String {
    let mut text = String::with_capacity(64);
    for byte in version.sha256 {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
