use insights_batch::{Builder, Columns};

use super::{Found, Parts, Progress};

/// Builds a node with pods, each with a container, and beside it the cgroup of the same UID.
fn batch(pods: u32) -> Columns {
    let mut builder = Builder::new("node", "n1", 1, 1);
    let node = builder.entity("node", "n1", None);
    builder.entity("disk", "sda", Some(node));
    for number in 0..pods {
        let uid = format!("uid-{number}");
        let pod = builder.entity("pod", &uid, Some(node));
        builder.attribute(pod, "pod.uid", &uid);
        let container = builder.entity("container", &format!("{uid}/main"), Some(pod));
        builder.gauge(container, "memory.limit_bytes", f64::from(number));
        let cgroup = builder.entity("cgroup", &format!("kubepods/{uid}"), Some(node));
        builder.attribute(cgroup, "pod.uid", &uid);
        builder.counter(cgroup, "cpu.usage_ns", u64::from(number), None);
        builder.link(pod, node, "runs-on");
    }
    builder.finish()
}

fn contains(columns: &Columns, id: &str) -> bool {
    columns.entities.id.iter().any(|&known| columns.string(known) == id)
}

#[test]
fn parts_are_pods_with_all_that_is_known_of_them() {
    let columns = batch(3);
    let parts = Parts::new(&columns);
    let part = parts.find_name("pod uid-1").unwrap();
    let without = parts.with(|other| other != part);
    without.check().unwrap();
    assert_eq!(without.entity_count(), columns.entity_count() - 3);
    assert_eq!(without.gauges.value, [0.0, 2.0]);
    assert_eq!(without.counters.current, [0, 2]);
    assert_eq!(without.links.source.len(), 2);
    assert!(!contains(&without, "uid-1/main") && !contains(&without, "kubepods/uid-1"));
    assert!(contains(&without, "uid-2/main") && contains(&without, "sda"));
    assert_eq!(parts.with(|_| true), columns);
}

/// Returns true if a batch exceeds the time of a probe: more than ten pods, or any of the `slow` ones.
fn is_too_slow(columns: &Columns, slow: &[u32]) -> bool {
    let pods = columns.entities.kind.iter().filter(|&&kind| columns.string(kind) == "pod").count();
    pods > 10 || poisoned(columns, slow)
}

#[test]
fn parts_that_are_slow_by_themselves_are_found_among_many_that_are_not() {
    let columns = batch(110);
    for slow in [&[0][..], &[109], &[54, 55], &[3, 40, 41, 100]] {
        let mut progress = Progress::default();
        let found = Parts::new(&columns).find_slow(
            &mut progress,
            8,
            |part| Some(is_too_slow(part, slow)),
            |part| Some((!poisoned(part, slow)).then_some(())),
        );
        assert_eq!((found, progress.names), (Found::Result(()), names(slow)));
    }
    let mut progress = Progress::default();
    let nine = [1, 2, 3, 4, 5, 6, 7, 8, 9];
    let search = |progress: &mut Progress, slow: &[u32]| {
        let probe = |part: &Columns| Some(is_too_slow(part, slow));
        Parts::new(&columns).find_slow(progress, 8, probe, |part| Some((!poisoned(part, slow)).then_some(())))
    };
    assert_eq!(search(&mut progress, &nine), Found::Nobody);
}

#[test]
fn a_storm_is_nobodys_fault() {
    let columns = batch(110);
    let mut progress = Progress::default();
    let found = Parts::new(&columns).find_slow(
        &mut progress,
        8,
        |part| Some(is_too_slow(part, &[])),
        |_| -> Option<Option<()>> { panic!("there is nothing to leave out") },
    );
    assert_eq!((found, progress.names), (Found::Nobody, vec![]));
}

#[test]
fn a_search_for_slow_parts_goes_on_with_the_next_batch() {
    let slow = [5, 70, 71];
    for patience in 1..8_usize {
        let mut progress = Progress::default();
        let found = (0..100).find_map(|_| {
            let columns = batch(110);
            let columns = super::without(&columns, progress.names.iter().map(String::as_str));
            if !poisoned(&columns, &slow) {
                return Some(Found::Result(()));
            }
            let left = std::cell::Cell::new(patience);
            let spend = || left.get().checked_sub(1).map(|rest| left.set(rest));
            let found = Parts::new(&columns).find_slow(
                &mut progress,
                8,
                |part| spend().map(|()| is_too_slow(part, &slow)),
                |part| spend().map(|()| (!poisoned(part, &slow)).then_some(())),
            );
            (found != Found::Unfinished).then_some(found)
        });
        progress.names.sort();
        assert_eq!(
            (found, progress.names),
            (Some(Found::Result(())), names(&slow)),
            "{patience} tries a batch"
        );
    }
}

