//! Generator of docs/metrics.md from the table.

use std::fmt::Write;

use super::table::{Metric, Table};

const HEAD: &str = "\
# Metrics

All metrics that `utilization` publishes, by type of event, and at the end those of [`signals`](#component-signals). This page is generated from
`tests/metrics/metrics.json` and `signals.json` by `BLESS=1 cargo test -p insightd-utilization --test formulas`; the same tables give the expected
values of the golden cases.

Unit: as CloudWatch spells it; – means none (CloudWatch has no unit for thousandths of a core). Kind: a `gauge` is a current value, a `rate`
needs two readings, a `delta` is the growth between two ticks. v1, v2: cgroup versions on which the kernel provides the value. Names in
**bold** need `enhanced: true`; names with a + do not exist in the Container Insights agents. Unknown values are absent, never 0.

Types up to `Container of a task` come from every node, those `in a sidecar` from an agent that runs beside the containers of an ECS task, the others from
the agent that is the leader of the cluster role. Metrics of tasks have the names of the ECS agent, whose megabyte is 2^20 bytes and
whose gigabyte of ephemeral storage is 10^9 bytes. Metrics of instances and tasks go to the namespace `ECS/ContainerInsights`.

## How to read the formulas

Names with a dot are raw values ([raw-metrics.md](raw-metrics.md)): `node.*`, `kubelet.*` and `ecs.*` of the node (of each node where nodes are
counted), all others of the entity that the event describes. Names without a dot are other metrics of the same event.
Operators are evaluated from left to right. If any operand is missing, the result is missing.

| function | value |
|---|---|
| `rate(c)` | growth of a counter / nanoseconds between its two readings; missing after a reset, and below 50 µs |
| `rate_of_sum(c, d)` | the same for the sum of both counters |
| `delta(c)`, `current(c)` | growth of a counter; its current reading |
| `if_counted(c, x, y)` | `x` if the counter exists, else `y` |
| `given(x, y)`, `if_said(a, y)` | `y` if the value `x` or the attribute `a` is known |
| `at_most(x, y)` | the smaller of both; `x` if `y` is unknown |
| `at_least_0(x)` | `x`, or 0 if it is negative |
| `above_0(x)`, `from_0(x)` | `x`, missing if it is 0 or less; `x`, missing if it is negative |
| `equal(x, y)`, `is(condition)`, `either(x, y)` | 1 or 0 |
| `differs(x, y)` | 1 if `x` is known and not equal to `y`, else 0 |
| `where(condition, y)` | `y` if the condition holds; only nodes of EKS on Fargate have `node.compute_type` |
| `any_equal(names*, y)` | 1 if one of the values is `y`, else 0; missing if there are none |
| `count(entities)`, `sum(entities, x)`, `total(entities, x)` | over the entities below this one that meet the condition in brackets; if no `x` is known, `sum` is missing and `total` is 0 |
| `interface !~ pod_side` | interfaces that lead out of the node: not those that carry the traffic of pods (option `pod_interfaces`), no bridges and tunnels, and no VLANs and ports of bonds beside the interfaces that they are on top of or part of |
| `effective_request(r)` | what the scheduler reserves for the pod: the larger of the sum of main containers and sidecars, and of each init container with the sidecars before it; or the pod's own request if it has one; plus the overhead of its runtime class |
| `effective_limit(r)` | the same with limits; missing unless every main container and sidecar has one above 0, or the pod itself has one |
| `x or y/z` | of entities: those of kind `x`, and those of kind `z` below those of kind `y` |
| `without_cache(x)` | `x` without file pages, as the ECS agent counts: less `memory.inactive_file_bytes` on cgroup v2, less `memory.cache_bytes` on v1 (in a sidecar: where the runtime reports `memory.max_usage_bytes`); at least 0 |
| `reserved(cpu)` | 1024ths of a vCPU, rounded up. On an instance, of a task: `cpu.quota_millicores`, else its `cpu.shares` (v2: derived from `cpu.weight`), else, if it has no cgroup, the sum over its containers; of a container: its shares. 2 or less mean that nothing is reserved, and the value is missing. In a sidecar: `task.limit_cpu_millicores`, else the sum of `container.limit_cpu_shares`; of a container the latter |
| `reserved(memory)` | bytes. On an instance, of a task: `memory.limit_bytes`, else the sum over its containers; of a container: `memory.soft_limit_bytes`, else `memory.limit_bytes`. In a sidecar: `task.limit_memory_bytes`, else the sum of `container.limit_memory_bytes`; of a container the latter |
";

/// Returns the text of the page.
pub(crate) fn document(table: &Table) -> String {
    let mut page = String::from(HEAD);
    for kind in &table.types {
        let sources = if kind.sources.is_empty() { "none".into() } else { kind.sources.join(", ") };
        let by_cgroup = kind.cgroup_versions() != [0];
        let (names, line) = if by_cgroup { (" v1 | v2 |", "---|---|") } else { ("", "") };
        let heading = format!(
            "\n## {}\n\nSources: {sources}.\n\n| metric | unit | kind | formula |{names} absent |\n|---|---|---|---|{line}---|\n",
            kind.name,
        );
        page.push_str(&heading);
        for metric in table.of_type(&kind.name) {
            let name = metric.name(kind);
            let name = match (metric.mode.as_str(), metric.own) {
                ("enhanced", _) => format!("**`{name}`**"),
                (_, true) => format!("`{name}` +"),
                _ => format!("`{name}`"),
            };
            let Metric { unit, kind, formula, absent, cgroup, .. } = metric;
            let unit = if unit.is_empty() { "–" } else { unit };
            let on = |version| if cgroup.contains(&version) { "✓" } else { "–" };
            let on = if by_cgroup { format!(" {} | {} |", on(1), on(2)) } else { String::new() };
            let formula = formula.replace('|', "\\|");
            let absent = if absent.is_empty() { "never" } else { absent };
            writeln!(page, "| {name} | {unit} | {kind} | `{formula}` |{on} {absent} |")
                .expect("writing to a string cannot fail");
        }
    }
    page
}
