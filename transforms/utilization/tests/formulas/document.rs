//! Generator of docs/metrics.md from the table.

use std::fmt::Write;

use super::table::{Metric, Table};

const HEAD: &str = "\
# Metrics

What `utilization` publishes, by type of event. Made from `tests/metrics/metrics.json` by
`BLESS=1 cargo test -p insightd-utilization --test formulas`; the same table gives the expected values of the golden cases.

Unit: as CloudWatch spells it; – is none (thousandths of a core have no name there). Kind: `gauge` is of the moment, `rate` needs two
readings, `delta` is the growth between two ticks. v1, v2: versions of cgroups on which the kernel has the figure. Names in **bold** need
`enhanced: true`; names with a + are ours, the reference does not have them. A figure that is not known is not there: never 0.

Types up to `InstanceNet` come from every node, the others from the one agent that leads the cluster role.

## How formulas read

Names with a dot are raw figures ([raw-metrics.md](raw-metrics.md)): of the entity that the event is about, `node.*` and `kubelet.*` of
the node (of each node where nodes are counted), `ecs.*` of the instance. Names without a dot are other metrics of the same event. Operations go from left to right, and
where anything is missing the result is missing.

| function | value |
|---|---|
| `rate(c)` | growth of a counter / nanoseconds between its two readings; missing after a reset, and below 50 µs |
| `rate_of_sum(c, d)` | the same of both counters together |
| `delta(c)`, `current(c)` | growth of a counter; its reading |
| `if_counted(c, x, y)` | `x` where the counter exists, else `y` |
| `given(x, y)`, `if_said(a, y)` | `y` where figure `x` or attribute `a` is known |
| `at_most(x, y)` | the lesser of both; `x` where `y` is not known |
| `at_least_0(x)` | `x`, 0 below it |
| `above_0(x)`, `from_0(x)` | `x`, missing where it is 0 or less; missing where it is less |
| `equal(x, y)`, `is(condition)`, `either(x, y)` | 1 or 0 |
| `differs(x, y)` | 1 where `x` is known and not `y`, else 0 |
| `where(condition, y)` | `y` where the condition holds |
| `any_equal(names*, y)` | 1 where one of the figures is `y`, else 0; missing without any |
| `count(things)`, `sum(things, x)`, `total(things, x)` | over entities below this one that pass the condition in brackets; `sum` is missing where no `x` is known, `total` is then 0 |
| `interface !~ pod_side` | interfaces that lead out of the node: neither those that carry what pods send (option `pod_interfaces`) nor bridges and tunnels, VLANs and ports of bonds beside what they lie over or belong to |
| `effective_request(r)` | what the scheduler reserves for the pod: the larger of main containers with sidecars together, and each init container with the sidecars before it; the pod's own request where it has one; and the overhead of its runtime class |
| `effective_limit(r)` | the same with limits; missing unless every main container and sidecar has one above 0, or the pod itself |
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
                .expect("a string takes everything");
        }
    }
    page
}
