//! Tests the election against a model of all faults between a few candidates and one store: late or lost requests and
//! responses, writes whose response is lost, outdated reads, writes of others to the object, candidates that stop for
//! minutes, die, restart and resign, clocks that differ, drift and step.
//!
//! The events are read from a tape of numbers; zero means no fault, and so does the end of the tape. A shorter tape of a
//! failure therefore describes a simpler case.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;

use super::super::boot_time::BootTime;
use super::super::protocol::{AttemptOutcome, LockState, NextStep, StoreRequest, StoreResponse};
use super::super::record::Record;
use super::Elector;

const LEASE: i64 = 60;
const RETRY: u64 = 5_000;
/// Time until there is a leader without faults: attempts are at most 11 s apart, a lease expires 60 s after it was seen,
/// clocks drift by up to 2 %, and requests take a moment.
const SETTLED: u64 = 61_300 + 3 * 11_300;

/// The rule by which a candidate judges its leadership; only the first is that of the implementation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum LeadershipRule {
    Honest,
    FromResponse,
    UntilNotified,
}

#[derive(Clone, Copy, Debug)]
struct Setup {
    candidates: usize,
    renew_deadline: Duration,
    rule: LeadershipRule,
    /// `true` if the store rejects writes over a state that the writer has not seen.
    is_conditional: bool,
}

#[derive(Clone, Debug)]
enum Step {
    Start(usize),
    Wake(usize),
    Arrive(usize, u64, StoreRequest<usize>),
    Respond(usize, u64, StoreResponse<usize>),
}

struct Candidate {
    elector: Elector<usize>,
    alive: bool,
    /// `true` if the candidate ends after its attempt to release the lock, independent of the result.
    is_releasing: bool,
    epoch: u64,
    /// Id of the request whose response is awaited.
    awaits: u64,
    begun: u64,
    stopped_until: u64,
    offset_ns: u64,
    drift_ppm: i64,
    wall_ms: i64,
    assumed_until: BootTime,
}

struct World<'t> {
    setup: Setup,
    now: u64,
    tape: std::slice::Iter<'t, u16>,
    /// Future events by time; the number preserves their order.
    steps: BTreeMap<(u64, u64), (u64, Step)>,
    count: u64,
    /// All states of the record; the last one is current.
    versions: Vec<String>,
    candidates: Vec<Candidate>,
    terms: u32,
}

