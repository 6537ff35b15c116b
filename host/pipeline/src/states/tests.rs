use insights_batch::state::Overlay;

use super::*;

fn batch() -> Columns {
    Columns { scope: "node".into(), scope_id: "n1".into(), ..Columns::default() }
}

fn grant(transform: &str) -> Grant {
    Grant { transform: transform.into(), bounds: Bounds::of_bytes(1024) }
}

/// Counts the calls of the transform, in a stage of the current run. Returns the count before.
fn count(states: &mut States, transform: &str) -> u8 {
    let grant = grant(transform);
    let state = states.get(&grant, &batch());
    let before = state.space.get("ticks").map_or(0, |value| value[0]);
    let mut overlay = Overlay::new(state);
    overlay.set("ticks", &[before + 1]).unwrap();
    states.changed(&grant, ("node", "n1"), overlay.into_changes());
    before
}

/// Runs one tick in which the transform counts its ticks. Returns the count before.
fn tick(states: &mut States, transform: &str, accepted: bool) -> u8 {
    states.begin("p");
    let before = count(states, transform);
    states.delivered(0, None, ("node", "n1"), Changes::default());
    states.end_tick(1, |_| accepted);
    before
}

#[test]
fn a_failing_pipeline_does_not_affect_the_state_of_others() {
    let mut states = States::open(None);
    let mut seen = Vec::new();
    for _ in 0..3 {
        states.begin("good");
        let good = count(&mut states, "good/a");
        states.delivered(0, None, ("node", "n1"), Changes::default());
        // A formatter that fails delivers nothing.
        states.begin("silent");
        let silent = count(&mut states, "silent/a");
        // A sink that accepts nothing.
        states.begin("refused");
        let refused = count(&mut states, "refused/a");
        states.delivered(1, None, ("node", "n1"), Changes::default());
        // One of two outputs is enough.
        states.begin("half");
        let half = count(&mut states, "half/a");
        states.delivered(1, None, ("node", "n1"), Changes::default());
        states.delivered(0, None, ("node", "n1"), Changes::default());
        states.end_tick(1, |sink| sink == 0);
        seen.push([good, silent, refused, half]);
    }
    assert_eq!(seen, [[0, 0, 0, 0], [1, 0, 0, 1], [2, 0, 0, 2]]);
}

#[test]
fn state_of_a_formatter_is_committed_with_its_own_output() {
    let mut states = States::open(None);
    let grant = grant("p/emf");
    let mut seen = Vec::new();
    for _ in 0..2 {
        states.begin("p");
        for sink in [0, 1] {
            let state = states.get(&grant, &batch());
            seen.push(state.space.get("n").map_or(0, |value| value[0]));
            let mut overlay = Overlay::new(state);
            overlay.set("n", &[sink + 1]).unwrap();
            states.delivered(sink.into(), Some(&grant), ("node", "n1"), overlay.into_changes());
        }
        states.end_tick(1, |sink| sink == 0);
    }
    // Within a tick, the second call sees the changes of the first; the next tick sees the accepted changes only.
    assert_eq!(seen, [0, 1, 1, 1]);
}

#[test]
fn a_pipeline_with_too_much_state_does_not_affect_others() {
    let mut states = States::open(None);
    let grant =
        |transform: &str| Grant { transform: transform.into(), bounds: Bounds::of_bytes(2 * MAX_BYTES) };
    for tick in 1..=2_u8 {
        for (pipeline, values) in [("hoard", 200), ("modest", 1)] {
            let grant = grant(&format!("{pipeline}/a"));
            states.begin(pipeline);
            let mut overlay = Overlay::new(states.get(&grant, &batch()));
            for value in 0..values {
                overlay.set(&value.to_string(), &vec![tick; 60_000]).unwrap();
            }
            states.changed(&grant, ("node", "n1"), overlay.into_changes());
            states.delivered(0, None, ("node", "n1"), Changes::default());
        }
        states.end_tick(1, |_| true);
        let modest = states.get(&grant("modest/a"), &batch()).space;
        assert_eq!(modest.get("0").map(|value| value[0]), Some(tick));
        assert!(states.get(&grant("hoard/a"), &batch()).space.get("0").is_none());
    }
}

#[test]
fn only_accepted_ticks_are_committed() {
    let mut states = States::open(None);
    let seen: Vec<u8> = [true, false, false, true, true].map(|ok| tick(&mut states, "p/a", ok)).into();
    assert_eq!(seen, [0, 1, 1, 1, 2]);
    assert_eq!(tick(&mut states, "p/b", true), 0);
    assert_eq!(states.stats().spaces.len(), 2);
}

#[test]
fn state_survives_a_restart_and_is_cleared_on_request() {
    let directory = tempfile::tempdir().unwrap();
    let mut states = States::open(Some(directory.path()));
    assert_eq!([tick(&mut states, "p/a", true), tick(&mut states, "p/b", true)], [0, 0]);
    drop(states);
    let mut states = States::open(Some(directory.path()));
    assert_eq!(tick(&mut states, "p/a", true), 1);
    request_clear(directory.path(), &["p/a".to_owned()]).unwrap();
    states.end_tick(2, |_| true);
    assert_eq!([tick(&mut states, "p/a", true), tick(&mut states, "p/b", true)], [0, 1]);
    request_clear(directory.path(), &[]).unwrap();
    states.end_tick(3, |_| true);
    assert_eq!([tick(&mut states, "p/a", true), tick(&mut states, "p/b", true)], [0, 0]);
    let elsewhere = directory.path().join("elsewhere");
    assert!(matches!(request_clear(&elsewhere, &[]), Err(ClearError::Nowhere(path)) if path == elsewhere));
}

#[test]
fn a_clear_request_is_left_to_the_owner_of_the_directory() {
    let directory = tempfile::tempdir().unwrap();
    let mut owner = States::open(Some(directory.path()));
    assert_eq!(tick(&mut owner, "p/a", true), 0);
    let mut other = States::open(Some(directory.path()));
    assert_eq!(tick(&mut other, "p/a", true), 0, "the other agent keeps its state in memory");
    request_clear(directory.path(), &[]).unwrap();
    assert_eq!(tick(&mut other, "p/a", true), 1);
    assert!(directory.path().join("state/clear").exists());
    owner.end_tick(2, |_| true);
    assert_eq!(tick(&mut owner, "p/a", true), 0);
    assert!(!directory.path().join("state/clear").exists());
}

#[test]
fn a_fifo_or_symlink_as_request_is_ignored() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let directory = tempfile::tempdir().unwrap();
    let mut states = States::open(Some(directory.path()));
    let request = directory.path().join("state/clear");
    mknodat(CWD, &request, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    assert_eq!(tick(&mut states, "p/a", true), 0);
    assert!(!request.exists());
    let victim = directory.path().join("victim");
    std::fs::write(&victim, "p/a").unwrap();
    std::os::unix::fs::symlink(&victim, &request).unwrap();
    assert_eq!([tick(&mut states, "p/a", true), tick(&mut states, "p/a", true)], [1, 2]);
    std::os::unix::fs::symlink(&victim, directory.path().join("state/clear.new")).unwrap();
    let error = request_clear(directory.path(), &["p/a".to_owned(), "none".to_owned()]).unwrap_err();
    assert_eq!(error.to_string(), "no state for `none`; state exists for: p/a");
    assert_eq!(request_clear(directory.path(), &["p/a".to_owned()]).unwrap(), ["p/a"]);
    assert_eq!(std::fs::read_to_string(victim).unwrap(), "p/a");
}
