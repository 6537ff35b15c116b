//! The result of a run: its final totals, the last log line, and an error if every event was lost.

use std::sync::{Arc, Mutex};

use insightd_upstream::lock;

use crate::counters::Counters;
use crate::sinks::{Ended, SinkTotal};

/// Cell in which the worker stores its totals at the end of a run. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Outcome(Arc<Mutex<Totals>>);

impl Outcome {
    /// Stores the totals.
    pub fn set(&self, totals: Totals) {
        *lock(&self.0) = totals;
    }

    /// Returns the totals stored last; the default before the first [`set`](Self::set).
    pub fn get(&self) -> Totals {
        lock(&self.0).clone()
    }
}

/// Counts over a whole run.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Counts over all pipelines.
    pub counters: Counters,
    /// Totals of each sink.
    pub sinks: Vec<SinkTotal>,
}

/// Error of a run that delivered nothing, or nothing to one of its sinks.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NothingLeft {
    /// No event reached any sink or service.
    #[error(
        "nothing was delivered: events lost: {events}, batches dropped or not formatted: {batches}; see the \
         log for the cause"
    )]
    Everything {
        /// Lost events.
        events: u64,
        /// Batches that never became events.
        batches: u64,
    },
    /// One sink lost all events that it was given.
    #[error("sink `{sink}`: all of its events were lost: {events}; see the log for the cause")]
    Sink {
        /// Name of the sink.
        sink: String,
        /// Lost events.
        events: u64,
    },
}

impl Totals {
    /// Adds the losses after the last tick, logs the error if there is one, and then logs the totals as the last line of the run.
    ///
    /// # Errors
    /// Events were lost and none is left, neither delivered nor spooled, in all sinks together or in one sink.
    pub fn settle(mut self, ended: &[Ended]) -> Result<(), NothingLeft> {
        let (mut left_in_all, mut without) = (0, None);
        for sink in &mut self.sinks {
            let mut left = sink.flow.events;
            if let Some(ended) = ended.iter().find(|ended| ended.name == sink.name) {
                let since = ended.lost.saturating_sub(sink.lost_later);
                sink.flow.lost.sink += since;
                self.counters.sinks.lost += since;
                left = ended.accepted + ended.waiting;
            }
            let lost = sink.flow.lost.total();
            if left == 0 && lost > 0 && without.is_none() {
                without = Some(NothingLeft::Sink { sink: sink.name.clone(), events: lost });
            }
            left_in_all += left;
        }
        let (events, batches) = (
            self.counters.lost().total(),
            self.counters.undelivered() - self.counters.pipelines.lost.lead_lost,
        );
        if left_in_all == 0 && events + batches > 0 {
            without = Some(NothingLeft::Everything { events, batches });
        }
        if let Some(error) = &without {
            tracing::error!(%error, "the run failed");
        }
        self.counters.log("stopped");
        without.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insightd_pipeline::{Counters as PipelineCounters, Flow, Lost};

    fn lost(sink: u64) -> Lost {
        Lost { sink, ..Lost::default() }
    }

    fn totals(lost_in_all: Lost, sinks: &[(&str, u64, u64, u64)]) -> Totals {
        let total = |&(name, events, sink, lost_later): &(&str, u64, u64, u64)| SinkTotal {
            name: name.into(),
            flow: Flow { events, lost: lost(sink), ..Flow::default() },
            lost_later,
        };
        let pipelines = PipelineCounters { lost: lost_in_all, ..PipelineCounters::default() };
        let counters = Counters { pipelines, ..Counters::default() };
        Totals { counters, sinks: sinks.iter().map(total).collect() }
    }

    fn ended(accepted: u64, waiting: u64, lost: u64) -> Vec<Ended> {
        vec![Ended { name: "logs".into(), accepted, waiting, lost }]
    }

    #[test]
    fn what_is_lost_after_the_last_tick_counts() {
        // The sink took ten events; the service rejected them after the last tick.
        let error = totals(lost(0), &[("logs", 10, 0, 0)]).settle(&ended(0, 0, 10)).unwrap_err();
        assert_eq!(error, NothingLeft::Everything { events: 10, batches: 0 });
        // Four of the ten losses were already counted.
        let error = totals(lost(4), &[("logs", 10, 4, 4)]).settle(&ended(0, 0, 10)).unwrap_err();
        assert_eq!(error, NothingLeft::Everything { events: 10, batches: 0 });
        assert_eq!(
            totals(lost(4), &[("logs", 10, 4, 4)]).settle(&ended(0, 6, 4)),
            Ok(()),
            "the next agent has them"
        );
        assert_eq!(totals(lost(0), &[("logs", 10, 0, 0)]).settle(&ended(1, 0, 9)), Ok(()), "one arrived");
        assert_eq!(totals(lost(0), &[]).settle(&[]), Ok(()), "nothing was to be done");
    }

    #[test]
    fn one_sink_that_lost_everything_is_named() {
        let error = totals(lost(0), &[("stdout", 10, 0, 0), ("logs", 10, 0, 0)]).settle(&ended(0, 0, 10));
        assert_eq!(error, Err(NothingLeft::Sink { sink: "logs".into(), events: 10 }));
    }

    #[test]
    fn what_never_got_to_a_sink_counts() {
        let refused = Lost { route_refused: 7, ..Lost::default() };
        let error = totals(refused, &[("stdout", 0, 0, 0)]).settle(&[]).unwrap_err();
        assert_eq!(error, NothingLeft::Everything { events: 7, batches: 0 });
        let mut unformatted = totals(lost(0), &[("stdout", 0, 0, 0)]);
        unformatted.counters.pipelines.batches_unformatted = 2;
        assert_eq!(unformatted.settle(&[]), Err(NothingLeft::Everything { events: 0, batches: 2 }));
    }
}
