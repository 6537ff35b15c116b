//! Series that events make: what CloudWatch bills as custom metrics.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

/// Adds the series of an event in the embedded metric format: a hash of namespace, metric, and the names and values of each dimension
/// set. A set with a dimension that the event lacks makes no series.
pub(crate) fn add_series(event: &Value, series: &mut BTreeSet<u64>) {
    let directives = event.pointer("/_aws/CloudWatchMetrics").or_else(|| event.get("CloudWatchMetrics"));
    for directive in directives.and_then(Value::as_array).into_iter().flatten() {
        let list = |key: &str| directive[key].as_array().into_iter().flatten();
        for set in list("Dimensions").filter_map(Value::as_array) {
            let dimensions: Option<BTreeSet<(&str, String)>> = set
                .iter()
                .map(|name| name.as_str().and_then(|name| Some((name, event.get(name)?.to_string()))))
                .collect();
            let Some(dimensions) = dimensions else { continue };
            let mut of_set = DefaultHasher::new();
            (directive["Namespace"].as_str(), dimensions).hash(&mut of_set);
            for metric in list("Metrics")
                .filter(|metric| metric["Name"].as_str().is_some_and(|name| event.get(name).is_some()))
            {
                let mut hasher = of_set.clone();
                metric["Name"].as_str().hash(&mut hasher);
                series.insert(hasher.finish());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn count(events: &[Value]) -> usize {
        let mut series = BTreeSet::new();
        events.iter().for_each(|event| add_series(event, &mut series));
        series.len()
    }

    fn event(pod: &str) -> Value {
        json!({
            "_aws": {"CloudWatchMetrics": [{
                "Namespace": "N",
                "Dimensions": [["Cluster"], ["Pod", "Cluster"], ["Cluster", "Missing"]],
                "Metrics": [{"Name": "cpu"}, {"Name": "memory"}, {"Name": "absent"}],
            }]},
            "Cluster": "c", "Pod": pod, "cpu": 1, "memory": 2,
        })
    }

    #[test]
    fn a_series_is_a_metric_with_the_values_of_a_dimension_set() {
        assert_eq!(count(&[event("a")]), 4, "two metrics, two sets");
        assert_eq!(count(&[event("a"), event("a")]), 4, "the same again");
        assert_eq!(count(&[event("a"), event("b")]), 6, "those of the cluster are shared");
    }

    #[test]
    fn the_older_form_counts_too_and_other_events_do_not() {
        let mut old = event("a");
        old["CloudWatchMetrics"] = old["_aws"]["CloudWatchMetrics"].take();
        old.as_object_mut().unwrap().remove("_aws");
        assert_eq!(count(&[old]), 4);
        assert_eq!(count(&[json!({"a": 1}), json!([1]), json!({"_aws": {"CloudWatchMetrics": 7}})]), 0);
    }
}
