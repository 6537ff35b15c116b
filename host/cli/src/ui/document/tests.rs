use insights_batch::{Batch, Columns};
use serde_json::{Value, json};

use super::*;
use crate::live::State;
use crate::offline::parsed;
use crate::top::model::Update;
use crate::ui::feed::BUILTIN;
use crate::ui::history::tests::history;
use crate::ui::playground;
use crate::ui::session::Configured;

fn session(recording: bool, config: &str) -> Arc<Session> {
    let parsed = parsed(config, "test", Some("off")).unwrap();
    let configured = Configured { file: None, text: config.into(), config: parsed };
    Arc::new(Session::new(recording.then(|| "r.jsonl".into()), "n\u{202e}1", configured))
}

fn pods(time_unix_ms: u64, pods: usize) -> Columns {
    let batch = Batch::new("node", "n1", time_unix_ms, 60_000);
    let node = batch.add("node", "n1", None);
    for index in 0..pods {
        let pod = batch.add("pod", &format!("p{index:05}"), Some(node));
        pod.set_attribute("pod.namespace", "shop");
        pod.set_attribute("pod.name", &format!("web-{index:05}"));
        pod.set_gauge("pod_cpu_usage_total", index as f64);
    }
    batch.into_columns()
}

fn add(session: &Session, batch: Columns) {
    session.apply(Update::Batch {
        pipeline: "node".into(),
        batch: Box::new(batch),
        stages: None,
        problem: None,
    });
}

fn get(session: &Arc<Session>, name: &str, query: &str) -> Value {
    document(session, name, &Query::parse(query).unwrap()).unwrap()
}

fn status(session: &Arc<Session>, name: &str, query: &str) -> u16 {
    document(session, name, &Query::parse(query).unwrap()).unwrap_err().status.as_u16()
}

#[test]
fn a_page_of_ten_thousand_rows_is_small() {
    let session = session(true, BUILTIN);
    add(&session, pods(60_000, 10_000));
    let first = get(&session, "table", "view=pods");
    assert_eq!((&first["matching"], &first["rows"].as_array().unwrap().len()), (&json!(10_000), &50));
    assert_eq!(first["rows"][0]["cells"][0]["text"], "shop/web-09999");
    assert_eq!(first["rows"][0]["cells"][1]["number"], 9999.0);
    assert!(first.to_string().len() < 20_000, "{}", first.to_string().len());
    assert_eq!(first["columns"][1]["sorted"], "descending");
    let last = get(&session, "table", "view=pods&offset=9999999&sort=NAME&limit=5000");
    assert_eq!((&last["offset"], &last["rows"].as_array().unwrap().len()), (&json!(9800), &200));
    assert_eq!(last["rows"][199]["cells"][0]["text"], "shop/web-09999");
    assert_eq!(last["columns"][0]["sorted"], "ascending");
    let found = get(&session, "table", "view=pods&filter=WEB-00012&sort=mCPU&order=reverse");
    assert_eq!((&found["matching"], &found["columns"][1]["sorted"]), (&json!(1), &json!("ascending")));
    let choices = get(&session, "choices", "view=pods&filter=web-0001");
    assert_eq!((&choices["all_objects"], &choices["objects"].as_array().unwrap().len()), (&json!(10), &10));
    assert_eq!(get(&session, "choices", "view=pods")["objects"].as_array().unwrap().len(), 100);
}

#[test]
fn a_plot_has_the_values_of_the_frames() {
    let session = session(true, BUILTIN);
    for (time, count) in [(60_000, 3), (120_000, 2), (180_000, 3)] {
        add(&session, pods(time, count));
    }
    let plots = get(&session, "plot", "view=pods&metric=pod_cpu_usage_total");
    let series = &plots["plots"][0]["series"];
    assert_eq!(series[0]["name"], "shop/web-00002");
    assert_eq!(series[0]["points"], json!([[60_000, 2.0], [120_000, null], [180_000, 2.0]]));
    let key =
        form_urlencoded::byte_serialize(series[1]["key"].as_str().unwrap().as_bytes()).collect::<String>();
    let one = get(&session, "plot", &format!("view=pods&metric=pod_cpu_usage_total&key={key}&frame=2"));
    assert_eq!(
        one["plots"][0]["series"],
        json!([{"key": series[1]["key"], "name": "shop/web-00001", "left_out": 0,
        "points": [[60_000, 1.0], [120_000, 1.0]]}])
    );
    assert_eq!(get(&session, "plot", "view=pods&metric=unknown&key=x")["plots"][0]["series"], json!([]));
    assert_eq!(status(&session, "plot", "view=stages&metric=m"), 400);
    assert_eq!(status(&session, "plot", &"metric=m&".repeat(5)), 400);
    assert_eq!(get(&session, "status", "")["frames"], 3, "the newest frame is shown again");
}

