//! The built agent sends a recorded node by remote write to a small server: one that knows only version 1.0 and refuses a request, and one
//! that stores a part of a request. What it accepts is what the formatter `prometheus` makes of the same tick.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeSet;
use std::fs;

use insightd_tests::receiver::{Received, Receiver, Response};
use insightd_tests::{Recorded, built, program, top};
use insights_batch::protobuf::{Fields, Value};

/// Statuses of responses with a further header.
type Responses = &'static [(u16, &'static str)];

/// Serves requests with these responses in turn, the last one from then on.
fn serve(responses: Responses) -> Receiver {
    Receiver::start(|number, _| {
        let (status, header) = responses[number.min(responses.len() - 1)];
        Response::new(status, header)
    })
}

fn messages(message: &[u8], field: u64) -> Vec<&[u8]> {
    let content = |found| match found {
        Ok((number, Value::Bytes(content))) if number == field => Some(content),
        _ => None,
    };
    Fields::new(message).filter_map(content).collect()
}

/// Returns the samples of a `WriteRequest` as lines of the text format, with the labels in order.
fn samples(body: &[u8]) -> Vec<String> {
    let request = snap::raw::Decoder::new().decompress_vec(body).unwrap();
    let line = |series: &[u8]| {
        let (mut name, mut labels) = (String::new(), Vec::new());
        for label in messages(series, 1) {
            let text = |field| String::from_utf8(messages(label, field)[0].to_vec()).unwrap();
            match text(1).as_str() {
                "__name__" => name = text(2),
                key => labels.push(format!("{key}={:?}", text(2))),
            }
        }
        let sample = messages(series, 2)[0];
        let mut fields = Fields::new(sample).map(Result::unwrap);
        let (Some((1, Value::Fixed64(bits))), Some((2, Value::Varint(time)))) =
            (fields.next(), fields.next())
        else {
            panic!("{sample:?}")
        };
        labels.sort();
        format!("{name}{{{}}} {} {time}", labels.join(","), f64::from_bits(bits))
    };
    messages(&request, 1).into_iter().map(line).collect()
}

/// Reads lines of the formatter `prometheus` into the same form.
fn wanted(text: &str) -> BTreeSet<String> {
    let mut reader = insightd_exposition::Reader::new(
        insightd_exposition::Format::Prometheus,
        insightd_exposition::Limits::default(),
    );
    let mut wanted = BTreeSet::new();
    reader
        .push(text.as_bytes(), &mut |sample| {
            let mut labels: Vec<String> =
                sample.labels.iter().map(|(key, value)| format!("{key}={value:?}")).collect();
            labels.sort();
            let time = sample.timestamp_ms.unwrap();
            wanted.insert(format!("{}{{{}}} {} {time}", sample.name, labels.join(","), sample.value));
        })
        .unwrap();
    wanted
}

/// Sends a tick of a recorded node. Returns the requests, the lines of the formatter `prometheus`, and the log.
fn send(responses: Responses) -> (Vec<Received>, BTreeSet<String>, String) {
    built("transforms/remote-write.wasm");
    let directory = tempfile::tempdir().unwrap();
    let receiver = serve(responses);
    let address = receiver.address();
    let recorded = Recorded::open("v2-systemd");
    let text = format!(
        "transforms_dir: {:?}
compiler: {:?}
operations: {{listen: none}}
instance: {{enabled: false}}
sinks: {{receiver: {{type: prometheus_remote_write, endpoint_url: 'http://{address}/api/v1/write', headers: {{X-Scope-OrgID: team}}}}}}
pipelines:
  - name: node
    scope: node
    transforms: [{{use: 'builtin:decorate'}}]
    outputs:
      - {{formatter: {{use: 'file:remote-write', config: {{max_series: 100, stale_markers: false, external_labels: {{job: '', instance: ''}}}}}}, sink: receiver}}
      - {{formatter: {{use: 'file:prometheus', config: {{timestamps: true}}}}, sink: stdout}}
",
        top().join("target/transforms"),
        program("insightd-compile"),
    );
    let config = directory.path().join("insightd.yaml");
    fs::write(&config, text).unwrap();
    let config = config.to_str().unwrap();
    let arguments = ["run", "--config", config, "--host-root", recorded.directory(), "--sink", "receiver"];
    let output = insightd_tests::insightd(&arguments);
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    let text = String::from_utf8(output.stdout).unwrap().replace("\\n", "\n");
    let wanted = wanted(&text);
    assert!(wanted.len() > 500, "{log}");
    let received = receiver.received();
    assert!(received.len() > 5, "{} requests: {log}", received.len());
    (received, wanted, log)
}

fn has(request: &Received, line: &str) -> bool {
    request.head.contains(&format!("{line}\r\n"))
}

#[test]
fn a_server_of_version_1_that_refuses_a_request() {
    let (received, wanted, log) = send(&[(415, "x-a: b"), (204, "x-a: b"), (413, "x-a: b"), (204, "x-a: b")]);
    for (number, request) in received.iter().enumerate() {
        let (version, content_type) = match number {
            0 => ("2.0.0", "application/x-protobuf;proto=io.prometheus.write.v2.request"),
            _ => ("0.1.0", "application/x-protobuf"),
        };
        let wanted = format!("x-prometheus-remote-write-version: {version}");
        assert!(has(request, &wanted), "{number}: {}", request.head);
        assert!(has(request, &format!("content-type: {content_type}")), "{number}: {}", request.head);
        assert!(has(request, "content-encoding: snappy") && has(request, "x-scope-orgid: team"));
        assert!(request.head.starts_with("post /api/v1/write http/1.1"), "{}", request.head);
        assert!(request.head.contains("user-agent: insightd/"), "{}", request.head);
    }
    // The refused request is not sent again.
    let sent: Vec<Vec<String>> = received[1..].iter().map(|request| samples(&request.body)).collect();
    assert_eq!((received[2].status, sent[1].len()), (413, 100));
    let found: BTreeSet<String> = sent.iter().flatten().cloned().collect();
    assert_eq!(found.len(), sent.iter().map(Vec::len).sum::<usize>(), "each sample is sent once");
    assert_eq!(found, wanted);
    assert!(log.contains("request too large (413); lower `max_series` of the formatter"), "{log}");
    assert!(log.contains("the server does not know remote write 2.0: sending 1.0"), "{log}");
}

#[test]
fn a_server_that_stores_a_part_of_a_request() {
    let responses: Responses = &[
        (200, "x-prometheus-remote-write-samples-written: 100"),
        (200, "x-prometheus-remote-write-samples-written: 93"),
        (200, "x-prometheus-remote-write-samples-written: 100"),
    ];
    let (received, wanted, log) = send(responses);
    assert!(received.iter().all(|request| has(request, "x-prometheus-remote-write-version: 2.0.0")));
    assert_eq!(received.len(), wanted.len().div_ceil(100), "nothing is sent again");
    let line =
        log.lines().find(|line| line.contains("the server accepted a request, but not all of it")).unwrap();
    assert!(line.contains("\"rejected_points\":7"), "{line}");
}
