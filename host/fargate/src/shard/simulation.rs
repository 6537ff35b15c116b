//! Simulates replicas with clocks that differ, late and failing reads and writes, restarts and changes of their number.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use proptest::prelude::*;

use super::*;

const INTERVAL_S: u64 = 60;
const TICKS: u64 = 90;
const REPLICAS: usize = 6;

/// A generator of numbers (xorshift), so that one seed describes a run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    fn is(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// Failures to simulate.
#[derive(Clone, Copy, Debug)]
struct Faults {
    failed_reads_percent: u64,
    failed_writes_percent: u64,
    restarts_percent: u64,
    removed_annotation_percent: u64,
    /// Removed replicas end at once instead of when the plan excludes them.
    abrupt_removal: bool,
    /// Number of ticks between changes of `spec.replicas`.
    ticks_between_changes: u64,
}

const NONE: Faults = Faults {
    failed_reads_percent: 0,
    failed_writes_percent: 0,
    restarts_percent: 0,
    removed_annotation_percent: 0,
    abrupt_removal: false,
    ticks_between_changes: 12,
};

const MANY: Faults = Faults {
    failed_reads_percent: 30,
    failed_writes_percent: 30,
    restarts_percent: 5,
    removed_annotation_percent: 3,
    abrupt_removal: true,
    ticks_between_changes: 2,
};

#[derive(Clone, Copy, Debug)]
enum Event {
    /// The replica reads the object in this tick of its clock.
    Read { ordinal: usize, tick: u64 },
    /// A write of this plan arrives, for the version of the object that was read.
    Write { plan: Plan, version: u64 },
}

/// The replica of one ordinal.
struct Replica {
    view: ShardView,
    is_ending: bool,
    /// First tick in which it is ready.
    ready_from: u64,
}

/// Returns, for each tick by number, the ordinals that take part with their number of replicas.
fn run(seed: u64, faults: Faults) -> Vec<Vec<(usize, u32)>> {
    let mut random = Random(seed | 1);
    // Seconds that the clock of each ordinal is ahead: less than half an interval between any two.
    let skews: Vec<u64> = (0..REPLICAS).map(|_| random.below(INTERVAL_S / 2)).collect();
    // By time, in seconds; of events at the same time, the first that was added.
    let mut events: BTreeMap<(u64, usize), Event> = BTreeMap::new();
    let mut added = 0;
    let mut add = |events: &mut BTreeMap<(u64, usize), Event>, at, event| {
        added += 1;
        events.insert((at, added), event);
    };
    for tick in 1..TICKS {
        for (ordinal, skew) in skews.iter().enumerate() {
            // Anywhere in the tick of its own clock.
            let at = (tick * INTERVAL_S + random.below(INTERVAL_S)).saturating_sub(*skew);
            add(&mut events, at, Event::Read { ordinal, tick });
        }
    }
    let new = |ordinal: usize, ready_from| Replica {
        view: ShardView::new(ordinal as u32, INTERVAL_S),
        is_ending: false,
        ready_from,
    };
    let mut replicas: Vec<Option<Replica>> = (0..REPLICAS).map(|_| None).collect();
    let (mut stored, mut wanted, mut changed_at) = (None, 1 + random.below(REPLICAS as u64) as usize, 0);
    let mut version = 0;
    let mut taking_part = vec![Vec::new(); TICKS as usize];
    while let Some(((now, _), event)) = events.pop_first() {
        let true_tick = now / INTERVAL_S;
        if true_tick >= changed_at + faults.ticks_between_changes {
            (wanted, changed_at) = (1 + random.below(REPLICAS as u64) as usize, true_tick);
        }
        for (ordinal, slot) in replicas.iter_mut().enumerate() {
            match slot {
                None if ordinal < wanted => *slot = Some(new(ordinal, true_tick + random.below(3))),
                Some(_) if ordinal >= wanted && faults.abrupt_removal => *slot = None,
                Some(replica) if ordinal >= wanted => replica.is_ending = true,
                _ => {}
            }
        }
        match event {
            Event::Write { plan, version: read } if read == version => {
                (stored, version) = (Some(plan), version + 1);
            }
            // The object has changed since it was read.
            Event::Write { .. } => {}
            Event::Read { ordinal, tick } => {
                if random.is(faults.removed_annotation_percent) {
                    (stored, version) = (None, version + 1);
                }
                let is_ready = |replica: &&Replica| !replica.is_ending && replica.ready_from <= true_tick;
                let ready = replicas.iter().flatten().filter(is_ready).count() as u32;
                let observed = Observed { wanted: wanted as u32, ready };
                let slot = &mut replicas[ordinal];
                if random.is(faults.restarts_percent) {
                    *slot = slot.is_some().then(|| new(ordinal, true_tick));
                }
                let Some(replica) = slot else { continue };
                if !random.is(faults.failed_reads_percent) {
                    let sent = now + skews[ordinal];
                    let plan = replica.view.read(stored, observed, sent);
                    if let Some(plan) = plan.filter(|_| !random.is(faults.failed_writes_percent)) {
                        let at = now + random.below(INTERVAL_S / 2);
                        add(&mut events, at, Event::Write { plan, version });
                    }
                }
                if let Ok(replicas) = replica.view.replicas_at(tick * INTERVAL_S) {
                    taking_part[tick as usize].push((ordinal, replicas));
                }
                let is_included = |plan: Plan| plan.includes(ordinal as u32, tick * INTERVAL_S);
                if replica.is_ending && !replica.view.plan().is_some_and(is_included) {
                    *slot = None;
                }
            }
        }
    }
    taking_part
}

