//! Values by their formulas.

use insightd_series::Value;
use insights_sdk::{Batch, Counter};

/// Returns the value of an entity with these gauges.
fn of_gauges(value: Value, gauges: &[(&str, f64)]) -> Option<f64> {
    let batch = Batch::new("node", "n", 2_000_000, 60_000);
    let entity = batch.add("container", "c", None);
    gauges.iter().for_each(|&(name, number)| entity.set_gauge(name, number));
    value.read(entity)
}

#[test]
fn memory() {
    let (usage, inactive) = (("memory.usage_bytes", 100.0), ("memory.inactive_file_bytes", 30.0));
    let (working, limit) = (("memory.working_set_bytes", 55.0), ("memory.limit_bytes", 150.0));
    assert_eq!(of_gauges(Value::WorkingSet, &[usage, inactive]), Some(70.0));
    assert_eq!(of_gauges(Value::WorkingSet, &[usage, inactive, working]), Some(70.0));
    assert_eq!(of_gauges(Value::WorkingSet, &[usage, working]), Some(55.0));
    assert_eq!(of_gauges(Value::WorkingSet, &[usage, ("memory.inactive_file_bytes", 101.0)]), Some(0.0));
    assert_eq!(of_gauges(Value::WorkingSet, &[usage]), None);
    assert_eq!(of_gauges(Value::MemoryAvailable, &[usage, inactive, limit]), Some(80.0));
    assert_eq!(of_gauges(Value::MemoryAvailable, &[usage, inactive]), None);
    assert_eq!(of_gauges(Value::MemoryAvailable, &[usage, inactive, ("memory.limit_bytes", 69.0)]), None);
}

#[test]
fn gauges() {
    let (one, two, three) = (("a", 100.0), ("b", 30.0), ("c", 50.0));
    let rest = Value::Remainder("a", &["b", "c"]);
    assert_eq!(of_gauges(rest, &[one, two, three]), Some(20.0));
    assert_eq!(of_gauges(rest, &[one, two]), None);
    assert_eq!(of_gauges(rest, &[two, three]), None);
    assert_eq!(of_gauges(rest, &[("a", 79.0), two, three]), None, "negative");
    assert_eq!(of_gauges(Value::GaugeIf("a", "b"), &[one, two]), Some(100.0));
    assert_eq!(of_gauges(Value::GaugeIf("a", "b"), &[one]), None);
    assert_eq!(of_gauges(Value::GaugeIf("a", "b"), &[two]), None);
    assert_eq!(of_gauges(Value::GaugeElse("a", "b", 2.0), &[one, two]), Some(50.0));
    assert_eq!(of_gauges(Value::GaugeElse("a", "b", 2.0), &[two]), Some(15.0));
    assert_eq!(of_gauges(Value::GaugeElse("a", "b", 2.0), &[three]), None);
}

#[test]
fn processor() {
    assert_eq!(of_gauges(Value::Quota, &[("cpu.quota_millicores", 250.0)]), Some(25_000.0));
    assert_eq!(of_gauges(Value::Period, &[("cpu.quota_millicores", 250.0)]), Some(100_000.0));
    assert_eq!(of_gauges(Value::Period, &[]), None);
    // The conversion of crun and cAdvisor, in whole numbers.
    for (weight, shares) in [(1.0, 2.0), (79.0, 2046.0), (100.0, 2597.0), (10_000.0, 262_144.0)] {
        assert_eq!(of_gauges(Value::Shares, &[("cpu.weight", weight)]), Some(shares), "{weight}");
    }
    for weight in [0.0, 10_001.0, -1.0] {
        assert_eq!(of_gauges(Value::Shares, &[("cpu.weight", weight)]), None, "{weight}");
    }
    assert_eq!(of_gauges(Value::Shares, &[("cpu.shares", 512.0)]), Some(512.0));
    assert_eq!(of_gauges(Value::CpuUsage, &[("cpu.usage_nanocores", 5e8)]), Some(0.5));
    assert_eq!(
        of_gauges(Value::Age("pod.start_unix_ms"), &[("pod.start_unix_ms", 1_500_000.0)]),
        Some(500.0)
    );
    assert_eq!(of_gauges(Value::Age("pod.start_unix_ms"), &[("pod.start_unix_ms", 2_500_000.0)]), None);
}

#[test]
fn counters() {
    let batch = Batch::new("node", "n", 0, 60_000);
    let entity = batch.add("container", "c", None);
    let throttled = Value::Throttle("cpu.throttled_ns", 1e9);
    entity.set_counter("cpu.throttled_ns", Counter::first(2_500_000_000));
    assert_eq!(throttled.read(entity), None, "without a limit");
    entity.set_gauge("cpu.quota_millicores", 100.0);
    assert_eq!(throttled.read(entity), Some(2.5));
    entity.set_counter("cpu.usage_ns", Counter::pair(3_000_000_000, 1_000_000_000, 4_000_000_000));
    assert_eq!(Value::Counter("cpu.usage_ns", 1e9).read(entity), Some(3.0));
    assert_eq!(Value::CpuUsage.read(entity), Some(0.5));
    entity.set_counter("all", Counter::first(10));
    entity.set_counter("major", Counter::first(3));
    assert_eq!(Value::CounterDifference("all", "major").read(entity), Some(7.0));
    assert_eq!(Value::CounterDifference("major", "all").read(entity), None);
    assert_eq!(Value::Counter("missing", 1.0).read(entity), None);
    assert_eq!(Value::CounterElse("all", "major", 2.0).read(entity), Some(5.0));
    assert_eq!(Value::CounterElse("missing", "major", 2.0).read(entity), Some(1.5));
    assert_eq!(Value::CounterElse("missing", "none", 2.0).read(entity), None);
    assert_eq!(Value::CounterSum("all", "major", 2.0).read(entity), Some(6.5));
    assert_eq!(Value::CounterSum("all", "missing", 2.0).read(entity), None);
}

#[test]
fn states() {
    let batch = Batch::new("node", "n", 0, 60_000);
    let entity = batch.add("container", "c", None);
    let waits = Value::IfReason("container.state", "waiting", "container.state.reason");
    assert_eq!(Value::Is("container.state", "waiting").read(entity), None);
    entity.set_attribute("container.state", "waiting");
    assert_eq!(Value::Is("container.state", "waiting").read(entity), Some(1.0));
    assert_eq!(Value::Is("container.state", "running").read(entity), Some(0.0));
    assert_eq!(waits.read(entity), None, "without a reason");
    entity.set_attribute("container.state.reason", "CrashLoopBackOff");
    assert_eq!(waits.read(entity), Some(1.0));
    entity.set_attribute("container.state", "running");
    assert_eq!(waits.read(entity), None);
}
