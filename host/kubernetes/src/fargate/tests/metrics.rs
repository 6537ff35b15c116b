//! The published metrics of a Fargate pod, from two responses to the components' result.

use insightd_decorate::Decorate;
use insightd_utilization::Utilization;
use insights_sdk::{Settings, Transform};

use super::*;

/// Returns the rows a minute later: 15 s of CPU time and 600,000 bytes in each direction were used.
fn a_minute_later() -> String {
    let rows = ROWS.replace(" 1795256420000", " 1795256480000").replace(" 12.345678901 ", " 27.345678901 ");
    let at = " 1795256480000";
    rows.replace(&format!(" 1e+06{at}"), &format!(" 1.6e+06{at}"))
        .replace(&format!(" 2e+06{at}"), &format!(" 2.6e+06{at}"))
}

fn process<T: Transform>(batch: &Batch) {
    T::configure(&mut Settings::parse("{}").unwrap()).unwrap().process(batch).unwrap();
}

/// The eight metrics of the reference, from values that are the same for any agent.
#[tokio::test]
async fn the_components_publish_the_metrics_of_the_reference() {
    let mut round = 0;
    let metrics = move |_: &str| {
        round += 1;
        if round == 1 { rows() } else { Response::ok().send(a_minute_later()) }
    };
    let server = api_server(&["fargate-1"], metrics, no_other).await;
    let mut fargate = Fargate::start(server.client(), &settings());
    listed(&fargate, 1).await;
    let mut counter_cache = CounterCache::new(Duration::from_secs(600));
    let mut columns = None;
    for minute in 0..2 {
        let round = fargate.round(1_795_256_425_000 + minute * 60_000).await;
        let mut builder = Builder::new("node", "fargate-1", 1_795_256_425_000, 60_000);
        let read_at_ns = 1 + minute * 60_000_000_000;
        round.nodes[0].emit(Some("shop"), &mut Emitter::new(), &mut counter_cache, read_at_ns, &mut builder);
        counter_cache.end_of_tick(read_at_ns);
        columns = Some(builder.finish());
    }
    let batch = Batch::from_columns(columns.unwrap());
    process::<Decorate>(&batch);
    process::<Utilization>(&batch);
    let pod = batch.find("pod", UID).unwrap();
    assert_eq!(pod.attribute("Type"), Some("Pod"));
    for (metric, expected) in [
        ("pod_cpu_usage_total", 250.0),
        ("pod_cpu_limit", 250.0),
        ("pod_cpu_utilization_over_pod_limit", 100.0),
        ("pod_memory_working_set", 41_943_040.0),
        ("pod_memory_limit", 536_870_912.0),
        ("pod_memory_utilization_over_pod_limit", 7.8125),
        ("pod_network_rx_bytes", 10_000.0),
        ("pod_network_tx_bytes", 10_000.0),
    ] {
        let value = pod.gauge(metric).unwrap_or_else(|| panic!("no {metric}"));
        assert!((value - expected).abs() < 1e-6 * expected, "{metric}: {value}");
    }
}