/// Returns the number of replicas that read each of some nodes in a tick.
fn readers(taking_part: &[(usize, u32)]) -> Vec<usize> {
    static OWNERS: OnceLock<Vec<Vec<Option<u32>>>> = OnceLock::new();
    let owners = OWNERS.get_or_init(|| {
        let nodes = (0..20).map(|index| format!("fargate-ip-10-0-0-{index}.ec2.internal"));
        nodes.map(|node| (0..=REPLICAS as u32).map(|replicas| owner(&node, replicas)).collect()).collect()
    });
    let reads = |owners: &[Option<u32>], (ordinal, replicas): &(usize, u32)| {
        owners[*replicas as usize] == Some(*ordinal as u32)
    };
    owners.iter().map(|owners| taking_part.iter().filter(|part| reads(owners, part)).count()).collect()
}

fn assert_no_doubles(seed: u64) {
    for (tick, taking_part) in run(seed, MANY).iter().enumerate() {
        let readers = readers(taking_part);
        assert!(readers.iter().all(|&count| count <= 1), "seed {seed}, tick {tick}: {taking_part:?}");
    }
}

/// A plan that was removed before all had read it, and a plan after another that a clock behind still needed.
#[test]
fn no_node_is_read_twice_in_runs_that_once_failed() {
    for seed in [1_100_571_493_254_180_664, 15_282_207_916_122_634_614] {
        assert_no_doubles(seed);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_node_is_read_twice_whatever_fails(seed in any::<u64>()) {
        assert_no_doubles(seed);
    }

    #[test]
    fn no_node_is_left_out_without_failures(seed in any::<u64>()) {
        let ticks = run(seed, NONE);
        let first = ticks.iter().position(|taking_part| readers(taking_part).contains(&1));
        // The first plan is announced in the first tick, or in the second because of the clocks.
        prop_assert!(first.is_some_and(|first| first <= 2 + LEAD_TICKS as usize), "{:?}", first);
        for (tick, taking_part) in ticks.iter().enumerate().skip(first.unwrap_or_default()) {
            let readers = readers(taking_part);
            prop_assert!(readers.iter().all(|&count| count == 1), "tick {}: {:?}", tick, taking_part);
        }
        // Changes did take place.
        let numbers: BTreeSet<u32> =
            ticks.iter().flatten().map(|(_, replicas)| *replicas).collect();
        prop_assert!(numbers.len() > 1, "{:?}", numbers);
    }
}
