//! Delivery through a faulty proxy to an emulator of the service: counts the blocks that are produced, accepted, stored twice
//! and dropped. No block may be lost silently.
//!
//! `INSIGHTD_TEST_AWS` is the emulator's address; `make test-aws` starts one. Without it, each test prints `SKIPPED` and returns.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "faults/agent.rs"]
mod agent;
mod common;
#[path = "../../delivery/tests/shared/killed.rs"]
mod killed;
#[path = "faults/proxy.rs"]
mod proxy;

use std::time::Duration;

use agent::{Account, Agent, stored_numbers};
use common::emulator;
use proxy::{Fault, Proxy};

/// Operation in the header of the requests that meet faults, in lower case.
const PUT: &str = "logs_20140328.putlogevents";

/// Delivers fifty blocks while the first requests after the stream exists meet these faults.
async fn through(name: &str, faults: Vec<Fault>) -> Option<Account> {
    let emulator = emulator()?;
    let proxy = Proxy::start(&emulator, PUT).await;
    let agent = Agent::start(name, &proxy.url(), None).await;
    // Create the stream before anything breaks.
    agent.put(0);
    agent.wait_until_empty(Duration::from_secs(30)).await;
    proxy.breaks(faults);
    for number in 1..50 {
        agent.put(number);
    }
    agent.wait_until_empty(Duration::from_secs(300)).await;
    for head in proxy.heads() {
        for wanted in
            ["x-amzn-logs-format: json/emf", "content-encoding: gzip", "authorization: aws4-hmac-sha256"]
        {
            assert!(head.contains(wanted), "{wanted} is not in {head}");
        }
    }
    let account = agent.account(&emulator, 50).await;
    println!("{name}: {account}; {} requests", proxy.requests());
    Some(account)
}

fn thrice(fault: Fault) -> Vec<Fault> {
    vec![fault; 3]
}

/// Tests in which a faulty request is not processed: nothing is stored twice.
macro_rules! loses_nothing {
    ($($test:ident: $faults:expr;)*) => {$(
        #[tokio::test]
        async fn $test() {
            let Some(account) = through(stringify!($test), $faults).await else { return };
            assert_eq!((account.stored, account.duplicates, account.dropped), (50, 0, 0), "{account}");
        }
    )*};
}

loses_nothing! {
    nothing_wrong: vec![];
    closed_at_once: thrice(Fault::Close);
    black_holed: thrice(Fault::Silence);
    slow: vec![Fault::Slow(Duration::from_millis(800)); 10];
    internal_error: thrice(Fault::Status(500, r#"{"__type":"InternalFailure","message":"oops"}"#, None));
    unavailable: thrice(Fault::Status(503, r#"{"__type":"ServiceUnavailableException","message":"later"}"#, None));
    unavailable_as_html: thrice(Fault::Status(503, "<html>no</html>", None));
    throttled: thrice(Fault::Status(400, r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#, None));
    throttled_with_retry_after: thrice(Fault::Status(429, r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#, Some(1)));
    expired_token: vec![Fault::Status(400, r#"{"__type":"ExpiredTokenException","message":"The security token included in the request is expired"}"#, None)];
    access_denied: vec![Fault::Status(400, r#"{"__type":"AccessDeniedException","message":"User is not authorized"}"#, None)];
    clock_skew: vec![Fault::Status(403, r#"{"__type":"InvalidSignatureException","message":"Signature expired"}"#, None)];
}

/// Tests in which a request is processed but its response is lost: each such request stores its block at most once more.
macro_rules! may_duplicate {
    ($($test:ident: $faults:expr;)*) => {$(
        #[tokio::test]
        async fn $test() {
            let faults: Vec<Fault> = $faults;
            let most = faults.len() as u32;
            let Some(account) = through(stringify!($test), faults).await else { return };
            assert_eq!((account.stored, account.dropped), (50, 0), "{account}");
            assert!(account.duplicates <= most, "{account}");
        }
    )*};
}

may_duplicate! {
    response_truncated: thrice(Fault::TruncatedResponse);
    response_is_not_json: thrice(Fault::GarbledResponse);
    response_lost: thrice(Fault::LostResponse);
}

/// A block that the service will never accept is dropped and counted; the rest is delivered.
#[tokio::test]
async fn rejected_permanently() {
    let fault = Fault::Status(400, r#"{"__type":"InvalidParameterException","message":"no"}"#, None);
    let Some(account) = through("rejected_permanently", vec![fault]).await else { return };
    assert_eq!((account.stored, account.duplicates, account.dropped), (49, 0, 1), "{account}");
}

/// The service is unreachable and the pod is deleted; its successor delivers the rest.
#[tokio::test]
async fn a_successor_delivers_the_blocks_of_its_predecessor() {
    let Some(emulator) = emulator() else { return };
    let directory = tempfile::tempdir().unwrap();
    let first = Agent::start("successor", "http://127.0.0.1:9", Some(directory.path())).await;
    for number in 0..20 {
        first.put(number);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let destination = first.end().await;
    let second = Agent::start_for(destination, &emulator, Some(directory.path())).await;
    for number in 20..30 {
        second.put(number);
    }
    second.wait_until_empty(Duration::from_secs(30)).await;
    let account = second.account(&emulator, 30).await;
    println!("successor: {account}");
    assert_eq!((account.stored, account.duplicates, account.dropped), (30, 0, 0), "{account}");
}

/// The agent is killed at fifty random points while it sends.
#[tokio::test]
async fn no_block_is_lost_when_the_agent_is_killed() {
    if agent::child().await {
        return;
    }
    let Some(emulator) = emulator() else { return };
    let proxy = Proxy::start(&emulator, PUT).await;
    proxy.breaks(vec![Fault::Slow(Duration::from_millis(15)); 100_000]);
    let directory = tempfile::tempdir().unwrap();
    let destination = agent::destination("killed");
    let (mut put, mut random, kills) = (Vec::new(), fastrand::Rng::with_seed(11), 50);
    for number in 0..kills {
        let (url, first) = (proxy.url(), number * 100_000);
        let child = agent::start_child(
            "no_block_is_lost_when_the_agent_is_killed",
            &destination,
            &url,
            directory.path(),
            first,
        );
        tokio::time::sleep(Duration::from_millis(random.u64(60..400))).await;
        put.extend(child.kill());
    }
    let last = Agent::start_for(destination.clone(), &emulator, Some(directory.path())).await;
    last.wait_until_empty(Duration::from_secs(60)).await;
    let stored = stored_numbers(&emulator, &destination).await;
    let missing: Vec<u32> = put.iter().copied().filter(|number| !stored.contains_key(number)).collect();
    let duplicates: u32 = stored.values().map(|count| count - 1).sum();
    println!(
        "killed {kills} times: {} blocks put, {} stored, {duplicates} twice, {} lost",
        put.len(),
        stored.len(),
        missing.len()
    );
    assert_eq!(missing, Vec::<u32>::new());
    // At most two requests are in flight at each kill, and each may have been processed without being recorded.
    assert!(duplicates <= 2 * kills, "{duplicates}");
    assert!(put.len() > 50, "it did something in between: {}", put.len());
}
