//! Runs `statfs` with a time limit.
//!
//! A file system whose server is gone (NFS) or whose device hangs can block a `statfs` indefinitely, and no signal ends it.
//! So every query runs on a helper thread. If one does not respond in time, its thread is left blocked, the mount is not
//! queried again until the thread returns, and there are never more than [`MAX_THREADS`] such threads.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

/// Maximum number of threads that wait at the same time.
const MAX_THREADS: usize = 16;
/// Time limit of the first wait; slower file systems are waited for together at the end.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// Stack size of a helper thread, which only opens a path and calls `statfs`.
const STACK_BYTES: usize = 64 * 1024;

/// A query; runs on a helper thread.
pub(crate) type Query<T> = Box<dyn FnOnce() -> T + Send>;

/// Outcome of a query.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome<T> {
    /// The response.
    Response(T),
    /// No response in time; the thread stays blocked.
    Late,
    /// Not queried: an earlier query about the same object is still without a response.
    StillBlocked,
    /// Not queried: too many queries are without a response, or no thread could be created.
    NoThread,
}

/// The pool of helper threads.
#[derive(Debug)]
pub(crate) struct Prober<T> {
    helpers: Vec<Helper<T>>,
    timeout: Duration,
}

#[derive(Debug)]
struct Helper<T> {
    queries: SyncSender<Query<T>>,
    responses: Receiver<T>,
    /// Object of the query without a response, `None` for an idle helper.
    object: Option<String>,
}

impl<T: Send + 'static> Prober<T> {
    /// Creates a prober. `timeout` limits all queries of one [`Prober::run`] together.
    pub(crate) fn new(timeout: Duration) -> Self {
        Self { helpers: Vec::new(), timeout }
    }

    /// Runs the queries, each with the name of its object. Returns the outcomes in the same order.
    pub(crate) fn run(&mut self, queries: Vec<(String, Query<T>)>) -> Vec<Outcome<T>> {
        let end = Instant::now() + self.timeout;
        self.collect_late_responses();
        let mut outcomes = Vec::with_capacity(queries.len());
        let mut late: Vec<(usize, String)> = Vec::new();
        for (object, query) in queries {
            if self.helpers.iter().any(|helper| helper.object.as_ref() == Some(&object)) {
                outcomes.push(Outcome::StillBlocked);
                continue;
            }
            let Some(helper) = self.idle() else {
                outcomes.push(Outcome::NoThread);
                continue;
            };
            if helper.queries.send(query).is_err() {
                outcomes.push(Outcome::NoThread);
                continue;
            }
            let wait = FIRST_WAIT.min(end.saturating_duration_since(Instant::now()));
            match helper.responses.recv_timeout(wait) {
                Ok(response) => outcomes.push(Outcome::Response(response)),
                Err(_) => {
                    helper.object = Some(object.clone());
                    late.push((outcomes.len(), object));
                    outcomes.push(Outcome::Late);
                }
            }
        }
        for (index, object) in late {
            let Some(helper) = self.helpers.iter_mut().find(|helper| helper.object.as_ref() == Some(&object))
            else {
                continue;
            };
            let rest = end.saturating_duration_since(Instant::now());
            match helper.responses.recv_timeout(rest) {
                Ok(response) => {
                    helper.object = None;
                    outcomes[index] = Outcome::Response(response);
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
        self.keep_one_idle();
        outcomes
    }

    /// Returns the number of threads that are still blocked.
    #[cfg(test)]
    fn blocked(&self) -> usize {
        self.helpers.iter().filter(|helper| helper.object.is_some()).count()
    }

    fn collect_late_responses(&mut self) {
        self.helpers.retain_mut(|helper| match helper.responses.try_recv() {
            // the response to a query of an earlier tick is outdated
            Ok(_) => {
                helper.object = None;
                true
            }
            Err(TryRecvError::Empty) => true,
            Err(TryRecvError::Disconnected) => false,
        });
    }

    fn idle(&mut self) -> Option<&mut Helper<T>> {
        let idle = self.helpers.iter().position(|helper| helper.object.is_none());
        let index = match idle {
            Some(index) => index,
            None if self.helpers.len() < MAX_THREADS => {
                self.helpers.push(Helper::start()?);
                self.helpers.len() - 1
            }
            None => return None,
        };
        self.helpers.get_mut(index)
    }

    fn keep_one_idle(&mut self) {
        let mut idle = 0;
        self.helpers.retain(|helper| {
            idle += usize::from(helper.object.is_none());
            helper.object.is_some() || idle == 1
        });
    }
}

impl<T: Send + 'static> Helper<T> {
    fn start() -> Option<Self> {
        let (queries, inbox) = sync_channel::<Query<T>>(1);
        let (outbox, responses) = sync_channel(1);
        std::thread::Builder::new()
            .name("statfs".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || {
                // ends once the prober drops the other ends of the channels
                while let Ok(query) = inbox.recv() {
                    if outbox.send(query()).is_err() {
                        return;
                    }
                }
            })
            .ok()?;
        Some(Self { queries, responses, object: None })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Barrier};

    use super::*;

    fn quick(object: &str, response: u32) -> (String, Query<u32>) {
        (object.to_owned(), Box::new(move || response))
    }

    fn hanging(object: &str, until: &Arc<Barrier>) -> (String, Query<u32>) {
        let until = Arc::clone(until);
        let wait = move || {
            until.wait();
            99
        };
        (object.to_owned(), Box::new(wait))
    }

    #[test]
    fn a_blocked_query_delays_no_others_and_is_not_repeated() {
        let mut prober = Prober::new(Duration::from_millis(300));
        let barrier = Arc::new(Barrier::new(2));
        let outcomes = prober.run(vec![quick("a", 1), hanging("nfs", &barrier), quick("b", 2)]);
        assert_eq!(outcomes, [Outcome::Response(1), Outcome::Late, Outcome::Response(2)]);
        assert_eq!(prober.blocked(), 1);
        assert_eq!(prober.helpers.len(), 2);

        let outcomes = prober.run(vec![quick("a", 3), quick("nfs", 4)]);
        assert_eq!(outcomes, [Outcome::Response(3), Outcome::StillBlocked]);
        assert_eq!(prober.helpers.len(), 2);

        barrier.wait();
        // the thread needs a moment to hand over a response that is no longer awaited
        let back = (0..1000).any(|_| {
            std::thread::sleep(Duration::from_millis(5));
            prober.run(vec![quick("nfs", 5)]) == [Outcome::Response(5)]
        });
        assert!(back);
        assert_eq!(prober.blocked(), 0);
        assert_eq!(prober.helpers.len(), 1);
    }

    #[test]
    fn the_number_of_threads_is_bounded() {
        let mut prober = Prober::new(Duration::ZERO);
        let barrier = Arc::new(Barrier::new(MAX_THREADS + 1));
        let queries = (0..MAX_THREADS + 3).map(|index| hanging(&index.to_string(), &barrier)).collect();
        let outcomes = prober.run(queries);
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Late).count(), MAX_THREADS);
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::NoThread).count(), 3);
        assert_eq!(prober.blocked(), MAX_THREADS);
        barrier.wait();
    }
}
