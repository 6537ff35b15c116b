//! Matches the events of one side with those of the other.

use std::collections::{BTreeSet, HashMap};

use super::event::Parsed;

/// The matched events of one batch from two sides.
#[derive(Debug, Default)]
pub(super) struct Matched {
    pub(super) pairs: Vec<(Parsed, Parsed)>,
    pub(super) removed: Vec<Parsed>,
    pub(super) added: Vec<Parsed>,
}

/// Maximum number of candidates compared for the best match; later ones are ignored.
const MAX_CANDIDATES: usize = 64;

/// Matches events in two passes. The first pairs events of equal route, time and attributes, considering only
/// attributes that occur on both sides, so that a new attribute does not turn every event into a new one. The second
/// pairs the rest by equal route, time and dimensions if most attributes are equal, which covers changed values.
pub(super) fn matched(a: Vec<Parsed>, b: Vec<Parsed>) -> Matched {
    let keys = |events: &[Parsed]| -> BTreeSet<String> {
        events.iter().flat_map(|event| event.attributes.keys().cloned()).collect()
    };
    let shared: BTreeSet<String> = keys(&a).intersection(&keys(&b)).cloned().collect();
    let dimensions: BTreeSet<String> = a
        .iter()
        .chain(&b)
        .flat_map(|event| &event.dimensions)
        .filter(|key| shared.contains(*key))
        .cloned()
        .collect();
    let first = pair_up(a, b, &shared, |_, _| true);
    let mut second = pair_up(first.removed, first.added, &dimensions, mostly_equal);
    let mut pairs = first.pairs;
    pairs.append(&mut second.pairs);
    Matched { pairs, ..second }
}

/// Pairs events of the same route, time and values of `keys` that `may` accepts; the most similar candidate is preferred.
fn pair_up(
    a: Vec<Parsed>,
    b: Vec<Parsed>,
    keys: &BTreeSet<String>,
    may: impl Fn(&Parsed, &Parsed) -> bool,
) -> Matched {
    let identity = |event: &Parsed| (event.route.clone(), event.time_unix_ms, event.identity(keys));
    let mut groups: HashMap<_, Vec<usize>> = HashMap::new();
    for (at, event) in a.iter().enumerate() {
        groups.entry(identity(event)).or_default().push(at);
    }
    let mut a: Vec<Option<Parsed>> = a.into_iter().map(Some).collect();
    let mut matched = Matched::default();
    for event in b {
        let group = groups.get_mut(&identity(&event));
        let best = group.and_then(|group| {
            let fits = |&at: &usize| {
                a[at].as_ref().filter(|other| may(other, &event)).map(|other| likeness(other, &event))
            };
            let candidates = group.iter().take(MAX_CANDIDATES).enumerate();
            // `min_by_key` returns the first of several equal candidates.
            let (place, _) = candidates
                .filter_map(|(place, at)| Some((place, fits(at)?)))
                .min_by_key(|(_, likeness)| std::cmp::Reverse(*likeness))?;
            a[group.remove(place)].take()
        });
        match best {
            Some(other) => matched.pairs.push((other, event)),
            None => matched.added.push(event),
        }
    }
    matched.removed = a.into_iter().flatten().collect();
    matched
}

fn equal_attributes(a: &Parsed, b: &Parsed) -> usize {
    a.attributes.iter().filter(|(key, value)| b.attributes.get(*key) == Some(value)).count()
}

fn likeness(a: &Parsed, b: &Parsed) -> usize {
    equal_attributes(a, b) + a.metrics.keys().filter(|name| b.metrics.contains_key(*name)).count()
}

fn mostly_equal(a: &Parsed, b: &Parsed) -> bool {
    2 * equal_attributes(a, b) >= a.attributes.len().max(b.attributes.len())
}

#[cfg(test)]
mod tests {
    use super::super::event::tests::event;
    use super::*;

    fn counts(a: &[&str], b: &[&str]) -> (usize, usize, usize) {
        let events = |texts: &[&str]| texts.iter().map(|text| event(text)).collect();
        let matched = matched(events(a), events(b));
        (matched.pairs.len(), matched.removed.len(), matched.added.len())
    }

    #[test]
    fn a_new_attribute_is_no_new_event() {
        let a = [r#"{"Type":"Pod","PodName":"a","m":1}"#, r#"{"Type":"Pod","PodName":"b","m":1}"#];
        let b = [
            r#"{"Type":"Pod","PodName":"b","Team":"x","m":2}"#,
            r#"{"Type":"Pod","PodName":"a","Team":"y","m":1}"#,
        ];
        assert_eq!(counts(&a, &b), (2, 0, 0));
        assert_eq!(counts(&a, &b[..1]), (1, 1, 0));
        assert_eq!(counts(&a[..1], &b), (1, 0, 1));
    }

    #[test]
    fn a_changed_value_is_no_new_event_where_most_is_equal() {
        let a = [r#"{"Type":"Pod","PodName":"a","Version":"1"}"#];
        assert_eq!(counts(&a, &[r#"{"Type":"Pod","PodName":"a","Version":"2"}"#]), (1, 0, 0));
        assert_eq!(counts(&a, &[r#"{"Type":"Node","PodName":"b","Version":"1"}"#]), (0, 1, 1));
        assert_eq!(counts(&["a 1"], &["a 2"]), (0, 1, 1));
    }

    #[test]
    fn events_of_equal_attributes_are_told_apart_by_their_metrics() {
        let a = [event(r#"{"PodName":"a","cpu":1}"#), event(r#"{"PodName":"a","net":1}"#)];
        let b = [event(r#"{"PodName":"a","net":2}"#), event(r#"{"PodName":"a","cpu":2}"#)];
        let matched = matched(a.into(), b.into());
        assert!(matched.pairs.iter().all(|(a, b)| a.metrics.keys().eq(b.metrics.keys())), "{matched:?}");
    }
}
