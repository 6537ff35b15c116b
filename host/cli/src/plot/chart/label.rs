//! Labels of lines: what tells them apart, and nothing else.

use crate::plot::series::Key;

/// Returns the labels of series, in their order: the values of the attributes that differ among those of the same metric.
pub(in crate::plot) fn labels(keys: &[&Key]) -> Vec<String> {
    keys.iter()
        .map(|key| {
            let others = || keys.iter().filter(|other| other.metric == key.metric);
            let value = |of: &Key, name: &str| {
                of.identity.iter().find(|(known, _)| known == name).map(|(_, v)| v.clone())
            };
            let differs = |name: &str| others().any(|other| value(other, name) != value(key, name));
            let mut parts: Vec<&str> = key
                .identity
                .iter()
                .filter(|(name, _)| differs(name))
                .map(|(_, value)| value.as_str())
                .collect();
            let (_, scope) = &key.scope;
            if others().any(|other| other.scope != key.scope) && !parts.contains(&scope.as_str()) {
                parts.insert(0, scope);
            }
            if parts.is_empty() {
                parts.extend(key.identity.last().map(|(_, value)| value.as_str()));
            }
            parts.join(" ")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(metric: usize, node: &str, identity: &[(&str, &str)]) -> Key {
        let identity =
            identity.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Key { metric, scope: ("node".into(), node.into()), identity }
    }

    #[test]
    fn labels_have_what_differs() {
        let pod = |name, namespace| key(0, "n", &[("Type", "Pod"), ("Namespace", namespace), ("pod", name)]);
        let (a, b, c) = (pod("a", "x"), pod("b", "x"), pod("b", "y"));
        assert_eq!(labels(&[&a, &b]), ["a", "b"]);
        assert_eq!(labels(&[&a, &b, &c]), ["x a", "x b", "y b"]);
        assert_eq!(labels(&[&a]), ["a"]);
        // Another metric has its own labels.
        assert_eq!(labels(&[&a, &key(1, "n", &[("Type", "Node")])]), ["a", "Node"]);
        assert_eq!(labels(&[&key(0, "n", &[]), &key(0, "m", &[])]), ["n", "m"]);
    }
}
