//! Metrics of the agent. `docs/operations.md` has a row for each; a test keeps it complete.
//!
//! Every label has few values, set by the configuration: slots of pipelines, sinks, kinds of remote endpoints. Text that components report
//! about themselves is in one info family, `insightd_component_info`.

mod delivery;
mod estimate;
mod process;
mod served;
mod work;

use std::fmt;
use std::sync::Arc;

use insightd_state::{Stats, StorageMode};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;

use super::page::{Page, bytes, plain, seconds};
use super::registry::StatusRegistry;
use crate::rollout::Outcome;

/// Maximum characters of a lock holder's name on the page; it comes from an annotation of the lock object, which others may write.
const HOLDER_CHARS: usize = 128;

/// Writes the metrics page of a status registry.
#[derive(Debug)]
pub(super) struct Metrics(Registry);

#[derive(Debug)]
struct StatusCollector(Arc<StatusRegistry>);

impl Metrics {
    pub(super) fn new(registry: &Arc<StatusRegistry>) -> Self {
        let mut metrics = Registry::default();
        metrics.register_collector(Box::new(StatusCollector(Arc::clone(registry))));
        Self(metrics)
    }

    /// Returns the page with current values.
    pub(super) fn write(&self) -> Result<String, fmt::Error> {
        let mut text = String::with_capacity(16 << 10);
        text::encode(&mut text, &self.0)?;
        Ok(text)
    }
}

impl Collector for StatusCollector {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (registry, page) = (&*self.0, &mut Page::new(encoder));
        agent(registry, page)?;
        let (stats, age) = registry.stats();
        page.state(
            seconds("insightd_last_tick_age", "Time since the last tick ended, by the monotonic clock"),
            age,
        )?;
        if let Some(stats) = &stats {
            work::ticks(stats, page)?;
            work::components(&stats.components, page)?;
            work::outputs(&stats.outputs, page)?;
            estimate::write(&stats.outputs, page)?;
            work::sinks(&stats.sinks, page)?;
            state(stats.state.as_ref(), page)?;
        }
        delivery::write(&registry.queues(), page)?;
        served::write(&registry.pages(), page)?;
        sources(registry, page)?;
        leadership(registry, page)?;
        rollout(registry, page)?;
        for count in registry.counts() {
            let family = if count.bytes { bytes } else { plain };
            page.count(family(count.name, count.help), (count.read)())?;
        }
        process::write(&registry.process, page)
    }
}

fn agent(registry: &StatusRegistry, page: &mut Page<'_>) -> fmt::Result {
    let build = [
        ("version", env!("CARGO_PKG_VERSION")),
        ("arch", std::env::consts::ARCH),
        ("libc", if cfg!(target_env = "musl") { "musl" } else { "gnu" }),
    ];
    page.states(
        plain("insightd_build_info", "Version and platform of the agent; always 1"),
        [(build, 1_u64)],
    )?;
    page.state(seconds("insightd_interval", "Configured time between two ticks"), Some(registry.interval()))
}

fn sources(registry: &StatusRegistry, page: &mut Page<'_>) -> fmt::Result {
    let sources = registry.sources();
    let sources: Vec<_> =
        sources.iter().map(|(scope, status)| (*scope, status.source(), status.snapshot())).collect();
    let samples =
        || sources.iter().map(|(scope, source, state)| ([("scope", *scope), ("source", *source)], state));
    page.counts(
        plain("insightd_source_requests", "Requests sent to a remote endpoint, such as the kubelet"),
        samples().map(|(labels, state)| (labels, state.requests)),
    )?;
    page.counts(
        plain("insightd_source_errors", "Failed requests and streams"),
        samples().map(|(labels, state)| (labels, state.errors)),
    )?;
    page.states(
        plain("insightd_source_failures_in_a_row", "Consecutive failures since the last success"),
        samples().map(|(labels, state)| (labels, state.failures_in_a_row)),
    )?;
    page.counts(
        bytes("insightd_source_received", "Bytes of responses"),
        samples().map(|(labels, state)| (labels, state.bytes)),
    )?;
    page.counts(
        plain(
            "insightd_source_left_out",
            "Objects in responses that are malformed or too large, and were omitted",
        ),
        samples().map(|(labels, state)| (labels, state.left_out)),
    )?;
    page.states(
        seconds("insightd_source_age", "Time since data was received or confirmed; absent before the first"),
        samples().filter_map(|(labels, state)| Some((labels, state.last_success?.elapsed()))),
    )
}

