use std::collections::BTreeMap;

use insightd_spool::{Amount, Cause, Lease, Order, Settings, Spool};
use proptest::prelude::*;
use tempfile::tempdir;

use crate::common::{NOW, append, block, bytes_on_disk, drain, open, settings};

#[derive(Clone, Debug)]
enum Op {
    Append(usize),
    Lease(bool),
    Done(usize),
    Release(usize),
    Discard(usize),
    Maintain,
    Reopen,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => prop_oneof![0_usize..200, 0_usize..8000].prop_map(Op::Append),
        4 => any::<bool>().prop_map(Op::Lease),
        3 => any::<usize>().prop_map(Op::Done),
        1 => any::<usize>().prop_map(Op::Release),
        1 => any::<usize>().prop_map(Op::Discard),
        1 => Just(Op::Maintain),
        1 => Just(Op::Reopen),
    ]
}

/// Expected content of a spool: length of each waiting block by number, and whether it is on lease.
#[derive(Default)]
struct Model {
    waiting: BTreeMap<u32, (usize, bool)>,
    next: u32,
}

struct Run {
    settings: Settings,
    spool: Spool,
    model: Model,
    leases: Vec<(u32, Lease)>,
    /// Sums over all openings.
    appended: u64,
    delivered: u64,
    lost: u64,
}

impl Run {
    fn new(settings: Settings) -> Self {
        let spool = open(&settings);
        Self {
            settings,
            spool,
            model: Model::default(),
            leases: Vec::new(),
            appended: 0,
            delivered: 0,
            lost: 0,
        }
    }

    fn pick(&mut self, at: usize) -> Option<(u32, Lease)> {
        let count = self.leases.len();
        (count > 0).then(|| self.leases.swap_remove(at % count))
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Append(bytes) => {
                let n = self.model.next;
                self.model.next += 1;
                append(&mut self.spool, &block(n, bytes));
                self.model.waiting.insert(n, (bytes, false));
                self.appended += u64::from(n) + 1;
            }
            Op::Lease(newest) => {
                let order = if newest { Order::Newest } else { Order::Oldest };
                if let Some(lease) = self.spool.lease(order, |_| false) {
                    let n = self.spool.read(&lease).unwrap().events - 1;
                    self.leases.push((n, lease));
                }
            }
            Op::Done(at) => {
                if let Some((n, lease)) = self.pick(at) {
                    self.spool.done(lease);
                    self.model.waiting.remove(&n);
                    self.delivered += u64::from(n) + 1;
                }
            }
            Op::Release(at) => {
                if let Some((_, lease)) = self.pick(at) {
                    self.spool.release(lease);
                }
            }
            Op::Discard(at) => {
                if let Some((n, lease)) = self.pick(at) {
                    self.spool.discard(lease, Cause::Rejected);
                    self.model.waiting.remove(&n);
                }
            }
            Op::Maintain => self.spool.maintain(NOW),
            Op::Reopen => {
                self.leases.drain(..).for_each(|(_, lease)| self.spool.release(lease));
                self.lost += self.spool.stats().lost.total().events;
                // two spools must not own the directory at once
                let nowhere = Settings { directory: "/nonexistent/spool".into(), ..self.settings.clone() };
                self.spool = open(&nowhere);
                self.spool = open(&self.settings);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Within its bounds, the spool behaves like a list.
    #[test]
    fn the_spool_behaves_like_a_list(ops in prop::collection::vec(op(), 1..120)) {
        let directory = tempdir().unwrap();
        let mut run = Run::new(settings(directory.path()));
        for op in &ops {
            let (before, leased) = (run.leases.len(), run.model.waiting.clone());
            run.apply(op);
            if let (Op::Lease(newest), true) = (op, run.leases.len() > before) {
                let mut free = leased.keys().filter(|n| !run.leases[..before].iter().any(|(other, _)| other == *n));
                let expected = if *newest { free.next_back() } else { free.next() };
                prop_assert_eq!(Some(&run.leases[before].0), expected);
            }
            let mut pending = Amount::default();
            for (n, (bytes, _)) in &run.model.waiting {
                let whole = block(*n, *bytes);
                pending.blocks += 1;
                pending.events += u64::from(whole.events);
                pending.bytes += (whole.key.len() + whole.body.len()) as u64;
            }
            let stats = run.spool.stats();
            prop_assert_eq!(stats.pending, pending);
            prop_assert_eq!(stats.disk_bytes, bytes_on_disk(directory.path()));
            prop_assert!(pending.blocks > 0 || stats.disk_bytes == 0);
        }
        run.apply(&Op::Reopen);
        let expected: Vec<_> = run.model.waiting.iter().map(|(n, (bytes, _))| block(*n, *bytes)).collect();
        prop_assert_eq!(drain(&mut run.spool), expected);
    }

    /// At its bounds, each event is delivered, counted as lost, or pending; and the bound holds at all times.
    #[test]
    fn every_lost_event_is_counted(ops in prop::collection::vec(op(), 1..120), max_bytes in 9_000_u64..60_000) {
        let directory = tempdir().unwrap();
        let mut run = Run::new(Settings { max_bytes, ..settings(directory.path()) });
        for op in &ops {
            run.apply(op);
            prop_assert!(bytes_on_disk(directory.path()) <= max_bytes);
            prop_assert_eq!(run.spool.stats().disk_bytes, bytes_on_disk(directory.path()));
        }
        run.apply(&Op::Reopen);
        let left: u64 = drain(&mut run.spool).iter().map(|block| u64::from(block.events)).sum();
        let lost = run.lost + run.spool.stats().lost.total().events;
        prop_assert_eq!(run.appended, run.delivered + lost + left);
    }
}
