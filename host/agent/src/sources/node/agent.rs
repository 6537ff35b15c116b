//! The agent's own figures, in an entity of their own, while a pipeline asks for them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use insightd_collect::{Group, OptionalFacts};
use insights_batch::{Builder, EntityId};

use crate::ops::{AgentReading, StatusRegistry};

/// Reads the figures of an agent that keeps running; a single run and a recording have none.
#[derive(Debug, Default)]
pub(super) struct AgentFacts {
    registry: Option<Arc<StatusRegistry>>,
    wanted: bool,
    previous: Option<(Instant, AgentReading)>,
}

impl AgentFacts {
    /// Sets the registry that has the figures.
    pub(super) fn set_registry(&mut self, registry: Arc<StatusRegistry>) {
        self.registry = Some(registry);
    }

    /// Sets the groups that pipelines need.
    pub(super) fn want(&mut self, facts: OptionalFacts) {
        self.wanted = facts.has(Group::Agent);
        if !self.wanted {
            self.previous = None;
        }
    }

    /// Appends the entity `agent` below the node, if it is wanted.
    pub(super) fn emit(&mut self, node: EntityId, node_name: &str, builder: &mut Builder) {
        let Some(registry) = self.registry.as_ref().filter(|_| self.wanted) else { return };
        let (now, reading) = (Instant::now(), registry.agent_reading());
        let previous = self.previous.replace((now, reading));
        let previous = previous.map(|(then, reading)| (now.saturating_duration_since(then), reading));
        let agent = builder.entity("agent", node_name, Some(node));
        add(agent, &reading, previous, builder);
    }
}

/// Appends the values that are known. `previous` is the reading before, with the time between the two.
fn add(
    agent: EntityId,
    reading: &AgentReading,
    previous: Option<(Duration, AgentReading)>,
    builder: &mut Builder,
) {
    let elapsed_ns = previous.and_then(|(elapsed, _)| u64::try_from(elapsed.as_nanos()).ok());
    for (index, name) in AgentReading::COUNTERS.into_iter().enumerate() {
        let Some(current) = reading.counters[index] else { continue };
        let before = previous.and_then(|(_, reading)| reading.counters[index]).zip(elapsed_ns);
        builder.counter(agent, name, current, before);
    }
    for (name, value) in AgentReading::GAUGES.into_iter().zip(reading.gauges) {
        if let Some(value) = value {
            builder.gauge(agent, name, value as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use insights_batch::Batch;

    use super::*;

    fn batch(facts: &mut AgentFacts) -> Batch {
        let mut builder = Builder::new("node", "n1", 1, 60_000);
        let node = builder.entity("node", "n1", None);
        facts.emit(node, "n1", &mut builder);
        Batch::from_columns(builder.finish())
    }

    #[test]
    fn nothing_is_read_unless_it_is_wanted() {
        let mut facts = AgentFacts::default();
        facts.want(OptionalFacts::all());
        assert!(batch(&mut facts).find("agent", "n1").is_none(), "a recording has no agent");
        facts.set_registry(Arc::new(StatusRegistry::new(Duration::from_secs(60), Duration::ZERO)));
        facts.want(OptionalFacts::default().with(Group::Load));
        assert!(batch(&mut facts).find("agent", "n1").is_none());
        facts.want(OptionalFacts::default().with(Group::Agent));
        assert!(batch(&mut facts).find("agent", "n1").is_some() && facts.previous.is_some());
        facts.want(OptionalFacts::default());
        assert!(facts.previous.is_none(), "the next reading has no previous one");
    }

    #[test]
    fn counters_have_their_previous_values() {
        let reading = |counters: u64| AgentReading {
            counters: std::array::from_fn(|index| (index != 3).then_some(counters + index as u64)),
            gauges: [Some(9), None, Some(0), None, Some(1 << 20)],
        };
        let mut builder = Builder::new("node", "n1", 1, 60_000);
        let agent = builder.entity("agent", "n1", None);
        add(agent, &reading(100), Some((Duration::from_secs(60), reading(40))), &mut builder);
        let batch = Batch::from_columns(builder.finish());
        let agent = batch.find("agent", "n1").unwrap();
        let lost = agent.counter("insightd.events_lost").unwrap();
        assert_eq!((lost.current, lost.delta()), (105, Some(60.0)));
        assert_eq!(
            agent.counter("insightd.cpu_ns").and_then(|cpu| cpu.per_second()),
            Some(1.0),
            "60 in 60 s"
        );
        assert!(agent.counter("insightd.events_delivered").is_none());
        let gauges = AgentReading::GAUGES.map(|name| agent.gauge(name));
        assert_eq!(gauges, [Some(9.0), None, Some(0.0), None, Some(1_048_576.0)]);
    }
}
