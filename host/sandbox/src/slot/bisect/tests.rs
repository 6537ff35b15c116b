use insights_batch::{Builder, Columns};

use super::{Parts, SearchOutcome, SearchProgress};

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
fn a_part_has_everything_about_one_pod() {
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
fn slow_parts_are_found_among_many_fast_ones() {
    let columns = batch(110);
    for slow in [&[0][..], &[109], &[54, 55], &[3, 40, 41, 100]] {
        let mut progress = SearchProgress::default();
        let found = Parts::new(&columns).find_slow(
            &mut progress,
            8,
            |part| Some(is_too_slow(part, slow)),
            |part| Some((!poisoned(part, slow)).then_some(())),
        );
        assert_eq!((found, progress.names), (SearchOutcome::Output(()), names(slow)));
    }
    let mut progress = SearchProgress::default();
    let nine = [1, 2, 3, 4, 5, 6, 7, 8, 9];
    let search = |progress: &mut SearchProgress, slow: &[u32]| {
        let probe = |part: &Columns| Some(is_too_slow(part, slow));
        Parts::new(&columns).find_slow(progress, 8, probe, |part| Some((!poisoned(part, slow)).then_some(())))
    };
    assert_eq!(search(&mut progress, &nine), SearchOutcome::NotFound);
}

#[test]
fn many_fast_parts_are_not_offending() {
    let columns = batch(110);
    let mut progress = SearchProgress::default();
    let found = Parts::new(&columns).find_slow(
        &mut progress,
        8,
        |part| Some(is_too_slow(part, &[])),
        |_| -> Option<Option<()>> { panic!("there is nothing to leave out") },
    );
    assert_eq!((found, progress.names), (SearchOutcome::NotFound, vec![]));
}

#[test]
fn a_search_for_slow_parts_continues_with_the_next_batch() {
    let slow = [5, 70, 71];
    for probes_left in 1..8_usize {
        let mut progress = SearchProgress::default();
        let found = (0..100).find_map(|_| {
            let columns = batch(110);
            let columns = super::without_parts(&columns, progress.names.iter().map(String::as_str));
            if !poisoned(&columns, &slow) {
                return Some(SearchOutcome::Output(()));
            }
            let left = std::cell::Cell::new(probes_left);
            let spend = || left.get().checked_sub(1).map(|rest| left.set(rest));
            let found = Parts::new(&columns).find_slow(
                &mut progress,
                8,
                |part| spend().map(|()| is_too_slow(part, &slow)),
                |part| spend().map(|()| (!poisoned(part, &slow)).then_some(())),
            );
            (found != SearchOutcome::Unfinished).then_some(found)
        });
        progress.names.sort();
        assert_eq!(
            (found, progress.names),
            (Some(SearchOutcome::Output(())), names(&slow)),
            "{probes_left} probes a batch"
        );
    }
}

/// Searches over as many batches as needed, with `probes_left` probes each. Returns the offending names and the number of probes.
fn search(
    columns: &Columns,
    max_parts: usize,
    probes_left: usize,
    fails: impl Fn(&Columns) -> bool,
) -> (Option<Vec<String>>, usize) {
    let mut progress = SearchProgress::default();
    let mut tries = 0;
    for _ in 0..100 {
        let columns = super::without_parts(columns, progress.names.iter().map(String::as_str));
        if !fails(&columns) {
            return (Some(progress.names), tries);
        }
        let parts = Parts::new(&columns);
        let left = std::cell::Cell::new(probes_left);
        let spend = || left.get().checked_sub(1).map(|rest| left.set(rest));
        let found = parts.find(
            &mut progress,
            max_parts,
            |part| spend().map(|()| fails(part)),
            |part| spend().map(|()| (!fails(part)).then_some(())),
        );
        tries += probes_left - left.get();
        match found {
            SearchOutcome::Output(()) => return (Some(progress.names), tries),
            SearchOutcome::NotFound => return (None, tries),
            SearchOutcome::Unfinished => {}
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
fn each_offending_pod_is_found() {
    let columns = batch(110);
    for number in [0, 1, 54, 55, 108, 109] {
        let (found, tries) = search(&columns, 8, 1000, |part| poisoned(part, &[number]));
        assert_eq!(found, Some(names(&[number])));
        assert!(tries <= 9, "{tries}");
    }
}

#[test]
fn several_offending_pods_are_found_up_to_the_bound() {
    let columns = batch(110);
    for (numbers, max_parts) in
        [(&[3, 4][..], 8), (&[0, 109], 8), (&[7, 20, 21, 60, 100], 8), (&[1, 2, 3, 4, 5, 6, 7, 8], 8)]
    {
        let (found, tries) = search(&columns, max_parts, 1000, |part| poisoned(part, numbers));
        assert_eq!(found, Some(names(numbers)));
        assert!(tries <= 1 + 8 * numbers.len(), "{tries}");
    }
    assert_eq!(search(&columns, 8, 1000, |part| poisoned(part, &[1, 2, 3, 4, 5, 6, 7, 8, 9])).0, None);
}

#[test]
fn of_parts_that_fail_only_together_one_is_left_out() {
    let columns = batch(110);
    let both = |part: &Columns| poisoned(part, &[20]) && poisoned(part, &[90]);
    assert_eq!(search(&columns, 8, 1000, both).0, Some(names(&[90])));
    // More than 67 of these 70 pods are too many, whichever they are: three are left out.
    let many = |part: &Columns| (0..70).filter(|&number| poisoned(part, &[number])).count() > 67;
    assert_eq!(search(&columns, 8, 1000, many).0.map(|names| names.len()), Some(3));
}

#[test]
fn a_batch_that_always_fails_has_no_offending_part() {
    assert_eq!(search(&batch(110), 8, 1000, |_| true), (None, 1));
    assert_eq!(search(&batch(0), 8, 1000, |_| true), (None, 1));
    let root = |part: &Columns| contains(part, "n1");
    assert_eq!(search(&batch(110), 8, 1000, root), (None, 1));
}

#[test]
fn a_search_without_time_continues_with_the_next_batch() {
    let columns = batch(110);
    for probes_left in 1..6 {
        let (found, _) = search(&columns, 8, probes_left, |part| poisoned(part, &[5, 70, 71]));
        let mut found = found.unwrap();
        found.sort();
        assert_eq!(found, names(&[5, 70, 71]), "{probes_left} probes a batch");
    }
}

#[test]
fn names_of_parts_are_bounded_and_printable() {
    let mut builder = Builder::new("node", "n1", 1, 1);
    let node = builder.entity("node", "n1", None);
    builder.entity("pod", &"\u{1b}[2J".repeat(100_000), Some(node));
    let columns = builder.finish();
    let parts = Parts::new(&columns);
    assert!(parts.name(0).len() < 300 && !parts.name(0).contains('\u{1b}'));
    assert_eq!(super::without_parts(&columns, [parts.name(0)]).entity_count(), 1);
}