#[test]
fn the_history_of_the_agent_is_plotted() {
    let session = session(false, BUILTIN);
    *session.history() = history();
    let plots = get(&session, "plot", "view=agent&metric=calls_total");
    assert_eq!(plots["plots"][0]["series"][0]["points"], json!([[0, 1.0], [60_000, 3.0], [180_000, 7.0]]));
    let choices = get(&session, "choices", "view=agent&metric=calls_total&metrics=TOTAL");
    assert_eq!(choices["all_metrics"], 3);
    assert_eq!(choices["objects"][0]["name"], "pipeline=node, slot=transform-1");
}

fn agent() -> State {
    let labels = json!({"pipeline": "node", "slot": "transform-1"});
    let output = json!({"pipeline": "node", "slot": "output-1", "sink": "logs"});
    let component = |slot: &str, name: &str, failed: bool| {
        json!({"pipeline": "node", "slot": slot, "component": name, "failures": u8::from(failed), "down_batches": u8::from(failed),
            "last_error": failed.then_some("bad\u{1b}[2J"), "quarantined": [], "versions": []})
    };
    let document = json!({
        "version": 1, "time_unix_ms": 200_000,
        "status": {
            "components": [component("transform-1", "builtin:decorate", true), component("output-1", "builtin:emf", false)],
            "rollout": {"latest": {"state": "rejected", "why": "\u{202e}x"}, "canary": {"share": 0.5, "this_node": true},
                "shadow": {"events": [{"added": 3}]}},
        },
        "metrics": [
            {"name": "insightd_component_calls_total", "labels": labels, "value": 7},
            {"name": "insightd_output_events_total", "labels": output, "value": 12},
            {"name": "insightd_sink_events_lost_total", "labels": {"sink": "logs"}, "value": 2},
            {"name": "insightd_source_failures_in_a_row", "labels": {"scope": "node", "source": "kubelet"}, "value": 3},
            {"name": "insightd_source_age_seconds", "labels": {"scope": "cluster", "source": "pods"}, "value": 3},
        ],
    });
    State::parse(&document.to_string()).unwrap()
}

#[test]
fn the_picture_of_an_agent_has_its_parts() {
    let session = session(false, BUILTIN);
    assert_eq!(get(&session, "pipeline", "")["note"], "waiting for the agent");
    session.apply(Update::State(Box::new(agent())));
    let picture = get(&session, "pipeline", "");
    let pipeline = &picture["pipelines"][0];
    assert_eq!((&pipeline["name"], &pipeline["scope"]), (&json!("node"), &json!("node")));
    assert_eq!(pipeline["sources"].as_array().unwrap().len(), 2, "only of this scope");
    assert_eq!(
        (&pipeline["sources"][0]["id"], &pipeline["is_idle"]),
        (&json!("source/node/kernel"), &json!(false))
    );
    assert_eq!(
        (&pipeline["sources"][1]["title"], &pipeline["sources"][1]["state"]),
        (&json!("kubelet"), &json!("failing"))
    );
    let stage = &pipeline["stages"][0];
    assert_eq!((&stage["title"], &stage["state"]), (&json!("builtin:decorate"), &json!("failing")));
    let reasons = json!(["down: no version works", "1 failed calls", "last error: bad\\u{1b}[2J"]);
    assert_eq!(stage["reasons"], reasons);
    assert_eq!(
        (&pipeline["outputs"][0]["sink"], &pipeline["outputs"][0]["state"]),
        (&json!("sink/logs"), &json!("ok"))
    );
    assert_eq!(
        (&picture["sinks"][0]["id"], &picture["sinks"][0]["state"]),
        (&json!("sink/logs"), &json!("warning"))
    );
}

