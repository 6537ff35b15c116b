//! One tick, and the times of several.

use std::fs;
use std::io::BufRead;

use rustix::process::Signal;
use serde_json::Value;

use crate::agent::{Agent, event, time_of};

#[test]
fn one_tick_of_this_machine() {
    let mut agent = Agent::start(&["run", "--once"]);
    let events: Vec<Value> = agent.stdout().lines().map(|line| event(&line.expect("UTF-8"))).collect();
    let (status, log) = agent.end();
    assert!(status.success(), "{log}");
    let warning = "no CloudWatch metrics will be made: the cluster name is unknown; set `node.cluster_name` or K8S_CLUSTER_NAME";
    assert_eq!(log.matches(warning).count(), 1, "{log}");
    assert_eq!(log.matches("\"orchestrator detected\"").count(), 1, "{log}");

    let of_type = |kind: &str| events.iter().filter(|event| event["Type"] == kind).collect::<Vec<_>>();
    let [node] = of_type("Node")[..] else { panic!("one Node event, found {}", of_type("Node").len()) };
    let meminfo = fs::read_to_string("/proc/meminfo").expect("meminfo");
    let total =
        meminfo.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok()).expect("MemTotal") * 1024.0;
    assert_eq!(node["node_memory_limit"].as_f64(), Some(total));
    let hostname = rustix::system::uname().nodename().to_string_lossy().into_owned();
    assert_eq!(node["NodeName"].as_str(), Some(&*hostname));

    let root = rustix::fs::statvfs("/").expect("statvfs");
    let capacity = (root.f_blocks * root.f_frsize) as f64;
    let capacities: Vec<_> =
        of_type("NodeFS").iter().map(|event| event["node_filesystem_capacity"].as_f64()).collect();
    assert!(capacities.contains(&Some(capacity)), "{capacity} is not among {capacities:?}");

    let interfaces = fs::read_to_string("/proc/1/net/dev").or_else(|_| fs::read_to_string("/proc/net/dev"));
    for net in of_type("NodeNet") {
        let name = net["interface"].as_str().expect("a NodeNet event names its interface");
        assert!(interfaces.as_ref().expect("net/dev").contains(name), "{name}");
    }
    let times: Vec<u64> = events.iter().map(time_of).collect();
    assert!(times.iter().all(|time| *time == times[0]), "all events of a tick carry its time");
}

#[test]
fn a_node_of_kubernetes_misses_its_endpoints_once_each() {
    let directory = tempfile::tempdir().expect("a directory");
    let config = directory.path().join("insightd.yaml");
    fs::write(&config, "node: {orchestrator: eks}\n").expect("written");
    let (status, log) = Agent::start(&["run", "--once", "--config", config.to_str().expect("UTF-8")]).end();
    assert!(status.success(), "{log}");
    for warning in [
        "no events of pods and containers will be made: the address of the kubelet is unknown; set `kubelet.url` or HOST_IP",
        "there is no API server; run in a pod, or set `api.kubeconfig`",
    ] {
        assert_eq!(log.matches(warning).count(), 1, "{warning}\n{log}");
    }
}

#[test]
fn a_crash_leaves_no_memory_behind() {
    let mut agent = Agent::start(&["run", "--interval", "200ms"]);
    let _first = agent.stdout().lines().next();
    let limits = fs::read_to_string(format!("/proc/{}/limits", agent.0.id())).expect("the agent lives");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
    let limits: Vec<&str> = core.split_whitespace().skip(4).take(2).collect();
    assert_eq!(limits, ["0", "0"], "{core}");
}

#[test]
fn ticks_are_on_the_clock_and_sigterm_ends_with_whole_lines() {
    let mut agent = Agent::start(&["run", "--interval", "200ms"]);
    let mut lines = agent.stdout().lines();
    let mut times = Vec::new();
    while times.len() < 3 {
        let time = time_of(&event(&lines.next().expect("the agent goes on").expect("UTF-8")));
        if times.last() != Some(&time) {
            times.push(time);
        }
    }
    // The default offset: five twelfths of the interval, in whole milliseconds.
    assert!(times.iter().all(|time| time % 200 == 83), "{times:?}");
    assert!(times.is_sorted(), "{times:?}");
    agent.signal(Signal::TERM);
    for line in lines {
        event(&line.expect("UTF-8"));
    }
    let (status, log) = agent.end();
    assert_eq!(status.code(), Some(0), "{log}");
    let last = event(log.lines().last().expect("a log"));
    assert_eq!(last["message"], "stopped", "{log}");
    assert!(last["events"].as_u64() >= Some(3) && last["lost_sink"] == 0, "{log}");
}
