//! Counts differences by name.

use std::collections::BTreeMap;

use super::event::Parsed;

/// The differences of one metric or attribute.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tally {
    /// Events that contain it, per side.
    pub(super) events: [u64; 2],
    /// Events that contain it on side B only.
    pub(super) added: u64,
    /// Events that contain it on side A only.
    pub(super) removed: u64,
    /// Event pairs with different values.
    pub(super) changed: u64,
    /// The largest relative change of a number.
    pub(super) largest: Option<Change>,
}

/// A change from one number to another.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Change {
    pub(super) from: f64,
    pub(super) to: f64,
    /// Time and name of the event.
    pub(super) event: String,
}

impl Change {
    /// Returns the change as a fraction of the old value; infinite if that is 0.
    pub(super) fn relative(&self) -> f64 {
        (self.to - self.from) / self.from.abs()
    }
}

impl Tally {
    pub(super) fn differences(&self) -> u64 {
        self.added + self.removed + self.changed
    }
}

/// Differences by name.
pub(super) type Tallies = BTreeMap<String, Tally>;

/// The values of one name on both sides; `None` if absent.
#[derive(Debug)]
pub(super) struct Difference<'e, V> {
    pub(super) name: &'e str,
    pub(super) a: Option<&'e V>,
    pub(super) b: Option<&'e V>,
}

/// Counts the names of both sides and returns those that differ.
fn compare<'e, V: PartialEq>(
    tallies: &mut Tallies,
    a: &'e BTreeMap<String, V>,
    b: &'e BTreeMap<String, V>,
) -> Vec<Difference<'e, V>> {
    let only_b = b.iter().filter(|(name, _)| !a.contains_key(*name));
    let sides = a.iter().map(|(name, value)| (name, Some(value), b.get(name)));
    let mut differences = Vec::new();
    for (name, a, b) in sides.chain(only_b.map(|(name, value)| (name, None, Some(value)))) {
        let tally = tallies.entry(name.clone()).or_default();
        tally.events[0] += u64::from(a.is_some());
        tally.events[1] += u64::from(b.is_some());
        match (a, b) {
            (None, _) => tally.added += 1,
            (_, None) => tally.removed += 1,
            (Some(a), Some(b)) if a != b => tally.changed += 1,
            _ => continue,
        }
        differences.push(Difference { name, a, b });
    }
    differences
}

/// The differences between two events; either may be the empty event.
#[derive(Debug)]
pub(super) struct Differences<'e> {
    pub(super) attributes: Vec<Difference<'e, String>>,
    pub(super) metrics: Vec<Difference<'e, f64>>,
    pub(super) declarations: bool,
}

impl Differences<'_> {
    pub(super) fn any(&self) -> bool {
        !self.attributes.is_empty() || !self.metrics.is_empty() || self.declarations
    }
}

/// The counts for attributes and metrics.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) attributes: Tallies,
    pub(super) metrics: Tallies,
    /// Events whose declarations differ.
    pub(super) declarations: u64,
    /// Number of events that declare each metric, per side.
    pub(super) declared: BTreeMap<String, [u64; 2]>,
}

impl Totals {
    /// Counts a pair of matched events; `label` names the pair.
    pub(super) fn add<'e>(&mut self, a: &'e Parsed, b: &'e Parsed, label: &str) -> Differences<'e> {
        self.count_declared([a, b]);
        let attributes = compare(&mut self.attributes, &a.attributes, &b.attributes);
        let metrics = compare(&mut self.metrics, &a.metrics, &b.metrics);
        for difference in &metrics {
            let (Some(&from), Some(&to)) = (difference.a, difference.b) else { continue };
            let change = Change { from, to, event: label.to_owned() };
            let Some(tally) = self.metrics.get_mut(difference.name) else { continue };
            let is_larger = |known: &Change| change.relative().abs() > known.relative().abs();
            if tally.largest.as_ref().is_none_or(is_larger) {
                tally.largest = Some(change);
            }
        }
        let declarations = a.declarations != b.declarations;
        self.declarations += u64::from(declarations);
        Differences { attributes, metrics, declarations }
    }

    fn count_declared(&mut self, sides: [&Parsed; 2]) {
        for (side, event) in sides.into_iter().enumerate() {
            for name in &event.declared {
                self.declared.entry(name.clone()).or_default()[side] += 1;
            }
        }
    }

    /// Counts an event that exists on one side only.
    pub(super) fn add_single(&mut self, event: &Parsed, is_added: bool) {
        let none = Parsed { declarations: event.declarations.clone(), ..Parsed::default() };
        let (a, b) = if is_added { (&none, event) } else { (event, &none) };
        self.count_declared([a, b]);
        compare(&mut self.attributes, &a.attributes, &b.attributes);
        compare(&mut self.metrics, &a.metrics, &b.metrics);
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::tests::event;
    use super::*;

    #[test]
    fn the_largest_change_is_kept() {
        let mut totals = Totals::default();
        let mut add = |a: &str, b: &str, label: &str| totals.add(&event(a), &event(b), label).any();
        assert!(!add(r#"{"m":1,"n":0}"#, r#"{"n":0,"m":1.0}"#, "same"));
        assert!(add(r#"{"m":10}"#, r#"{"m":5}"#, "half"));
        assert!(add(r#"{"m":-10}"#, r#"{"m":10}"#, "turned"));
        assert!(add(r#"{"n":0}"#, r#"{"n":3,"A":"x"}"#, "from nothing"));
        totals.add_single(&event(r#"{"m":1}"#), true);
        let m = &totals.metrics["m"];
        assert_eq!((m.events, m.added, m.removed, m.changed), ([3, 4], 1, 0, 2));
        assert_eq!(
            m.largest.as_ref().map(|change| (change.relative(), &*change.event)),
            Some((2.0, "turned"))
        );
        assert!(totals.metrics["n"].largest.as_ref().unwrap().relative().is_infinite());
        assert_eq!((totals.attributes["A"].added, totals.declarations), (1, 0));
        let declares = event(r#"{"m":1,"CloudWatchMetrics":[{"Dimensions":[[]],"Metrics":[{"Name":"m"}]}]}"#);
        totals.add(&declares, &event(r#"{"m":1}"#), "not any more");
        totals.add_single(&declares, true);
        assert_eq!((totals.declared["m"], totals.declarations), ([1, 1], 1));
    }
}
