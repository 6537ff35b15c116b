//! Tests of the metrics page, and of the server over real sockets.

mod api;
mod exposition;
mod pages;
mod sockets;

use std::sync::Arc;
use std::time::Duration;

use insightd_sandbox::SlotStats;

use super::{ComponentStats, OutputStats, SinkStats, SlotVersion, StatusRegistry, TickStats};
use insightd_pipeline::{Estimate, Flow, Lost};

use crate::counters::{Counters, SinkCounters};

fn registry() -> Arc<StatusRegistry> {
    Arc::new(StatusRegistry::new(Duration::from_secs(60), Duration::ZERO))
}

/// Returns stats after a tick, with names that need escaping.
fn stats() -> TickStats {
    let odd = "odd \"name\"\\\nof {it}, }";
    let lost = Lost { route_refused: 1, sink: 4, ..Lost::default() };
    let flow = Flow { events: 10, bytes: 1000, lost, errors: 2 };
    let version = |origin, suspended: bool| SlotVersion {
        origin,
        version: odd.into(),
        sha256: [0xab; 32],
        suspended,
        retry_in: suspended.then_some(6),
    };
    let component = |slot: &str| ComponentStats {
        pipeline: "node".into(),
        slot: slot.into(),
        component: "file:same".into(),
        stats: SlotStats {
            batches: 5,
            calls: 7,
            failures: [0, 1, 0, 1, 0, 0],
            fallbacks: 1,
            ..SlotStats::default()
        },
        quarantined: vec!["pod uid-7".into()],
        since_unix_ms: 1_735_790_340_000,
        failed_batches: 0,
        versions: vec![version("current", true), version("builtin", false)],
    };
    TickStats {
        time_unix_ms: 1_735_790_400_000,
        counters: Counters {
            ticks: 5,
            sinks: SinkCounters { events: 10, ..SinkCounters::default() },
            tick_us: 1500,
            spread_us: 8000,
            ..Counters::default()
        },
        components: vec![component("transform-1"), component("transform-2"), component("output-1")],
        outputs: vec![OutputStats {
            pipeline: "node".into(),
            slot: "output-1".into(),
            sink: odd.into(),
            flow,
            estimate: Some(Estimate {
                series: Some(1234),
                events_a_day: 2880.0,
                bytes_a_day: 51_200_000.5,
                points_a_day: Some(14_400.0),
            }),
        }],
        sinks: vec![SinkStats { name: odd.into(), flow }],
        state: None,
    }
}
