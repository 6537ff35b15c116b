use insights_batch::{Batch, Unit};
use serde_json::json;

use super::*;
use crate::top::grid::Shown;

/// A batch of node `n1` with pods: name, and CPU.
pub(crate) fn batch(time_unix_ms: u64, pods: &[(&str, f64)]) -> Columns {
    let batch = Batch::new("node", "n1", time_unix_ms, 60_000);
    let node = batch.add("node", "n1", None);
    node.publish("node_cpu_utilization", 50.0, Unit::Percent);
    for (name, cpu) in pods {
        let pod = batch.add("pod", &format!("uid-{name}"), Some(node));
        pod.set_attribute("pod.namespace", "shop");
        pod.set_attribute("pod.name", name);
        pod.publish("pod_cpu_usage_total", *cpu, Unit::None);
        pod.publish("pod_memory_working_set", 1024.0 * (100.0 - cpu), Unit::Bytes);
        pod.publish("pod_extra", cpu * 2.0, Unit::Count);
        pod.set_gauge("cpu.shares", 1.0);
        let container = batch.add("container", "c", Some(pod));
        container.set_attribute("container.name", "app");
        container.publish("container_cpu_usage_total", cpu / 2.0, Unit::None);
    }
    batch.into_columns()
}

/// The update with a batch.
pub(crate) fn news(time_unix_ms: u64, pods: &[(&str, f64)]) -> Update {
    let batch = Box::new(batch(time_unix_ms, pods));
    Update::Batch { pipeline: "node".into(), batch, stages: None, problem: None }
}

/// A recording of three frames.
pub(crate) fn recording() -> Model {
    let mut model = Model::new(Mode::Recording, "node.jsonl", View::Pods, 0);
    model.apply(news(60_000, &[("a", 1.0), ("b", 5.0)]), 0);
    model.apply(news(120_000, &[("a", 10.0), ("b", 5.0), ("c", 7.0)]), 0);
    model.apply(news(180_000, &[("a", 20.0), ("c", 30.0)]), 0);
    model.apply(Update::End(None), 0);
    model
}

fn names(model: &Model) -> Vec<String> {
    model
        .grid()
        .rows
        .into_iter()
        .filter_map(|row| row.cells.into_iter().next())
        .map(|cell| cell.text)
        .collect()
}

fn cells(model: &Model, column: &str) -> Vec<String> {
    let grid = model.grid();
    let index = grid.columns.iter().position(|found| found.title == column).expect("a column");
    grid.rows.iter().map(|row| row.cells[index].text.clone()).collect()
}

fn press(model: &mut Model, keys: &str) {
    for key in keys.chars() {
        let key = match key {
            '\n' => Key::Enter,
            '\u{1b}' => Key::Escape,
            '\u{8}' => Key::Backspace,
            '>' => Key::Right,
            '<' => Key::Left,
            'v' => Key::Down,
            '^' => Key::Up,
            other => Key::Char(other),
        };
        assert_eq!(model.key(key), Flow::Continue, "{key:?}");
    }
}

#[test]
fn pods_are_sorted_by_the_first_column() {
    let mut model = recording();
    assert_eq!((names(&model), model.position()), (vec!["shop/b".to_owned(), "shop/a".into()], (1, 3)));
    assert_eq!(cells(&model, "mCPU"), ["5", "1"]);
    assert_eq!(cells(&model, "MEMORY"), ["95.0 KiB", "99.0 KiB"]);
    press(&mut model, ">");
    assert_eq!(names(&model), ["shop/a", "shop/c", "shop/b"]);
    press(&mut model, "3");
    assert_eq!(names(&model), ["shop/a/app", "shop/c/app", "shop/b/app"]);
    press(&mut model, "1");
    assert_eq!((names(&model), cells(&model, "CPU")), (vec!["n1".to_owned()], vec!["50.0%".to_owned()]));
}

