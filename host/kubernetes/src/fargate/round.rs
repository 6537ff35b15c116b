//! A round: one request to each node, a few at a time.
//!
//! Each node has a fixed time within the jitter, by a hash of its name, so that its readings are equally far apart and the API
//! server's load is even. Nodes whose last request failed have their turn after the jitter: first those that failed once, last
//! those that failed often, and of these the one that waited longest. Dead nodes take slots only when no other node needs
//! them. Nodes that die within the round can keep slots busy up to the deadline once, and are last in the next rounds.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, BuildHasherDefault};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use insightd_fargate::cadvisor::NodeReading;
use insightd_upstream::{UpstreamStatus, lock};
use insights_batch::FxHasher;
use tokio::time::{Instant, sleep_until};

use super::FargateSettings;
use super::scrape::{ScrapeError, ScrapeLimits, path_of, scrape};

/// Number of failing nodes that are logged one by one in a round.
const LOGGED: usize = 3;

/// Number of failures in a row from which nodes take equal turns.
const OFTEN: u32 = 3;

/// Counts of rounds and requests since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScrapeTotals {
    /// Rounds that ended.
    pub rounds: u64,
    /// Nodes that were read.
    pub scraped: u64,
    /// Nodes with an error or a bad response.
    pub failed: u64,
    /// Nodes without a complete response at the deadline, or without a turn.
    pub late: u64,
    /// Samples in the responses.
    pub samples: u64,
    /// Malformed lines in the responses.
    pub malformed_lines: u64,
    /// Rows of pods that were left out.
    pub left_out: u64,
}

/// A handle to the counts.
#[derive(Clone, Debug, Default)]
pub struct ScrapeCounters(Arc<Mutex<ScrapeTotals>>);

impl ScrapeCounters {
    /// Returns the counts so far.
    pub fn totals(&self) -> ScrapeTotals {
        *lock(&self.0)
    }
}

/// The past of a node.
#[derive(Clone, Copy, Debug, Default)]
struct History {
    /// Failures since the last success.
    failures: u32,
    /// Number of the round of its last turn.
    last_turn: u64,
}

/// The sender of requests to nodes.
pub(super) struct Scraper {
    client: kube::Client,
    interval: Duration,
    concurrency: usize,
    jitter: Duration,
    limits: ScrapeLimits,
    status: Arc<UpstreamStatus>,
    counters: ScrapeCounters,
    history: HashMap<Arc<str>, History>,
    rounds: u64,
}

type NodeResult = (Arc<str>, Result<NodeReading, ScrapeError>);

impl Scraper {
    pub(super) fn new(client: kube::Client, settings: &FargateSettings) -> Self {
        Self {
            client,
            interval: settings.interval,
            concurrency: settings.concurrency.max(1),
            jitter: settings.jitter.min(settings.interval / 2),
            limits: ScrapeLimits {
                deadline: settings.effective_deadline(),
                response: settings.limits,
                reading: settings.reading_limits,
            },
            status: Arc::new(UpstreamStatus::new("fargate")),
            counters: ScrapeCounters::default(),
            history: HashMap::new(),
            rounds: 0,
        }
    }

    pub(super) fn counters(&self) -> ScrapeCounters {
        self.counters.clone()
    }

    pub(super) fn status(&self) -> Arc<UpstreamStatus> {
        Arc::clone(&self.status)
    }

    /// Reads the nodes, in a round that began at `round_begin`. Returns one result for each.
    pub(super) async fn round(&mut self, nodes: Vec<Arc<str>>, round_begin: Instant) -> Vec<NodeResult> {
        let begin = Instant::now();
        // Leaves time for the transforms before the next tick.
        let end = round_begin + self.interval * 11 / 12;
        self.rounds += 1;
        let mut known = std::mem::take(&mut self.history);
        self.history = nodes
            .into_iter()
            .map(|node| {
                let history = known.remove(&node).unwrap_or_default();
                (node, history)
            })
            .collect();
        let mut queue = self.queue();
        let mut results = Vec::with_capacity(queue.len());
        let mut running = FuturesUnordered::new();
        loop {
            let now = Instant::now();
            let has_slot = running.len() < self.concurrency && now < end;
            match queue.front() {
                Some((offset, _)) if has_slot && begin + *offset <= now => {
                    if let Some((_, node)) = queue.pop_front() {
                        running.push(self.turn(node, end - now));
                    }
                    continue;
                }
                None if running.is_empty() => break,
                Some(_) if now >= end && running.is_empty() => break,
                _ => {}
            }
            let next = queue.front().map_or(end, |(offset, _)| begin + *offset);
            tokio::select! {
                Some(result) = running.next() => results.push(result),
                () = sleep_until(next.min(end)), if has_slot && !queue.is_empty() => {}
            }
        }
        drop(running);
        results.extend(queue.into_iter().map(|(_, node)| {
            let error = ScrapeError::NoTurn { node: node.to_string(), path: path_of(&node) };
            (node, Err(error))
        }));
        self.record(&results);
        results
    }

