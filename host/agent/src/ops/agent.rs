//! The agent's own figures in a few numbers, for pipelines that publish them.

use insightd_delivery::DeliveryQueue;
use insightd_spool::{Cause, Stats};

use super::process::Process;
use super::registry::StatusRegistry;
use crate::wall_clock::now_unix_ms;

/// Sources without regular requests, whose age says nothing.
const IRREGULAR: [&str; 5] = ["imds", "ec2", "jobs", "events", "ecs-api"];

/// Figures of the agent, summed over sinks and slots: those of [`TickStats`](super::TickStats) after the last tick, of the delivery queues
/// and of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AgentReading {
    /// Counters since the start, in the order of [`AgentReading::COUNTERS`]; `None` if the agent has nothing that counts it.
    pub counters: [Option<u64>; 8],
    /// Gauges, in the order of [`AgentReading::GAUGES`]; `None` if unknown.
    pub gauges: [Option<u64>; 5],
}

impl AgentReading {
    /// Raw names of the counters.
    pub const COUNTERS: [&str; 8] = [
        "insightd.ticks",
        "insightd.ticks_skipped",
        "insightd.events_accepted",
        "insightd.events_delivered",
        "insightd.events_rejected",
        "insightd.events_lost",
        "insightd.stage_failures",
        "insightd.cpu_ns",
    ];
    /// Raw names of the gauges.
    pub const GAUGES: [&str; 5] = [
        "insightd.backlog_events",
        "insightd.backlog_bytes",
        "insightd.backlog_age_ms",
        "insightd.source_age_ms",
        "insightd.resident_bytes",
    ];
}

/// Totals of the delivery queues.
#[derive(Debug, Default, PartialEq)]
struct Queued {
    delivered: u64,
    rejected: u64,
    backlog_events: u64,
    backlog_bytes: u64,
    oldest_unix_ms: Option<u64>,
}

impl StatusRegistry {
    /// Reads the agent's figures. Counters of ticks and events are those at the end of the last tick.
    pub fn agent_reading(&self) -> AgentReading {
        let counters = self.stats().0.map(|stats| stats.counters.clone()).unwrap_or_default();
        let queues = self.queues();
        // Without a queue there is nothing that delivers, and nothing that waits.
        let queued =
            (!queues.is_empty()).then(|| Queued::sum(queues.iter().map(|(_, queue)| Queued::new(queue))));
        let queued = queued.as_ref();
        let age = |oldest: u64| now_unix_ms().saturating_sub(oldest);
        let ages = self.sources().into_iter().filter(|(_, source)| !IRREGULAR.contains(&source.source()));
        let ages = ages.filter_map(|(_, source)| Some(source.snapshot().last_success?.elapsed().as_millis()));
        AgentReading {
            counters: [
                Some(counters.ticks),
                Some(counters.ticks_left_out),
                Some(counters.sinks.events),
                queued.map(|queued| queued.delivered),
                queued.map(|queued| queued.rejected),
                Some(counters.lost().total()),
                Some(counters.component_failures),
                u64::try_from(Process::cpu_time().as_nanos()).ok(),
            ],
            gauges: [
                queued.map(|queued| queued.backlog_events),
                queued.map(|queued| queued.backlog_bytes),
                queued.map(|queued| queued.oldest_unix_ms.map_or(0, age)),
                ages.max().and_then(|age| u64::try_from(age).ok()),
                Process::usage().resident_bytes,
            ],
        }
    }
}

impl Queued {
    fn new(queue: &DeliveryQueue) -> Self {
        let (stats, counts) = (queue.stats(), queue.counts());
        let Stats { pending, oldest_time_unix_ms, .. } = &stats;
        Self {
            delivered: counts.accepted_events,
            rejected: stats.lost.by(Cause::Rejected).events
                + counts.too_old_events
                + counts.too_new_events
                + counts.expired_events,
            backlog_events: pending.events,
            backlog_bytes: pending.bytes,
            oldest_unix_ms: *oldest_time_unix_ms,
        }
    }

    fn sum(queues: impl Iterator<Item = Self>) -> Self {
        queues.fold(Self::default(), |sum, one| Self {
            delivered: sum.delivered + one.delivered,
            rejected: sum.rejected + one.rejected,
            backlog_events: sum.backlog_events + one.backlog_events,
            backlog_bytes: sum.backlog_bytes + one.backlog_bytes,
            oldest_unix_ms: sum.oldest_unix_ms.into_iter().chain(one.oldest_unix_ms).min(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use insightd_upstream::UpstreamStatus;

    use super::*;
    use crate::counters::{Counters, SinkCounters};
    use crate::ops::TickStats;

    #[test]
    fn figures_are_those_of_the_last_tick() {
        let registry = StatusRegistry::new(Duration::from_secs(60), Duration::ZERO);
        let AgentReading { counters, gauges } = registry.agent_reading();
        assert_eq!(counters[..7], [Some(0), Some(0), Some(0), None, None, Some(0), Some(0)]);
        assert_eq!(gauges[..4], [None; 4], "no queue and no source");
        assert!(counters[7] > Some(0) && gauges[4] > Some(1 << 20), "{counters:?} {gauges:?}");
        let mut counters = Counters {
            ticks: 5,
            ticks_left_out: 2,
            component_failures: 3,
            sinks: SinkCounters { events: 640, bytes: 1, lost: 7 },
            ..Counters::default()
        };
        counters.pipelines.lost.route_refused = 4;
        registry.publish(TickStats { counters, ..TickStats::default() });
        let (node, imds) = (Arc::new(UpstreamStatus::new("node")), Arc::new(UpstreamStatus::new("imds")));
        registry.watch("node", &imds);
        imds.succeeded();
        assert_eq!(registry.agent_reading().gauges[3], None, "asked once, so its age says nothing");
        registry.watch("node", &node);
        node.succeeded();
        let AgentReading { counters, gauges } = registry.agent_reading();
        let expected = [Some(5), Some(2), Some(640), None, None, Some(11), Some(3)];
        assert_eq!(counters[..7], expected, "lost before a sink and in it");
        assert!(gauges[3].is_some());
    }

    #[test]
    fn queues_are_summed() {
        let one = Queued {
            delivered: 1,
            rejected: 2,
            backlog_events: 3,
            backlog_bytes: 4,
            oldest_unix_ms: Some(900),
        };
        let two = Queued {
            delivered: 10,
            rejected: 20,
            backlog_events: 30,
            backlog_bytes: 40,
            oldest_unix_ms: Some(800),
        };
        let sum = Queued {
            delivered: 11,
            rejected: 22,
            backlog_events: 33,
            backlog_bytes: 44,
            oldest_unix_ms: Some(800),
        };
        assert_eq!(Queued::sum([one, two, Queued::default()].into_iter()), sum);
    }
}