#[test]
fn any_metric_can_be_sorted_by_and_becomes_a_column() {
    let mut model = recording();
    press(&mut model, "}");
    // Raw metrics, whose names have a dot, are not in the list.
    assert!(model.sortable("").iter().any(|name| name == "pod_extra"));
    assert!(!model.sortable("").iter().any(|name| name.contains('.') || name.starts_with("node_")));
    press(&mut model, "sextra\n");
    assert_eq!(
        (names(&model), cells(&model, "pod_extra")),
        (vec!["shop/c".to_owned(), "shop/a".into()], vec!["60".into(), "40".into()])
    );
    press(&mut model, "r");
    assert_eq!(names(&model), ["shop/a", "shop/c"]);
    press(&mut model, "sNAME\n");
    assert_eq!(names(&model), ["shop/a", "shop/c"]);
    press(&mut model, "r");
    assert_eq!(names(&model), ["shop/c", "shop/a"]);
    // The name of a default column's metric is that column.
    model.sort_by("pod_cpu_usage_total");
    assert_eq!(model.grid().sorted, 1);
    model.sort_by("no_such_metric");
    assert_eq!(model.grid().note.as_deref(), Some("not sorted: nothing here has the metric no_such_metric"));
    // Leaving the list changes nothing.
    let before = model.choice().sort.clone();
    press(&mut model, "svv\u{1b}");
    assert_eq!(model.choice().sort, before);
}

#[test]
fn the_filter_is_part_of_the_name() {
    let mut model = recording();
    press(&mut model, ">/SHOP/B");
    assert_eq!(names(&model), ["shop/b"]);
    press(&mut model, "\u{8}c\n");
    assert_eq!((names(&model), model.dialog.clone()), (vec!["shop/c".to_owned()], None));
    press(&mut model, "/xyz");
    assert_eq!(model.grid().note.as_deref(), Some("no row matches the filter"));
    press(&mut model, "\u{1b}");
    assert_eq!(names(&model), ["shop/c"]);
    press(&mut model, "\u{1b}");
    assert_eq!(names(&model).len(), 3);
    // In the filter, `q` is a letter.
    press(&mut model, "/q\n");
    assert_eq!(model.choice().filter, "q");
}

#[test]
fn the_selected_row_stays_selected_when_the_order_changes() {
    let mut model = recording();
    press(&mut model, "v");
    let selected = |model: &Model| {
        let grid = model.grid();
        grid.rows.get(model.selected(&grid)).map(|row| row.cells[0].text.clone())
    };
    assert_eq!(selected(&model).as_deref(), Some("shop/a"));
    press(&mut model, ">");
    assert_eq!(selected(&model).as_deref(), Some("shop/a"));
    press(&mut model, "^^^");
    assert_eq!(selected(&model).as_deref(), Some("shop/a"));
    press(&mut model, "G");
    assert_eq!(selected(&model).as_deref(), Some("shop/b"));
    // It is gone in the next frame.
    press(&mut model, ">");
    assert_eq!(selected(&model).as_deref(), Some("shop/c"));
}

#[test]
fn a_recording_plays_to_its_end_and_begins_again() {
    let mut model = recording();
    model.play();
    assert_eq!(model.position(), (1, 3));
    press(&mut model, " ");
    model.play();
    assert!(model.position() == (2, 3) && !model.is_paused);
    model.play();
    assert!(model.position() == (3, 3) && model.is_paused);
    press(&mut model, " ");
    assert!(model.position() == (1, 3) && !model.is_paused);
    for (keys, expected) in [(">", 2), (">>>", 3), ("<", 2), ("]", 3), ("[", 1), ("}", 3), ("{", 1)] {
        press(&mut model, keys);
        assert!(model.position() == (expected, 3) && model.is_paused, "{keys}");
    }
}

