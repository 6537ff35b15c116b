//! Prints a sample of the collector: `cargo run -p insightd-collect --example sample -- [ROOT] [SECONDS]`.
//! Takes two samples, so that counters have previous readings; two frames of a recording if ROOT is one.

use insightd_collect::{Collector, HostRoot, Settings};
use insights_batch::{Builder, Columns};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let root = HostRoot::open(arguments.next().unwrap_or_else(|| "/".to_owned()))?;
    let seconds = arguments.next().map_or(Ok(1.0), |text| text.parse())?;
    let recording = root.is_recording();
    let node_name = root.recorded_node_name().unwrap_or("here").to_owned();
    let mut collector = Collector::new(root, Settings { node_name, ..Settings::default() })?;
    for frame in 0..2 {
        if recording {
            collector.select_frame(frame)?;
        } else if frame > 0 {
            std::thread::sleep(std::time::Duration::from_secs_f64(seconds));
        }
        let clock = collector.root().clock();
        let mut builder = Builder::new("node", "here", clock.unix_ms, 60_000);
        let report = collector.sample(&mut builder);
        if frame == 1 {
            print(builder.columns());
        }
        eprintln!(
            "frame {frame}: {} cgroups, {} files in {:.2} ms, {} problems",
            report.cgroups,
            report.files_read,
            report.spread_ns as f64 / 1e6,
            report.problems.len() + report.more_problems
        );
        for problem in report.problems {
            eprintln!("  {} {}: {}", problem.source, problem.path, problem.error);
        }
    }
    Ok(())
}

fn print(batch: &Columns) {
    for entity in 0..batch.entity_count() as u32 {
        let at = entity as usize;
        println!("{} {}", batch.string(batch.entities.kind[at]), batch.string(batch.entities.id[at]));
        let attributes = &batch.attributes;
        for row in (0..attributes.key.len()).filter(|&row| attributes.entity[row] == entity) {
            println!("    {} = {}", batch.string(attributes.key[row]), batch.string(attributes.value[row]));
        }
        let gauges = &batch.gauges;
        for row in (0..gauges.name.len()).filter(|&row| gauges.entity[row] == entity) {
            println!("    {} {}", batch.string(gauges.name[row]), gauges.value[row]);
        }
        let counters = &batch.counters;
        for row in (0..counters.name.len()).filter(|&row| counters.entity[row] == entity) {
            let (previous, elapsed) = (counters.previous[row], counters.elapsed_ns[row]);
            let before = if elapsed > 0 { format!(" after {previous}, {elapsed} ns") } else { String::new() };
            println!("    {} {}{before}", batch.string(counters.name[row]), counters.current[row]);
        }
    }
}
