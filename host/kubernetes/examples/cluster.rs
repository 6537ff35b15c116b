//! Watches a cluster and prints its size and cost: entities of a batch, memory, CPU time, bytes received.
//!
//! ```text
//! cargo run --profile quick -p insightd-kubernetes --example cluster -- KUBECONFIG [SECONDS [PAGE_SIZE]]
//! ```

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use insightd_kubernetes::client::{ApiSettings, api_client};
use insightd_kubernetes::cluster::{ClusterSettings, ClusterWatch};
use insights_batch::{Batch, Builder};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let kubeconfig = arguments.next().ok_or("usage: cluster KUBECONFIG [SECONDS [PAGE_SIZE]]")?;
    let seconds = arguments.next().map_or(Ok(60), |text| text.parse())?;
    let page_size = arguments.next().map_or(Ok(0), |text| text.parse())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let settings =
            ApiSettings { kubeconfig: Some(kubeconfig.into()), user_agent: "insightd-example".into() };
        let (client, traffic) = api_client(&settings)?;
        println!("at start: {}", process());
        let watch = ClusterWatch::start(
            client,
            ClusterSettings {
                page_size,
                pending_pods: true,
                max_pending_pods: 1000,
                start_jitter: Duration::ZERO,
            },
        );
        let started = Instant::now();
        while !watch.is_complete() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        println!("complete after {:.1} s: {}", started.elapsed().as_secs_f64(), process());
        let mut left = seconds;
        loop {
            show(&watch);
            println!(
                "{}; {} requests, {} KiB received",
                process(),
                traffic.requests(),
                traffic.received_bytes() / 1024
            );
            if left == 0 {
                return Ok(());
            }
            let pause = left.min(10);
            tokio::time::sleep(Duration::from_secs(pause)).await;
            left -= pause;
        }
    })
}

/// Prints one line about the batch, and one for each source with an error.
fn show(watch: &ClusterWatch) {
    let started = Instant::now();
    let mut builder = Builder::new("cluster", "example", 0, 60_000);
    let cluster = builder.entity("cluster", "example", None);
    watch.emit(&mut builder, cluster);
    let emitted = started.elapsed();
    let batch = Batch::from_columns(builder.finish());
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    let mut phases: BTreeMap<&str, f64> = BTreeMap::new();
    for entity in batch.entities() {
        *kinds.entry(entity.kind()).or_default() += 1;
        for (name, value) in entity.gauges() {
            if name.starts_with("pods.phase.") || name.starts_with("cluster.") || name == "endpoints.ready" {
                *phases.entry(name).or_default() += value;
            }
        }
    }
    println!("{kinds:?} {phases:?} age {:?}, emitted in {emitted:?}", watch.oldest_age());
    for status in watch.statuses() {
        let state = status.snapshot();
        if let Some(error) = state.error {
            println!("{}: {error}", status.source());
        }
    }
}

/// Returns the process's resident memory, its peak, and the CPU time used so far.
fn process() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_ascii_whitespace().nth(1).unwrap_or("?").to_owned()
    };
    let cpu = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanoseconds: f64 = cpu.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN);
    format!(
        "resident {} kB (anonymous {} kB), peak {} kB, CPU {:.2} s",
        field("VmRSS:"),
        field("RssAnon:"),
        field("VmHWM:"),
        nanoseconds / 1e9
    )
}
