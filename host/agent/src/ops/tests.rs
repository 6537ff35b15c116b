//! Tests of the metrics page, and of the server over real sockets.

mod exposition;
mod pages;
mod sockets;

use std::sync::Arc;
use std::time::Duration;

use insightd_sandbox::Stats;

use super::{Board, ComponentFigures, Figures, OutputFigures, SinkFigures, VersionFigures};
use crate::counters::{Counters, Flow, Lost};

fn board() -> Arc<Board> {
    Arc::new(Board::new(Duration::from_secs(60), Duration::ZERO))
}

/// Returns stats after a tick, with names that need escaping.
fn figures() -> Figures {
    let odd = "odd \"name\"\\\nof {it}, }";
    let lost = Lost { route_refused: 1, sink: 4, ..Lost::default() };
    let flow = Flow { events: 10, bytes: 1000, lost, errors: 2 };
    let version = |origin, bad| VersionFigures {
        origin,
        version: odd.into(),
        sha256: [0xab; 32],
        bad,
        retry_in: bad.then_some(6),
    };
    let component = |place: &str| ComponentFigures {
        pipeline: "node".into(),
        place: place.into(),
        component: "file:same".into(),
        stats: Stats { batches: 5, calls: 7, failures: [0, 1, 0, 1, 0, 0], fallbacks: 1, ..Stats::default() },
        aside: vec!["pod uid-7".into()],
        since_unix_ms: 1_735_790_340_000,
        down: 0,
        versions: vec![version("current", true), version("builtin", false)],
    };
    Figures {
        time_unix_ms: 1_735_790_400_000,
        counters: Counters { ticks: 5, events: 10, tick_us: 1500, spread_us: 8000, ..Counters::default() },
        components: vec![component("transform-1"), component("transform-2"), component("output-1")],
        outputs: vec![OutputFigures {
            pipeline: "node".into(),
            place: "output-1".into(),
            sink: odd.into(),
            flow,
        }],
        sinks: vec![SinkFigures { name: odd.into(), flow }],
        state: None,
    }
}