    /// Returns the nodes with the times of their turns, in order.
    fn queue(&self) -> VecDeque<(Duration, Arc<str>)> {
        let hasher = BuildHasherDefault::<FxHasher>::default();
        let mut turns: Vec<(u32, u64, Duration, Arc<str>)> = self
            .history
            .iter()
            .map(|(node, history)| {
                let share = f64::from((hasher.hash_one(&**node) >> 32) as u32) / f64::from(u32::MAX);
                match history.failures {
                    0 => (0, 0, self.jitter.mul_f64(share), Arc::clone(node)),
                    failures => (failures.min(OFTEN), history.last_turn, self.jitter, Arc::clone(node)),
                }
            })
            .collect();
        turns.sort();
        turns.into_iter().map(|(_, _, offset, node)| (offset, node)).collect()
    }

    /// Reads one node, within the time that is left of the round.
    async fn turn(&self, node: Arc<str>, left: Duration) -> NodeResult {
        let result = scrape(&self.client, &node, self.limits, left, &self.status).await.map(|(reading, report)| {
            if let Some(line) = &report.first_malformed {
                tracing::debug!(node = &*node, malformed = report.malformed, %line, "malformed lines skipped");
            }
            let mut totals = lock(&self.counters.0);
            totals.samples += report.samples;
            totals.malformed_lines += report.malformed;
            totals.left_out += reading.left_out();
            reading
        });
        (node, result)
    }

    /// Counts the results of a round, and updates the status: the source fails if no node could be read.
    pub(super) fn record(&mut self, results: &[NodeResult]) {
        let mut totals = self.counters.totals();
        totals.rounds += 1;
        let (mut newly_failing, mut recovered) = (0, 0);
        for (node, result) in results {
            let Some(history) = self.history.get_mut(node) else { continue };
            if !matches!(result, Err(ScrapeError::NoTurn { .. })) {
                history.last_turn = self.rounds;
            }
            match result {
                Ok(_) => {
                    totals.scraped += 1;
                    recovered += usize::from(history.failures > 0);
                    history.failures = 0;
                }
                Err(error) => {
                    match error.is_late() {
                        true => totals.late += 1,
                        false => totals.failed += 1,
                    }
                    if history.failures == 0 {
                        newly_failing += 1;
                        if newly_failing <= LOGGED {
                            tracing::warn!(%error, "cannot read a Fargate node");
                        }
                    }
                    // A node without a turn is not to blame.
                    if !matches!(error, ScrapeError::NoTurn { .. }) {
                        history.failures = history.failures.saturating_add(1);
                    }
                }
            }
        }
        if newly_failing > LOGGED {
            tracing::warn!(nodes = newly_failing, "more Fargate nodes cannot be read since this tick");
        }
        if recovered > 0 {
            tracing::info!(nodes = recovered, "Fargate nodes can be read again");
        }
        match shown_error(results) {
            Some(error) if results.iter().all(|(_, result)| result.is_err()) => {
                self.status.failed(error.to_string());
            }
            _ => self.status.succeeded(),
        }
        *lock(&self.counters.0) = totals;
    }
}

/// Returns the error of the first node by name, of those that had a turn if there are any. The order of the results differs from round
/// to round, and a changed error is logged again.
fn shown_error(results: &[NodeResult]) -> Option<&ScrapeError> {
    let errors = results.iter().filter_map(|(node, result)| Some((node, result.as_ref().err()?)));
    let first =
        errors.min_by_key(|(node, error)| (matches!(error, ScrapeError::NoTurn { .. }), Arc::clone(node)));
    first.map(|(_, error)| error)
}