#[test]
fn a_trend_has_the_values_up_to_the_shown_frame() {
    let mut model = recording();
    press(&mut model, "}");
    let grid = model.grid();
    let trend = |index: usize| model.trend(&grid, &grid.rows[index].key);
    assert_eq!((names(&model)[0].as_str(), trend(0)), ("shop/c", vec![None, Some(7.0), Some(30.0)]));
    assert_eq!(trend(1), [Some(1.0), Some(10.0), Some(20.0)]);
    press(&mut model, "<");
    let grid = model.grid();
    assert_eq!(model.trend(&grid, &grid.rows[0].key), [Some(1.0), Some(10.0)]);
    assert!(grid.fit(80, 8, 1).iter().any(|(shown, _)| *shown == Shown::Trend));
}

#[test]
fn a_live_model_follows_unless_paused() {
    let mut model = Model::new(Mode::Live, "api.sock", View::Pods, 0);
    assert_eq!(model.grid().note.as_deref(), Some("waiting for the agent"));
    model.apply(Update::TapOpen, 0);
    assert_eq!(model.grid().note.as_deref(), Some("waiting for the agent's next tick"));
    model.apply(news(1, &[("a", 1.0)]), 0);
    press(&mut model, " ");
    model.apply(news(2, &[("b", 1.0)]), 0);
    assert_eq!(names(&model), ["shop/a"]);
    press(&mut model, " ");
    assert_eq!(names(&model), ["shop/b"]);
    for time in 3..1000 {
        model.apply(news(time, &[("c", 1.0)]), 0);
    }
    assert_eq!((names(&model), model.position()), (vec!["shop/c".to_owned()], (MAX_FRAMES, MAX_FRAMES)));
}

#[test]
fn an_agent_that_does_not_respond_is_reported_with_the_time() {
    let mut model = Model::new(Mode::Live, "api.sock", View::Stages, 1_000);
    assert_eq!(model.silent_ms(2_000), None);
    model.apply(Update::Unreachable("no such\u{1b} socket".into()), 3_000);
    assert_eq!(
        (model.silent_ms(13_000), model.unreachable.as_deref()),
        (Some(12_000), Some("no such\\u{1b} socket"))
    );
    model.apply(Update::State(Box::default()), 14_000);
    assert_eq!(model.silent_ms(20_000), None);
    model.apply(Update::Unreachable("gone".into()), 20_000);
    assert_eq!(model.silent_ms(26_000), Some(12_000));
}

#[test]
fn without_a_tap_the_views_of_the_agent_are_there() {
    let mut model = Model::new(Mode::Live, "127.0.0.1:9464", View::Pods, 0);
    model.apply(Update::NoTap("HTTP status 404".into()), 0);
    assert_eq!(model.grid().note.as_deref(), Some("no tap: HTTP status 404"));
    let component = json!({"pipeline": "node", "slot": "transform-1", "component": "builtin:decorate", "failures": 2, "down_batches": 0,
        "last_error": "trapped\n", "quarantined": ["pod a"],
        "versions": [{"version": "0.2.0", "given_up": true}, {"version": "0.1.0", "given_up": false}]});
    let metric = |name: &str, value: f64| {
        let labels = json!({"pipeline": "node", "slot": "transform-1"});
        json!({"name": name, "labels": labels, "value": value})
    };
    let sink = |name: &str, value: f64| json!({"name": name, "labels": {"sink": "logs"}, "value": value});
    let state = json!({"version": 1, "time_unix_ms": 100_000, "status": {"components": [component],
            "rollout": {"latest": {"state": "rejected", "why": "events: 0"}}},
        "metrics": [metric("insightd_component_calls_total", 4.0), metric("insightd_component_cpu_seconds_total", 0.5),
            sink("insightd_delivery_pending_bytes", 2048.0), sink("insightd_sink_events_lost_total", 1.0),
            sink("insightd_delivery_events_lost_total", 2.0), sink("insightd_output_events_lost_total", 1.0),
            sink("insightd_delivery_oldest_timestamp_seconds", 40.0),
            {"name": "insightd_source_age_seconds", "labels": {"scope": "node", "source": "kubelet"}, "value": 12.0}]});
    model.apply(Update::State(Box::new(State::parse(&state.to_string()).unwrap())), 0);
    press(&mut model, "4");
    assert_eq!(
        (names(&model), cells(&model, "CPU/CALL")),
        (vec!["node transform-1".to_owned()], vec!["125.0 ms".into()])
    );
    assert_eq!(
        (cells(&model, "STATE"), cells(&model, "VERSION")),
        (vec!["fallback".to_owned()], vec!["0.1.0".into()])
    );
    assert_eq!(
        (cells(&model, "ERROR"), cells(&model, "MEMORY")),
        (vec!["trapped\\n".to_owned()], vec!["-".into()])
    );
    press(&mut model, "5");
    assert_eq!(
        (cells(&model, "BACKLOG"), cells(&model, "LOST")),
        (vec!["2.0 KiB".to_owned()], vec!["3".into()])
    );
    assert_eq!(
        (cells(&model, "OLDEST"), cells(&model, "EVENTS")),
        (vec!["60.0 s".to_owned()], vec!["-".into()])
    );
    press(&mut model, "6");
    assert!(cells(&model, "VALUE").contains(&"events: 0".to_owned()));
    press(&mut model, "7");
    assert_eq!(
        (names(&model), cells(&model, "AGE")),
        (vec!["node kubelet".to_owned()], vec!["12.0 s".into()])
    );
}

