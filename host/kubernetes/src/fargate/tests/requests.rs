//! Responses of single nodes.

use std::io::Write as _;

use super::*;
use crate::fargate::scrape::{ScrapeLimits, scrape};

/// Bounds that no response of a test exceeds by accident.
fn limits() -> ScrapeLimits {
    let response = Limits { samples: 500, bytes: 1 << 20, ..Limits::default() };
    ScrapeLimits { deadline: Duration::from_secs(20), response, reading: ReadingLimits::default() }
}

async fn read(response: Response, limits: ScrapeLimits) -> Result<NodeReading, ScrapeError> {
    let server = Server::start(move |_, _| response.clone()).await;
    let status = UpstreamStatus::new("fargate");
    scrape(&server.client(), "fargate-1", limits, INTERVAL, &status).await.map(|(reading, _)| reading)
}

#[tokio::test]
async fn responses_are_read_in_pieces_and_decompressed() {
    let whole = read(rows(), limits()).await.unwrap();
    assert_eq!((whole.pods(), whole.containers()), (1, 1));
    let (begin, end) = ROWS.split_at(ROWS.len() / 2);
    let in_pieces = Response::ok().send(begin).pause(Duration::from_millis(5)).send(end);
    assert_eq!(read(in_pieces, limits()).await.unwrap(), whole);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(ROWS.as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    let gzip = Response::ok().header("content-encoding", "gzip");
    assert_eq!(read(gzip.clone().send(packed.clone()), limits()).await.unwrap(), whole);
    let error = read(gzip.send(&packed[..packed.len() / 2]), limits()).await.unwrap_err();
    assert!(matches!(error, ScrapeError::Encoding { .. }), "{error}");
}

#[tokio::test]
async fn a_malformed_line_does_not_cost_the_node() {
    let broken = format!("container_cpu_usage_seconds_total{{ 1\n{ROWS}");
    assert_eq!(read(Response::ok().send(broken), limits()).await.unwrap().pods(), 1);
}

/// Until its pod runs, a Fargate node has only rows of the machine.
#[tokio::test]
async fn a_node_without_its_pod_is_no_failure() {
    let machine = Response::ok().send("machine_cpu_cores{} 2\nmachine_memory_bytes{} 4e+09\n");
    assert_eq!(read(machine, limits()).await.unwrap().pods(), 0);
}

#[tokio::test]
async fn errors_name_the_node_the_path_and_the_remedy() {
    let path = "GET /api/v1/nodes/fargate-1/proxy/metrics/cadvisor: ";
    let few = ScrapeLimits { response: Limits { samples: 3, ..Limits::default() }, ..limits() };
    let short = ScrapeLimits { response: Limits { bytes: 1000, ..Limits::default() }, ..limits() };
    let soon = ScrapeLimits { deadline: Duration::from_millis(50), ..limits() };
    let unreachable = json!({
        "kind": "Status", "code": 503,
        "message": "error trying to reach service: dial tcp 10.0.0.7:10250: i/o timeout"
    });
    let cut_line = &ROWS[..ROWS.len() - 1];
    for (expected, response, limits) in [
        ("grant `get` on `nodes/proxy`", Response::status(403).send("Forbidden"), limits()),
        (
            "dial tcp 10.0.0.7:10250: i/o timeout",
            Response::status(503).send(unreachable.to_string()),
            limits(),
        ),
        ("kubectl get node fargate-1", Response::status(404).send("{}"), limits()),
        // The API server is restarted while it passes the response on.
        ("cannot get nodes/proxy", Response::ok().send(ROWS).cut(), limits()),
        ("the response is cut off after", Response::ok().send(cut_line), limits()),
        ("more than 3 samples", rows(), few),
        ("exceeds 1000 bytes", rows(), short),
        ("no rows of cAdvisor among 0 samples (line 1: ", Response::ok().send("<html>\n"), limits()),
        ("no rows of cAdvisor among 1 samples;", Response::ok().send("up 1\n"), limits()),
        ("no complete response within 0.05 s", Response::ok().send(ROWS).hang(), soon),
        ("not requested", Response::ok().header("content-encoding", "br").send("x"), limits()),
    ] {
        let error = read(response, limits).await.unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with(&format!("node fargate-1: {path}")), "{text}");
        assert!(text.contains(expected), "{expected}: {text}");
        assert_eq!((error.node(), error.is_late()), ("fargate-1", expected.contains("within")));
    }
}