#[test]
fn the_picture_of_a_recording_is_its_configuration() {
    let session = session(true, BUILTIN);
    add(&session, pods(60_000, 1));
    let picture = get(&session, "pipeline", "");
    let titles = |list: &Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|part| part["title"].as_str().unwrap().to_owned()).collect()
    };
    let node = &picture["pipelines"][0];
    assert_eq!(titles(&node["stages"]), ["builtin:decorate", "builtin:utilization"]);
    assert_eq!(
        (titles(&node["outputs"]), titles(&picture["sinks"])),
        (vec!["builtin:emf".to_owned()], vec!["stdout".to_owned()])
    );
    assert_eq!(node["sources"][0]["subtitle"], "recording");
    assert_eq!(node["sources"][0]["title"], "n\\u{202e}1", "hidden characters are escaped");
    assert_eq!(picture["pipelines"][1]["sources"], json!([]), "no batch of the cluster");
    assert_eq!(picture["pipelines"][1]["is_idle"], true);
}

#[test]
fn the_rollout_has_all_fields() {
    let session = session(false, BUILTIN);
    session.apply(Update::State(Box::new(agent())));
    let rollout = get(&session, "rollout", "");
    let all = rollout["all"].as_array().unwrap();
    let value =
        |name: &str| all.iter().find(|fact| fact["name"] == name).map(|fact| fact["value"].as_str().unwrap());
    assert_eq!((value("latest.why"), value("canary.share")), (Some("\\u{202e}x"), Some("0.5")));
    assert_eq!(value("shadow.events.0.added"), Some("3"));
    let state = rollout["facts"].as_array().unwrap().iter().find(|fact| fact["name"] == "its state").unwrap();
    assert_eq!((&state["value"], &state["is_bad"]), (&json!("rejected"), &json!(true)));
}

#[test]
fn a_silent_agent_is_said() {
    let session = session(false, BUILTIN);
    assert_eq!(
        (&get(&session, "status", "")["unreachable"], &get(&session, "status", "")["has_data"]),
        (&Value::Null, &json!(false))
    );
    session.apply(Update::Unreachable("no such socket\n".into()));
    let silent = get(&session, "status", "");
    assert_eq!(silent["unreachable"], "no such socket\\n");
    assert!(silent["silent_seconds"].is_u64());
    session.apply(Update::State(Box::new(agent())));
    assert_eq!(get(&session, "status", "")["silent_seconds"], Value::Null);
    assert_eq!(get(&session, "cost", "")["state"], "absent");
}

#[test]
fn wrong_parameters_are_rejected() {
    let session = session(true, BUILTIN);
    for (name, query) in [
        ("table", "view=unknown".to_owned()),
        ("table", "offset=-1".to_owned()),
        ("table", "limit=x".to_owned()),
        ("pipeline", "frame=1e9".to_owned()),
        ("table", format!("filter={}", "x".repeat(201))),
    ] {
        assert_eq!(status(&session, name, &query), 400, "{name} {query}");
    }
    for name in ["", "unknown", "../status", "status/", "playground"] {
        assert_eq!(status(&session, name, ""), 404, "{name}");
    }
    assert_eq!(text(&"é".repeat(600)).chars().count(), 501);
}

fn play(request: &Value) -> Value {
    playground::run(&session(false, BUILTIN), request.to_string().as_bytes()).unwrap()
}

#[test]
fn the_configuration_to_begin_with_changes_nothing() {
    let result = play(&json!({"kind": "config", "text": BUILTIN}));
    assert_eq!((&result["problems"], &result["events"]), (&json!([]), &json!([])), "{result}");
    assert!(result["same"].as_u64().unwrap() > 0 && result["same"] == result["before"]);
}

#[test]
fn a_script_changes_events() {
    let program = "for pod in all(\"pod\") {\n    publish(pod, \"pod_example\", 1);\n}\n";
    let result = play(&json!({"kind": "script", "text": program}));
    assert_eq!(
        (&result["added"], &result["removed"], &result["problems"]),
        (&json!(0), &json!(0), &json!([])),
        "{result}"
    );
    let pod = &result["events"][0];
    assert_eq!((&pod["change"], &pod["type"]), (&json!("changed"), &json!("Pod")));
    assert_eq!(pod["differences"], json!([{"name": "pod_example", "before": null, "after": "1"}]));
}

#[test]
fn mistakes_have_their_line() {
    let result = play(&json!({"kind": "script", "text": "\nlet x = unknown;\n"}));
    assert_eq!(
        (&result["problems"][0]["line"], &result["problems"][0]["column"]),
        (&json!(2), &json!(9)),
        "{result}"
    );
    assert_eq!(result["problems"].as_array().unwrap().len(), 1, "once for all pipelines");
    let result = play(&json!({"kind": "config", "text": "interval: 60s\nunknown: 1\n"}));
    assert_eq!(result["problems"][0]["line"], 2, "{result}");
}