impl World<'_> {
    fn new(setup: Setup, tape: &[u16]) -> World<'_> {
        let mut world = World {
            setup,
            now: 1_000_000,
            tape: tape.iter(),
            steps: BTreeMap::new(),
            count: 0,
            versions: Vec::new(),
            candidates: Vec::new(),
            terms: 0,
        };
        for index in 0..setup.candidates {
            let elector = world.elector(index);
            let offset_ns = u64::from(world.next()) * 1_000_000_000;
            let drift_ppm = i64::from(world.next()) % 40_001 - 20_000;
            let wall_ms = i64::from(world.next()) * 1_000 - 30_000_000;
            world.candidates.push(Candidate {
                elector,
                alive: false,
                is_releasing: false,
                epoch: 0,
                awaits: 0,
                begun: 0,
                stopped_until: 0,
                offset_ns,
                drift_ppm,
                wall_ms,
                assumed_until: BootTime::default(),
            });
            world.plan(0, Step::Start(index));
        }
        world
    }

    fn elector(&self, index: usize) -> Elector<usize> {
        Elector::new(&format!("node-{index}"), LEASE, self.setup.renew_deadline)
    }

    fn next(&mut self) -> u16 {
        self.tape.next().copied().unwrap_or(0)
    }

    /// Returns a random span of up to two and a half minutes, in milliseconds.
    fn span(&mut self) -> u64 {
        u64::from(self.next()) * 150_000 / 65_536
    }

    fn plan(&mut self, after: u64, step: Step) {
        let (Step::Start(who) | Step::Wake(who) | Step::Arrive(who, ..) | Step::Respond(who, ..)) = step;
        let epoch = self.candidates.get(who).map_or(0, |candidate| candidate.epoch);
        self.count += 1;
        self.steps.insert((self.now + after, self.count), (epoch, step));
    }

    fn clock(&self, who: usize) -> BootTime {
        let candidate = &self.candidates[who];
        let rate = u64::try_from(1_000_000 + candidate.drift_ppm).unwrap();
        BootTime::from_nanos(candidate.offset_ns + self.now * rate)
    }

    fn wall(&self, who: usize) -> Timestamp {
        let now = i64::try_from(self.now).unwrap();
        Timestamp::from_millisecond(1_700_000_000_000 + now + self.candidates[who].wall_ms).unwrap()
    }

    fn leaders(&self) -> Vec<usize> {
        let is_leading = |who: &usize| {
            let candidate = &self.candidates[*who];
            candidate.alive
                && match self.setup.rule {
                    LeadershipRule::Honest => candidate.elector.is_leading(self.clock(*who)),
                    LeadershipRule::FromResponse | LeadershipRule::UntilNotified => {
                        self.clock(*who) < candidate.assumed_until
                    }
                }
        };
        (0..self.candidates.len()).filter(is_leading).collect()
    }

    /// Processes the next event; returns false if two candidates lead at the same time.
    fn step(&mut self) -> bool {
        let Some(((now, _), (epoch, step))) = self.steps.pop_first() else { return true };
        self.now = now;
        match step {
            Step::Arrive(who, id, request) => self.arrive(who, id, request),
            Step::Start(who) => {
                self.candidates[who].elector = self.elector(who);
                self.candidates[who].alive = true;
                self.plan(0, Step::Wake(who));
            }
            Step::Wake(who) | Step::Respond(who, ..) if self.candidates[who].epoch != epoch => {}
            Step::Wake(who) | Step::Respond(who, ..) if self.candidates[who].stopped_until > now => {
                self.plan(self.candidates[who].stopped_until - now, step);
            }
            Step::Wake(who) => self.wake(who),
            Step::Respond(who, id, response) => self.respond(who, id, response),
        }
        self.leaders().len() < 2
    }

    fn wake(&mut self, who: usize) {
        let fault = self.next() % 64;
        match fault {
            // Another client changes another part of the object.
            1 => self.versions.extend(self.versions.last().cloned()),
            2 | 3 => self.candidates[who].wall_ms += i64::from(self.next() % 41) * 5_000 - 150_000,
            4 => return self.end(who),
            _ => {}
        }
        let (now, wall) = (self.clock(who), self.wall(who));
        self.candidates[who].begun = self.now;
        if fault == 5 {
            self.candidates[who].assumed_until = BootTime::default();
            self.candidates[who].is_releasing = true;
            let next = self.candidates[who].elector.release(now);
            return self.continue_attempt(who, next);
        }
        let request = self.candidates[who].elector.begin(now, wall);
        self.send(who, request);
        if let 6..=9 = fault {
            self.candidates[who].stopped_until = self.now + self.span();
        }
    }

    /// Ends the candidate, and restarts it later.
    fn end(&mut self, who: usize) {
        self.candidates[who].alive = false;
        self.candidates[who].is_releasing = false;
        self.candidates[who].awaits = 0;
        self.candidates[who].epoch += 1;
        self.candidates[who].assumed_until = BootTime::default();
        let span = self.span();
        self.plan(1_000 + span, Step::Start(who));
    }

    fn send(&mut self, who: usize, request: StoreRequest<usize>) {
        let id = self.count;
        self.candidates[who].awaits = id;
        self.plan(RETRY, Step::Respond(who, id, StoreResponse::Failed));
        let delay = match self.next() % 32 {
            1 => return,
            2 | 3 => self.span(),
            _ => 5,
        };
        self.plan(delay, Step::Arrive(who, id, request));
    }

    fn arrive(&mut self, who: usize, id: u64, request: StoreRequest<usize>) {
        let current = self.versions.len().checked_sub(1);
        let response = match (request, current) {
            (StoreRequest::Get { .. } | StoreRequest::Update(..), None) => StoreResponse::Missing,
            (StoreRequest::Get { is_consistent }, Some(mut version)) => {
                if !is_consistent {
                    version = version.saturating_sub(usize::from(self.next() % 4));
                }
                self.show(version)
            }
            (StoreRequest::Create(_), Some(_)) => StoreResponse::Conflict,
            (StoreRequest::Update(base, _), Some(current))
                if self.setup.is_conditional && base != current =>
            {
                StoreResponse::Conflict
            }
            (StoreRequest::Create(record) | StoreRequest::Update(_, record), _) => {
                self.versions.push(record.to_annotation());
                self.show(self.versions.len() - 1)
            }
        };
        let delay = match self.next() % 32 {
            1 | 2 => return,
            3 => self.span() / 30,
            4 => self.span(),
            _ => 5,
        };
        self.plan(delay, Step::Respond(who, id, response));
    }

    fn show(&self, version: usize) -> StoreResponse<usize> {
        let raw = self.versions[version].clone();
        let record = Record::from_annotation(&raw).unwrap();
        StoreResponse::Found(LockState { object: version, raw, record })
    }

    fn respond(&mut self, who: usize, id: u64, response: StoreResponse<usize>) {
        // Other responses are too late, or for a successor of the candidate.
        if self.candidates[who].awaits == id {
            let (now, wall) = (self.clock(who), self.wall(who));
            let next = self.candidates[who].elector.on_response(response, now, wall);
            self.continue_attempt(who, next);
        }
    }

    fn continue_attempt(&mut self, who: usize, next: NextStep<usize>) {
        let outcome = match next {
            NextStep::Send(request) => return self.send(who, request),
            NextStep::Done(outcome) => outcome,
        };
        let (now, deadline) = (self.clock(who), self.setup.renew_deadline);
        let candidate = &mut self.candidates[who];
        candidate.awaits = 0;
        if candidate.is_releasing {
            return self.end(who);
        }
        match outcome {
            AttemptOutcome::Leading => {
                self.terms += 1;
                let forever = Duration::from_secs(1_000_000);
                let lasts = if self.setup.rule == LeadershipRule::UntilNotified { forever } else { deadline };
                candidate.assumed_until = now.after(lasts);
                let since = self.now - candidate.begun;
                self.plan(RETRY.saturating_sub(since), Step::Wake(who));
            }
            AttemptOutcome::Following | AttemptOutcome::Failed | AttemptOutcome::Released => {
                if outcome == AttemptOutcome::Following {
                    candidate.assumed_until = BootTime::default();
                }
                let jitter = u64::from(self.next()) * 6_000 / 65_536;
                self.plan(RETRY + jitter, Step::Wake(who));
            }
        }
    }

    /// Runs the tape, and then until everything has settled. Returns an error if a property is violated.
    fn run(&mut self) -> Result<(), String> {
        let wrong = |world: &Self| {
            let leaders = world.leaders();
            format!("at {} ms {leaders:?} lead at one time; records: {:#?}", world.now, world.versions)
        };
        while !self.tape.as_slice().is_empty() {
            if !self.step() {
                return Err(wrong(self));
            }
        }
        // Events that were pending when the faults ended still occur.
        let planned = self.steps.last_key_value().map_or(0, |((time, _), _)| *time);
        let stopped = self.candidates.iter().map(|candidate| candidate.stopped_until).max().unwrap_or(0);
        let settled = planned.max(stopped).max(self.now) + SETTLED;
        while self.now < settled + 600_000 {
            if !self.step() {
                return Err(wrong(self));
            }
            if self.now > settled && self.leaders().is_empty() {
                return Err(format!("nobody leads at {} ms, settled at {settled} ms", self.now));
            }
        }
        Ok(())
    }
}