/// Searches over as many batches as needed, with `patience` probes each. Returns the offending names and the number of probes.
fn search(
    columns: &Columns,
    room: usize,
    patience: usize,
    fails: impl Fn(&Columns) -> bool,
) -> (Option<Vec<String>>, usize) {
    let mut progress = Progress::default();
    let mut tries = 0;
    for _ in 0..100 {
        let columns = super::without(columns, progress.names.iter().map(String::as_str));
        if !fails(&columns) {
            return (Some(progress.names), tries);
        }
        let parts = Parts::new(&columns);
        let left = std::cell::Cell::new(patience);
        let spend = || left.get().checked_sub(1).map(|rest| left.set(rest));
        let found = parts.find(
            &mut progress,
            room,
            |part| spend().map(|()| fails(part)),
            |part| spend().map(|()| (!fails(part)).then_some(())),
        );
        tries += patience - left.get();
        match found {
            Found::Result(()) => return (Some(progress.names), tries),
            Found::Nobody => return (None, tries),
            Found::Unfinished => {}
        }
    }
    panic!("no end of it")
}

fn poisoned(columns: &Columns, numbers: &[u32]) -> bool {
    numbers.iter().any(|number| contains(columns, &format!("uid-{number}/main")))
}

fn names(numbers: &[u32]) -> Vec<String> {
    numbers.iter().map(|number| format!("pod uid-{number}")).collect()
}

#[test]
fn each_pod_is_found() {
    let columns = batch(110);
    for number in [0, 1, 54, 55, 108, 109] {
        let (found, tries) = search(&columns, 8, 1000, |part| poisoned(part, &[number]));
        assert_eq!(found, Some(names(&[number])));
        assert!(tries <= 9, "{tries}");
    }
}

#[test]
fn several_pods_are_found_up_to_the_bound() {
    let columns = batch(110);
    for (numbers, room) in
        [(&[3, 4][..], 8), (&[0, 109], 8), (&[7, 20, 21, 60, 100], 8), (&[1, 2, 3, 4, 5, 6, 7, 8], 8)]
    {
        let (found, tries) = search(&columns, room, 1000, |part| poisoned(part, numbers));
        assert_eq!(found, Some(names(numbers)));
        assert!(tries <= 1 + 8 * numbers.len(), "{tries}");
    }
    assert_eq!(search(&columns, 8, 1000, |part| poisoned(part, &[1, 2, 3, 4, 5, 6, 7, 8, 9])).0, None);
}

#[test]
fn what_fails_only_together_loses_one_of_them() {
    let columns = batch(110);
    let both = |part: &Columns| poisoned(part, &[20]) && poisoned(part, &[90]);
    assert_eq!(search(&columns, 8, 1000, both).0, Some(names(&[90])));
    // More than 67 of these 70 pods are too many, whichever they are: three are left out.
    let many = |part: &Columns| (0..70).filter(|&number| poisoned(part, &[number])).count() > 67;
    assert_eq!(search(&columns, 8, 1000, many).0.map(|names| names.len()), Some(3));
}

#[test]
fn what_always_fails_is_nobodys_fault() {
    assert_eq!(search(&batch(110), 8, 1000, |_| true), (None, 1));
    assert_eq!(search(&batch(0), 8, 1000, |_| true), (None, 1));
    let root = |part: &Columns| contains(part, "n1");
    assert_eq!(search(&batch(110), 8, 1000, root), (None, 1));
}

#[test]
fn a_search_without_time_goes_on_with_the_next_batch() {
    let columns = batch(110);
    for patience in 1..6 {
        let (found, _) = search(&columns, 8, patience, |part| poisoned(part, &[5, 70, 71]));
        let mut found = found.unwrap();
        found.sort();
        assert_eq!(found, names(&[5, 70, 71]), "{patience} tries a batch");
    }
}

#[test]
fn names_of_parts_can_be_shown() {
    let mut builder = Builder::new("node", "n1", 1, 1);
    let node = builder.entity("node", "n1", None);
    builder.entity("pod", &"\u{1b}[2J".repeat(100_000), Some(node));
    let columns = builder.finish();
    let parts = Parts::new(&columns);
    assert!(parts.name(0).len() < 300 && !parts.name(0).contains('\u{1b}'));
    assert_eq!(super::without(&columns, [parts.name(0)]).entity_count(), 1);
}