fn leadership(registry: &StatusRegistry, page: &mut Page<'_>) -> fmt::Result {
    let Some(status) = registry.leadership_status() else { return Ok(()) };
    page.state(
        plain("insightd_leader", "1 if this agent is the leader and delivers the cluster's events"),
        Some(status.is_leader),
    )?;
    page.count(
        plain("insightd_leader_transitions", "Changes of the lock holder, from the lock's record"),
        status.transitions,
    )?;
    let holder: Option<String> = status.holder.map(|holder| holder.chars().take(HOLDER_CHARS).collect());
    page.states(
        plain("insightd_leader_holder_info", "Current lock holder; always 1"),
        holder.iter().map(|holder| ([("holder", holder.as_str())], 1_u64)),
    )
}

fn state(stats: Option<&Stats>, page: &mut Page<'_>) -> fmt::Result {
    let Some(stats) = stats else { return Ok(()) };
    page.state(
        bytes("insightd_state", "State of transforms: bytes of keys, values and names of spaces"),
        Some(stats.bytes),
    )?;
    page.state(plain("insightd_state_spaces", "Spaces that contain state"), Some(stats.spaces.len() as u64))?;
    page.count(
        plain(
            "insightd_state_ticks_refused",
            "Ticks whose state changes were rejected: over the limit of all spaces",
        ),
        stats.refused_ticks,
    )?;
    page.count(
        plain("insightd_state_spaces_dropped", "Unused spaces dropped to make room for others"),
        stats.dropped,
    )?;
    page.state(
        plain("insightd_state_in_memory", "1 if state is kept in memory only and lost with the process"),
        Some(matches!(stats.mode, StorageMode::Memory { .. })),
    )
}

fn rollout(registry: &StatusRegistry, page: &mut Page<'_>) -> fmt::Result {
    let Some(rollout) = registry.rollout() else { return Ok(()) };
    let counts =
        [Outcome::Installed, Outcome::Rejected, Outcome::RolledBack].into_iter().zip(rollout.counts());
    page.counts(
        plain("insightd_rollout_bundles", "New bundles of pipelines and components, by outcome"),
        counts.clone().map(|(outcome, count)| ([("outcome", outcome.as_str())], count)),
    )?;
    page.counts(
        plain("insightd_rollout_sets", "Deprecated: use insightd_rollout_bundles_total"),
        counts.map(|(outcome, count)| ([("outcome", outcome.as_deprecated_str())], count)),
    )?;
    let latest = rollout.latest().map(|latest| latest.outcome);
    let deprecated = latest.map(Outcome::as_deprecated_str);
    let outcomes =
        [latest.map(Outcome::as_str), deprecated.filter(|_| latest.is_some_and(Outcome::is_renamed))];
    page.states(
        plain(
            "insightd_rollout_latest_info",
            "Outcome of the bundle in the files; always 1. Deprecated outcomes: taken, held-back, taken-back",
        ),
        outcomes.into_iter().flatten().map(|outcome| ([("outcome", outcome)], 1_u64)),
    )?;
    let running = rollout.running().map(|id| id.to_string());
    page.states(
        plain("insightd_rollout_running_info", "The running bundle; always 1. Deprecated label: set"),
        running.iter().map(|id| ([("bundle", id.as_str()), ("set", id.as_str())], 1_u64)),
    )
}
