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
const PATIENCE: Duration = Duration::from_millis(100);
/// Stack size of a helper thread, which only opens a path and calls `statfs`.
const STACK_BYTES: usize = 64 * 1024;

/// A query; runs on a helper thread.
pub(crate) type Question<T> = Box<dyn FnOnce() -> T + Send>;

/// Outcome of a query.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome<T> {
    /// The response.
    Answer(T),
    /// No response in time; the thread stays blocked.
    Late,
    /// Not queried: an earlier query about the same object is still without a response.
    StillWaiting,
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
    questions: SyncSender<Question<T>>,
    answers: Receiver<T>,
    /// Object of the query without a response, `None` for an idle helper.
    about: Option<String>,
}

impl<T: Send + 'static> Prober<T> {
    /// Creates a prober. `timeout` limits all queries of one [`Prober::ask`] together.
    pub(crate) fn new(timeout: Duration) -> Self {
        Self { helpers: Vec::new(), timeout }
    }

    /// Runs the queries, each with the name of its object. Returns the outcomes in the same order.
    pub(crate) fn ask(&mut self, questions: Vec<(String, Question<T>)>) -> Vec<Outcome<T>> {
        let end = Instant::now() + self.timeout;
        self.welcome_back();
        let mut outcomes = Vec::with_capacity(questions.len());
        let mut late: Vec<(usize, String)> = Vec::new();
        for (about, question) in questions {
            if self.helpers.iter().any(|helper| helper.about.as_ref() == Some(&about)) {
                outcomes.push(Outcome::StillWaiting);
                continue;
            }
            let Some(helper) = self.idle() else {
                outcomes.push(Outcome::NoThread);
                continue;
            };
            if helper.questions.send(question).is_err() {
                outcomes.push(Outcome::NoThread);
                continue;
            }
            let patience = PATIENCE.min(end.saturating_duration_since(Instant::now()));
            match helper.answers.recv_timeout(patience) {
                Ok(answer) => outcomes.push(Outcome::Answer(answer)),
                Err(_) => {
                    helper.about = Some(about.clone());
                    late.push((outcomes.len(), about));
                    outcomes.push(Outcome::Late);
                }
            }
        }
        for (index, about) in late {
            let Some(helper) = self.helpers.iter_mut().find(|helper| helper.about.as_ref() == Some(&about))
            else {
                continue;
            };
            let rest = end.saturating_duration_since(Instant::now());
            match helper.answers.recv_timeout(rest) {
                Ok(answer) => {
                    helper.about = None;
                    outcomes[index] = Outcome::Answer(answer);
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
        self.keep_one_idle();
        outcomes
    }

    /// Returns the number of threads that are still blocked.
    pub(crate) fn waiting(&self) -> usize {
        self.helpers.iter().filter(|helper| helper.about.is_some()).count()
    }

    fn welcome_back(&mut self) {
        self.helpers.retain_mut(|helper| match helper.answers.try_recv() {
            // the response to a query of an earlier tick is outdated
            Ok(_) => {
                helper.about = None;
                true
            }
            Err(TryRecvError::Empty) => true,
            Err(TryRecvError::Disconnected) => false,
        });
    }

    fn idle(&mut self) -> Option<&mut Helper<T>> {
        let idle = self.helpers.iter().position(|helper| helper.about.is_none());
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
            idle += usize::from(helper.about.is_none());
            helper.about.is_some() || idle == 1
        });
    }
}

impl<T: Send + 'static> Helper<T> {
    fn start() -> Option<Self> {
        let (questions, inbox) = sync_channel::<Question<T>>(1);
        let (outbox, answers) = sync_channel(1);
        std::thread::Builder::new()
            .name("statfs".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || {
                // ends once the prober drops the other ends of the channels
                while let Ok(question) = inbox.recv() {
                    if outbox.send(question()).is_err() {
                        return;
                    }
                }
            })
            .ok()?;
        Some(Self { questions, answers, about: None })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Barrier};

    use super::*;

    fn quick(about: &str, answer: u32) -> (String, Question<u32>) {
        (about.to_owned(), Box::new(move || answer))
    }

    fn hanging(about: &str, until: &Arc<Barrier>) -> (String, Question<u32>) {
        let until = Arc::clone(until);
        let wait = move || {
            until.wait();
            99
        };
        (about.to_owned(), Box::new(wait))
    }

    #[test]
    fn a_hanging_one_costs_the_others_nothing_and_is_not_asked_again() {
        let mut prober = Prober::new(Duration::from_millis(300));
        let gate = Arc::new(Barrier::new(2));
        let outcomes = prober.ask(vec![quick("a", 1), hanging("nfs", &gate), quick("b", 2)]);
        assert_eq!(outcomes, [Outcome::Answer(1), Outcome::Late, Outcome::Answer(2)]);
        assert_eq!(prober.waiting(), 1);
        assert_eq!(prober.helpers.len(), 2);

        let outcomes = prober.ask(vec![quick("a", 3), quick("nfs", 4)]);
        assert_eq!(outcomes, [Outcome::Answer(3), Outcome::StillWaiting]);
        assert_eq!(prober.helpers.len(), 2);

        gate.wait();
        // the thread needs a moment to hand over a response that is no longer awaited
        let back = (0..1000).any(|_| {
            std::thread::sleep(Duration::from_millis(5));
            prober.ask(vec![quick("nfs", 5)]) == [Outcome::Answer(5)]
        });
        assert!(back);
        assert_eq!(prober.waiting(), 0);
        assert_eq!(prober.helpers.len(), 1);
    }

    #[test]
    fn threads_are_bounded() {
        let mut prober = Prober::new(Duration::ZERO);
        let gate = Arc::new(Barrier::new(MAX_THREADS + 1));
        let questions = (0..MAX_THREADS + 3).map(|index| hanging(&index.to_string(), &gate)).collect();
        let outcomes = prober.ask(questions);
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Late).count(), MAX_THREADS);
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::NoThread).count(), 3);
        assert_eq!(prober.waiting(), MAX_THREADS);
        gate.wait();
    }
}