fn setup() -> impl Strategy<Value = Setup> {
    // Up to the deadline at which drifting clocks leave no margin.
    (1_usize..5, prop_oneof![Just(15), Just(30), Just(55)]).prop_map(|(candidates, deadline)| Setup {
        candidates,
        renew_deadline: Duration::from_secs(deadline),
        rule: LeadershipRule::Honest,
        is_conditional: true,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn there_is_never_more_than_one_leader_and_eventually_one(setup in setup(), tape in prop::collection::vec(any::<u16>(), 0..1_500)) {
        let mut world = World::new(setup, &tape);
        world.run().map_err(TestCaseError::fail)?;
        prop_assert!(world.terms > 0);
    }
}

/// Returns true if the model finds a case in which two candidates lead.
fn finds_two_leaders(setup: Setup) -> bool {
    (0..20_000).any(|seed| {
        let mut random = fastrand::Rng::with_seed(seed);
        let tape: Vec<u16> = (0..1_500).map(|_| random.u16(..)).collect();
        World::new(setup, &tape).run().is_err_and(|error| error.contains("lead at one time"))
    })
}

const HONEST: Setup = Setup {
    candidates: 3,
    renew_deadline: Duration::from_secs(15),
    rule: LeadershipRule::Honest,
    is_conditional: true,
};

#[test]
fn the_model_finds_leadership_counted_from_the_response() {
    assert!(finds_two_leaders(Setup { rule: LeadershipRule::FromResponse, ..HONEST }));
}

#[test]
fn the_model_finds_leadership_without_expiry() {
    assert!(finds_two_leaders(Setup { rule: LeadershipRule::UntilNotified, ..HONEST }));
}

#[test]
fn the_model_finds_unconditional_writes() {
    assert!(finds_two_leaders(Setup { is_conditional: false, ..HONEST }));
}