#[test]
fn names_from_outside_are_escaped() {
    let mut model = Model::new(Mode::Recording, "a\u{1b}b", View::Pods, 0);
    model.apply(news(1, &[("\u{1b}[2J\n\u{202e}x", 1.0)]), 0);
    assert_eq!(
        (model.source.as_str(), names(&model)),
        ("a\\u{1b}b", vec!["shop/\\u{1b}[2J\\n\\u{202e}x".to_owned()])
    );
}

#[test]
fn the_second_pipeline_of_a_scope_is_not_shown_twice() {
    let of = |pipeline: &str, time_unix_ms: u64, pod: &str| Update::Batch {
        pipeline: pipeline.into(),
        batch: Box::new(batch(time_unix_ms, &[(pod, 1.0)])),
        stages: None,
        problem: None,
    };
    let mut model = Model::new(Mode::Live, "api.sock", View::Pods, 0);
    model.apply(of("node", 60_000, "a"), 0);
    model.apply(of("other", 60_000, "b"), 0);
    assert_eq!((names(&model), model.position()), (vec!["shop/a".to_owned()], (1, 1)));
    // After a rollout the pipelines of the scope have other names.
    model.apply(of("renamed", 120_000, "c"), 0);
    assert_eq!(names(&model), ["shop/c"]);
}

#[test]
fn a_scope_without_new_batches_disappears() {
    let of = |id: &str, time_unix_ms: u64| {
        let batch = batch(time_unix_ms, &[(id, 1.0)]);
        let batch = Box::new(Columns { scope_id: id.into(), ..batch });
        Update::Batch { pipeline: "node".into(), batch, stages: None, problem: None }
    };
    let mut model = Model::new(Mode::Live, "api.sock", View::Pods, 0);
    model.apply(of("old", 60_000), 0);
    model.apply(of("new", 240_000), 0);
    assert_eq!(names(&model), ["shop/new", "shop/old"]);
    model.apply(of("new", 240_001), 0);
    assert_eq!(names(&model), ["shop/new"]);
}

#[test]
fn a_batch_that_fails_says_why() {
    let mut model = Model::new(Mode::Recording, "r", View::Pods, 0);
    let update = Update::Batch {
        pipeline: "node".into(),
        batch: Box::new(batch(1, &[])),
        stages: None,
        problem: Some("node/builtin:decorate failed".into()),
    };
    model.apply(update, 0);
    assert_eq!(model.grid().note.as_deref(), Some("node/builtin:decorate failed"));
}
