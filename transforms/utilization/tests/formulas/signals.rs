//! The section of docs/metrics.md with the metrics of the component `signals`.

use std::fmt::Write;

use serde_json::Value;

const TABLE: &str = include_str!("../../../../tests/metrics/signals.json");

const HEAD: &str = "
## Component signals

Published by [`signals`](../transforms/signals/README.md), a component to add; the Container Insights agents have those of the cluster only.
The rows come from `tests/metrics/signals.json`, which also has a value for each, worked out by hand; the case is a directory in
`transforms/signals/tests/golden`. `PodVolume` is an event of its own for each volume of a pod with a persistent volume claim, `Agent` one for
the agent itself.

| function | value |
|---|---|
| `highest(x)`, `sum_all(x)` | of the known `x` of the pod's cgroup and of its containers |
| `with_quota(x)` | `x` if the cgroup has a CPU quota: `cpu.quota_millicores` is known |
| `if_v2(x, y)` | `x` on cgroup v2, where the counter of the pod's cgroup includes its containers; `y` on cgroup v1 and EKS Fargate |
| `enforced_limit(x)` | the larger of the sum of main containers and sidecars, and of each init container with the sidecars before it; containers without `x` add nothing |

| metric | unit | kind | formula | source | type | golden case | absent |
|---|---|---|---|---|---|---|---|
";

/// Returns the section.
pub(crate) fn section() -> String {
    let table: Value = serde_json::from_str(TABLE).expect("signals.json is JSON");
    let mut section = String::from(HEAD);
    for row in table["metrics"].as_array().expect("metrics is a list") {
        let text = |key: &str| row[key].as_str().unwrap_or_else(|| panic!("{key} is missing in {row}"));
        let or_dash = |key: &str| if text(key).is_empty() { "–" } else { text(key) };
        let [name, unit, kind, formula, source] =
            [text("name"), or_dash("unit"), text("kind"), text("formula"), text("source")];
        let [of, case, absent] = [text("type"), text("case"), text("absent")];
        writeln!(
            section,
            "| `{name}` | {unit} | {kind} | `{formula}` | {source} | `{of}` | `{case}` | {absent} |"
        )
        .expect("writing to a string cannot fail");
    }
    section
}
