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

use super::super::clock::Moment;
use super::super::record::Record;
use super::{Answer, Elector, Found, Next, Outcome, Request};

const LEASE: i64 = 60;
const RETRY: u64 = 5_000;
/// Time until there is a leader without faults: attempts are at most 11 s apart, a lease expires 60 s after it was seen,
/// clocks drift by up to 2 %, and requests take a moment.
const SETTLED: u64 = 61_300 + 3 * 11_300;

/// The rule by which a candidate judges its leadership; only the first is that of the implementation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Belief {
    Honest,
    FromAnswer,
    UntilTold,
}

#[derive(Clone, Copy, Debug)]
struct Setup {
    candidates: usize,
    renew_deadline: Duration,
    belief: Belief,
    /// `true` if the store rejects writes over a state that the writer has not seen.
    careful: bool,
}

#[derive(Clone, Debug)]
enum Step {
    Start(usize),
    Wake(usize),
    Arrive(usize, u64, Request<usize>),
    Answer(usize, u64, Answer<usize>),
}

struct Candidate {
    elector: Elector<usize>,
    alive: bool,
    /// `true` if the candidate ends after its attempt to release the lock, independent of the result.
    resigns: bool,
    epoch: u64,
    /// Id of the request whose response is awaited.
    awaits: u64,
    begun: u64,
    stopped_until: u64,
    offset_ns: u64,
    drift_ppm: i64,
    wall_ms: i64,
    believes_until: Moment,
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
                resigns: false,
                epoch: 0,
                awaits: 0,
                begun: 0,
                stopped_until: 0,
                offset_ns,
                drift_ppm,
                wall_ms,
                believes_until: Moment::default(),
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
        let (Step::Start(who) | Step::Wake(who) | Step::Arrive(who, ..) | Step::Answer(who, ..)) = step;
        let epoch = self.candidates.get(who).map_or(0, |candidate| candidate.epoch);
        self.count += 1;
        self.steps.insert((self.now + after, self.count), (epoch, step));
    }

    fn clock(&self, who: usize) -> Moment {
        let candidate = &self.candidates[who];
        let rate = u64::try_from(1_000_000 + candidate.drift_ppm).unwrap();
        Moment::from_nanos(candidate.offset_ns + self.now * rate)
    }

    fn wall(&self, who: usize) -> Timestamp {
        let now = i64::try_from(self.now).unwrap();
        Timestamp::from_millisecond(1_700_000_000_000 + now + self.candidates[who].wall_ms).unwrap()
    }

    fn leaders(&self) -> Vec<usize> {
        let leads = |who: &usize| {
            let candidate = &self.candidates[*who];
            candidate.alive
                && match self.setup.belief {
                    Belief::Honest => candidate.elector.leads(self.clock(*who)),
                    Belief::FromAnswer | Belief::UntilTold => self.clock(*who) < candidate.believes_until,
                }
        };
        (0..self.candidates.len()).filter(leads).collect()
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
            Step::Wake(who) | Step::Answer(who, ..) if self.candidates[who].epoch != epoch => {}
            Step::Wake(who) | Step::Answer(who, ..) if self.candidates[who].stopped_until > now => {
                self.plan(self.candidates[who].stopped_until - now, step);
            }
            Step::Wake(who) => self.wake(who),
            Step::Answer(who, id, answer) => self.answer(who, id, answer),
        }
        self.leaders().len() < 2
    }

    fn wake(&mut self, who: usize) {
        let fate = self.next() % 64;
        match fate {
            // Another client changes another part of the object.
            1 => self.versions.extend(self.versions.last().cloned()),
            2 | 3 => self.candidates[who].wall_ms += i64::from(self.next() % 41) * 5_000 - 150_000,
            4 => return self.end(who),
            _ => {}
        }
        let (now, wall) = (self.clock(who), self.wall(who));
        self.candidates[who].begun = self.now;
        if fate == 5 {
            self.candidates[who].believes_until = Moment::default();
            self.candidates[who].resigns = true;
            let next = self.candidates[who].elector.resign(now);
            return self.go_on(who, next);
        }
        let request = self.candidates[who].elector.begin(now, wall);
        self.send(who, request);
        if let 6..=9 = fate {
            self.candidates[who].stopped_until = self.now + self.span();
        }
    }

    /// Ends the candidate, and restarts it later.
    fn end(&mut self, who: usize) {
        self.candidates[who].alive = false;
        self.candidates[who].resigns = false;
        self.candidates[who].awaits = 0;
        self.candidates[who].epoch += 1;
        self.candidates[who].believes_until = Moment::default();
        let span = self.span();
        self.plan(1_000 + span, Step::Start(who));
    }

    fn send(&mut self, who: usize, request: Request<usize>) {
        let id = self.count;
        self.candidates[who].awaits = id;
        self.plan(RETRY, Step::Answer(who, id, Answer::Failed));
        let delay = match self.next() % 32 {
            1 => return,
            2 | 3 => self.span(),
            _ => 5,
        };
        self.plan(delay, Step::Arrive(who, id, request));
    }

    fn arrive(&mut self, who: usize, id: u64, request: Request<usize>) {
        let current = self.versions.len().checked_sub(1);
        let answer = match (request, current) {
            (Request::Get { .. } | Request::Update(..), None) => Answer::Missing,
            (Request::Get { exact }, Some(mut version)) => {
                if !exact {
                    version = version.saturating_sub(usize::from(self.next() % 4));
                }
                self.show(version)
            }
            (Request::Create(_), Some(_)) => Answer::Conflict,
            (Request::Update(base, _), Some(current)) if self.setup.careful && base != current => {
                Answer::Conflict
            }
            (Request::Create(record) | Request::Update(_, record), _) => {
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
        self.plan(delay, Step::Answer(who, id, answer));
    }

    fn show(&self, version: usize) -> Answer<usize> {
        let raw = self.versions[version].clone();
        let record = Record::from_annotation(&raw).unwrap();
        Answer::Found(Found { object: version, raw, record })
    }

    fn answer(&mut self, who: usize, id: u64, answer: Answer<usize>) {
        // Other responses are too late, or for a successor of the candidate.
        if self.candidates[who].awaits == id {
            let (now, wall) = (self.clock(who), self.wall(who));
            let next = self.candidates[who].elector.answered(answer, now, wall);
            self.go_on(who, next);
        }
    }

    fn go_on(&mut self, who: usize, next: Next<usize>) {
        let outcome = match next {
            Next::Send(request) => return self.send(who, request),
            Next::Done(outcome) => outcome,
        };
        let (now, deadline) = (self.clock(who), self.setup.renew_deadline);
        let candidate = &mut self.candidates[who];
        candidate.awaits = 0;
        if candidate.resigns {
            return self.end(who);
        }
        match outcome {
            Outcome::Leads => {
                self.terms += 1;
                let forever = Duration::from_secs(1_000_000);
                let lasts = if self.setup.belief == Belief::UntilTold { forever } else { deadline };
                candidate.believes_until = now.after(lasts);
                let since = self.now - candidate.begun;
                self.plan(RETRY.saturating_sub(since), Step::Wake(who));
            }
            Outcome::Follows | Outcome::Failed | Outcome::Resigned => {
                if outcome == Outcome::Follows {
                    candidate.believes_until = Moment::default();
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
        belief: Belief::Honest,
        careful: true,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn never_two_and_at_last_one(setup in setup(), tape in prop::collection::vec(any::<u16>(), 0..1_500)) {
        let mut world = World::new(setup, &tape);
        world.run().map_err(TestCaseError::fail)?;
        prop_assert!(world.terms > 0);
    }
}

/// Returns true if the model finds a case in which two candidates lead.
fn finds(setup: Setup) -> bool {
    (0..20_000).any(|seed| {
        let mut random = fastrand::Rng::with_seed(seed);
        let tape: Vec<u16> = (0..1_500).map(|_| random.u16(..)).collect();
        World::new(setup, &tape).run().is_err_and(|error| error.contains("lead at one time"))
    })
}

const HONEST: Setup =
    Setup { candidates: 3, renew_deadline: Duration::from_secs(15), belief: Belief::Honest, careful: true };

#[test]
fn the_model_tells_when_validity_is_counted_from_the_answer() {
    assert!(finds(Setup { belief: Belief::FromAnswer, ..HONEST }));
}

#[test]
fn the_model_tells_when_nobody_looks_at_the_clock() {
    assert!(finds(Setup { belief: Belief::UntilTold, ..HONEST }));
}

#[test]
fn the_model_tells_when_writers_overwrite_each_other() {
    assert!(finds(Setup { careful: false, ..HONEST }));
}
