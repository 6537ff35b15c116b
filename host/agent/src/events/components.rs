//! Kubernetes Events about components that fail and events that are lost.

use std::collections::{HashMap, HashSet};

use insightd_kubernetes::events::{Event, EventKind, EventRecorder, InvolvedObject};
use insightd_pipeline::Pipeline;

use crate::counters::Counters;

/// Publishes a Kubernetes Event when a component fails, stops working or recovers, and when events are lost. The
/// recorder merges equal events into one with a count.
#[derive(Debug)]
pub struct ComponentEvents {
    recorder: EventRecorder,
    seen: Seen,
}

/// State after the last tick.
#[derive(Debug, Default)]
struct Seen {
    /// Failed calls by slot name, since the start.
    failures: HashMap<String, u64>,
    /// Slots in which no version works.
    down: HashSet<String>,
    lost: u64,
}

impl ComponentEvents {
    /// Creates a publisher that publishes through `recorder`.
    pub fn new(recorder: EventRecorder) -> Self {
        Self { recorder, seen: Seen::default() }
    }

    /// Compares the slots and counters with the last tick, and publishes an event for each change. Called after every tick.
    pub fn update(&mut self, pipelines: &[Pipeline], counters: &Counters) {
        let slots = pipelines.iter().flat_map(Pipeline::slots).map(|slot| slot.slot());
        let states = slots.map(|slot| {
            let stats = slot.stats();
            (slot.name(), stats.failures.iter().sum(), stats.last_error.as_deref())
        });
        for event in self.seen.update(states, counters) {
            self.recorder.publish(event);
        }
        let slots = pipelines.iter().flat_map(Pipeline::slots).map(|slot| slot.slot());
        for event in self.seen.update_down(
            slots.map(|slot| (slot.name(), slot.failed_batches() > 0, slot.stats().last_error.as_deref())),
        ) {
            self.recorder.publish(event);
        }
    }
}

impl Seen {
    /// Returns one event when no version works in a slot any more, and one when a version works again.
    fn update_down<'s>(
        &mut self,
        slots: impl Iterator<Item = (&'s str, bool, Option<&'s str>)>,
    ) -> Vec<Event> {
        let mut events = Vec::new();
        for (name, is_down, error) in slots {
            let (kind, reason, message) = if is_down && self.down.insert(name.to_owned()) {
                let error = error.unwrap_or("unknown error");
                (EventKind::Warning, "TransformDown", format!("{name}: no version works: {error}"))
            } else if !is_down && self.down.remove(name) {
                (EventKind::Normal, "TransformRecovered", format!("{name}: works again"))
            } else {
                continue;
            };
            events.push(Event { kind, reason: reason.into(), message, involved_object: InvolvedObject::Pod });
        }
        events
    }

    fn update<'s>(
        &mut self,
        slots: impl Iterator<Item = (&'s str, u64, Option<&'s str>)>,
        counters: &Counters,
    ) -> Vec<Event> {
        let warning = |reason: &str, message: String| Event {
            kind: EventKind::Warning,
            reason: reason.into(),
            message,
            involved_object: InvolvedObject::Pod,
        };
        let mut events = Vec::new();
        for (name, failures, error) in slots {
            let before = self.failures.insert(name.to_owned(), failures).unwrap_or_default();
            if failures > before {
                let error = error.unwrap_or("unknown error");
                events.push(warning("TransformFailed", format!("{name}: {error}")));
            }
        }
        let lost = counters.lost().total();
        if lost > self.lost {
            let causes = counters.lost().by_cause();
            let causes: Vec<&str> =
                causes.iter().filter(|(_, events)| *events > 0).map(|(word, _)| *word).collect();
            events.push(warning("EventsLost", format!("events were dropped: {}", causes.join(", "))));
        }
        self.lost = lost;
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_in_which_nothing_works_is_reported_once_and_so_is_its_recovery() {
        let mut seen = Seen::default();
        let mut reported = |is_down| -> Vec<String> {
            let events = seen.update_down([("node/emf", is_down, Some("trapped"))].into_iter());
            events.into_iter().map(|event| format!("{}: {}", event.reason, event.message)).collect()
        };
        assert!(reported(false).is_empty());
        assert_eq!(reported(true), ["TransformDown: node/emf: no version works: trapped"]);
        assert!(reported(true).is_empty());
        assert_eq!(reported(false), ["TransformRecovered: node/emf: works again"]);
    }

    #[test]
    fn reported_when_it_gets_worse_and_not_again() {
        let mut seen = Seen::default();
        let mut counters = Counters::default();
        let reported = |seen: &mut Seen, failures, counters: &Counters| -> Vec<String> {
            let slots = [("node/decorate", 0, None), ("node/emf", failures, Some("out of memory"))];
            seen.update(slots.into_iter(), counters)
                .into_iter()
                .map(|e| format!("{}: {}", e.reason, e.message))
                .collect()
        };
        assert!(reported(&mut seen, 0, &counters).is_empty());
        assert_eq!(reported(&mut seen, 1, &counters), ["TransformFailed: node/emf: out of memory"]);
        assert!(reported(&mut seen, 1, &counters).is_empty());
        counters.sinks.lost = 3;
        assert_eq!(reported(&mut seen, 1, &counters), ["EventsLost: events were dropped: sink"]);
        assert!(reported(&mut seen, 1, &counters).is_empty());
    }
}
