//! The selection of events, and what tells their series apart. Which attributes these are is a table beside the components that set them.

use crate::replay::Parsed;

/// The table; the file describes its format.
const TABLE: &str = include_str!("../../../../transforms/series.tsv");

/// Returns the names of each row for a use.
fn rows(of: &str) -> impl Iterator<Item = impl Iterator<Item = &'static str>> {
    let rows = TABLE.lines().filter(|row| !row.starts_with('#')).filter_map(|row| row.split_once('\t'));
    rows.filter(move |(used, _)| *used == of).map(|(_, names)| names.split(' '))
}

/// The selected events.
#[derive(Debug, Default)]
pub(super) struct Filter<'o> {
    /// Value of the attribute `Type`.
    pub(super) kind: Option<&'o str>,
    pub(super) namespace: Option<&'o str>,
    /// NAME or NAMESPACE/NAME.
    pub(super) pod: Option<&'o str>,
}

impl Filter<'_> {
    /// Returns true if an event is selected.
    pub(super) fn selects(&self, event: &Parsed) -> bool {
        let has = |of: &str, value: &str| {
            rows(of).flatten().any(|name| event.attributes.get(name).is_some_and(|found| found == value))
        };
        let is_pod = |pod: &str| match pod.split_once('/') {
            Some((namespace, name)) => has("namespace", namespace) && has("pod", name),
            None => has("pod", pod),
        };
        self.kind.is_none_or(|kind| event.kind() == Some(kind))
            && self.namespace.is_none_or(|namespace| has("namespace", namespace))
            && self.pod.is_none_or(is_pod)
    }

    /// Describes the selection, as the options that made it; empty if it is everything.
    pub(super) fn describe(&self) -> String {
        let options = [("type", self.kind), ("namespace", self.namespace), ("pod", self.pod)];
        let given = options.iter().filter_map(|(name, value)| Some(format!(" --{name} {}", (*value)?)));
        given.collect()
    }
}

/// Returns what identifies the series of an event: the type, then the identifying attributes that it has with their names. If it has none
/// of them, the attributes that it declares as dimensions.
pub(super) fn identity(event: &Parsed) -> Vec<(String, String)> {
    let pair = |name: &str| Some((name.to_owned(), event.attributes.get(name)?.clone()));
    let mut known: Vec<(String, String)> =
        rows("identity").filter_map(|mut names| names.find_map(pair)).collect();
    if known.is_empty() {
        known = event.dimensions.iter().filter_map(|name| pair(name)).collect();
    }
    let kind = event.kind().map(|kind| ("Type".to_owned(), kind.to_owned()));
    kind.into_iter().chain(known).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::parsed;

    const POD: &str = r#"{"Type":"Pod","Namespace":"shop","PodName":"web","Service":"front","NodeName":"n",
        "kubernetes":{"pod_name":"web-1"},"pod_status":"Running","Timestamp":"1"}"#;

    #[test]
    fn every_option_selects() {
        let event = parsed(POD);
        let pod = |pod| Filter { pod: Some(pod), ..Filter::default() };
        for (filter, selects) in [
            (Filter::default(), true),
            (pod("web"), true),
            (pod("web-1"), true),
            (pod("shop/web-1"), true),
            (pod("ops/web-1"), false),
            (pod("front"), false),
            (Filter { namespace: Some("shop"), ..Filter::default() }, true),
            (Filter { namespace: Some("ops"), ..Filter::default() }, false),
            (Filter { kind: Some("Pod"), ..Filter::default() }, true),
            (Filter { kind: Some("Node"), pod: Some("web"), namespace: None }, false),
        ] {
            assert_eq!(filter.selects(&event), selects, "{filter:?}");
        }
        let all = Filter { kind: Some("Pod"), namespace: Some("a"), pod: Some("b") };
        assert_eq!(all.describe(), " --type Pod --namespace a --pod b");
    }

    #[test]
    fn what_changes_identifies_nothing() {
        let values =
            |text: &str| identity(&parsed(text)).into_iter().map(|(_, value)| value).collect::<Vec<_>>();
        assert_eq!(values(POD), ["Pod", "n", "shop", "web-1"]);
        let own = r#"{"Team":"a","Zone":"b","m":1,"_aws":{"CloudWatchMetrics":[{"Dimensions":[["Team"]]}]}}"#;
        assert_eq!(values(own), ["a"]);
    }
}
