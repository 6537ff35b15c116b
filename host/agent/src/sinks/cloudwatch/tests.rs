use std::path::Path;

use insights_batch::Payloads;

use super::super::queued;
use super::*;
use crate::config;

fn settings(directory: &Path) -> Box<config::CloudWatchSink> {
    let text = format!(
        "sinks: {{logs: {{type: cloudwatch_logs, spool: {{dir: {}, max_bytes: 16MiB}}}}}}",
        directory.display()
    );
    let config = config::Config::parse(&text, None, &config::Environment::default()).unwrap();
    match config.sinks.into_iter().find(|sink| sink.name == "logs").unwrap().kind {
        config::SinkKind::CloudWatch(sink) => sink,
        other => panic!("{other:?}"),
    }
}

fn payloads(events: &[(&str, &str, &[u8])]) -> Payloads {
    let mut payloads = Payloads::new("application/json");
    for (group, stream, body) in events {
        payloads.push(&[("log_group", group), ("log_stream", stream)], 1_790_000_000_000, body);
    }
    payloads
}

#[test]
fn a_tick_becomes_a_request_for_each_destination() {
    let directory = tempfile::tempdir().unwrap();
    let queue = queued::open("logs", &settings(directory.path()).spool).unwrap();
    let mut sink = CloudWatch::new(queue.clone());
    let payloads = payloads(&[("g", "a", b"{}"), ("g", "b", b"{}"), ("g", "a", b"{\"n\":1}")]);
    assert_eq!(sink.accept("application/json", &mut payloads.events()).lost, 0);
    assert_eq!(queue.stats().pending.blocks, 0, "a request is whole when the tick is over");
    let delivered = sink.end_tick();
    assert_eq!((delivered.events, delivered.bytes, delivered.lost), (3, 2 + 2 + 7 + 3 * 26, 0));
    let stats = queue.stats();
    assert_eq!((stats.pending.blocks, stats.pending.events), (2, 3));
    assert!(stats.disk_bytes > 0 && stats.mode == insightd_spool::StorageMode::Disk, "{stats:?}");
}

#[test]
fn many_destinations_need_no_more_memory() {
    let directory = tempfile::tempdir().unwrap();
    let queue = queued::open("logs", &settings(directory.path()).spool).unwrap();
    let mut sink = CloudWatch::new(queue.clone());
    let streams: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    let events: Vec<(&str, &str, &[u8])> = streams.iter().map(|s| ("g", s.as_str(), &b"{}"[..])).collect();
    let payloads = payloads(&events);
    let delivered = sink.accept("application/json", &mut payloads.events());
    assert_eq!((delivered.events, sink.open.len()), (16, OPEN_BODIES));
    assert_eq!(sink.end_tick().events, 4);
    assert_eq!(queue.stats().pending.blocks, 20);
}

#[test]
fn what_cannot_be_delivered_is_counted_with_its_reason() {
    let directory = tempfile::tempdir().unwrap();
    let mut sink = CloudWatch::new(queued::open("logs", &settings(directory.path()).spool).unwrap());
    let mut lost = |group, stream, body: &[u8]| {
        let payloads = payloads(&[(group, stream, body)]);
        let delivered = sink.accept("application/json", &mut payloads.events());
        assert_eq!(delivered.lost, 1);
        delivered.error.unwrap().to_string()
    };
    assert_eq!(lost("g", "s", b"\xff"), "an event is not valid UTF-8");
    assert_eq!(lost("g", "s", b""), "an event is empty");
    assert!(lost("g", "", b"{}").starts_with("an event's route has no `log_stream`"));
    assert!(lost("g", "s", &vec![b'x'; 300_000]).starts_with("an event has 300000 bytes"));
    assert_eq!(sink.end_tick().events, 0);
}

#[test]
fn without_a_directory_events_wait_in_memory() {
    let mut wanted = settings(Path::new("/nowhere"));
    wanted.spool.dir = None;
    let queue = queued::open("logs", &wanted.spool).unwrap();
    let mut sink = CloudWatch::new(queue.clone());
    let payloads = payloads(&[("g", "s", b"{}")]);
    sink.accept("application/json", &mut payloads.events());
    sink.end_tick();
    let stats = queue.stats();
    assert_eq!((stats.in_memory.events, stats.disk_bytes), (1, 0));
    assert_eq!(
        stats.mode,
        insightd_spool::StorageMode::Memory { reason: "no directory is configured".into() }
    );
}

/// Evicts the oldest body when too many are open; bodies that became full in between do not change the order.
#[test]
fn the_body_that_was_opened_first_is_finished_first() {
    let directory = tempfile::tempdir().unwrap();
    let queue = queued::open("logs", &settings(directory.path()).spool).unwrap();
    let mut sink = CloudWatch::new(queue);
    // Four events of this size fill a request.
    let large = vec![b'x'; 250_000];
    let mut events: Vec<(&str, &str, &[u8])> = vec![("g", "a", &large); 4];
    events.extend([("g", "b", &b"{}"[..]), ("g", "c", b"{}"), ("g", "d", b"{}"), ("g", "a", &large)]);
    let payloads = payloads(&events);
    assert_eq!(sink.accept("application/json", &mut payloads.events()).events, 4);
    let streams: Vec<&str> = sink.open.iter().map(|(destination, _)| &*destination.stream).collect();
    assert_eq!(streams, ["b", "c", "d", "a"]);
}

#[test]
fn names_that_the_service_refuses_lose_no_event() {
    let directory = tempfile::tempdir().unwrap();
    let queue = queued::open("logs", &settings(directory.path()).spool).unwrap();
    let mut sink = CloudWatch::new(queue.clone());
    let payloads = payloads(&[
        ("/aws/x/aws:111122223333:us-west-2:demo/performance", "prod:node-1", b"{}"),
        ("aws/demo/performance", "all-*-node-1", b"{}"),
        ("/aws/x/demo\n/performance", "node\u{0}1", b"{}"),
    ]);
    assert_eq!(sink.accept("application/json", &mut payloads.events()).lost, 0);
    let there: Vec<(&str, &str)> =
        sink.open.iter().map(|(there, _)| (there.group.as_str(), there.stream.as_str())).collect();
    assert_eq!(
        there,
        [
            ("/aws/x/aws_111122223333_us-west-2_demo/performance", "prod_node-1"),
            ("aws_demo/performance", "all-_-node-1"),
            ("/aws/x/demo_/performance", "node_1"),
        ]
    );
    assert_eq!((sink.end_tick().events, queue.stats().pending.blocks), (3, 3));
    assert_eq!(sink.replaced.len(), 6, "said once each");
}
