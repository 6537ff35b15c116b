//! Reads price files within bounds, and reports every mistake with its place and key.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use insightd_yaml::{Data, Entry, Node, Position};

use super::{Charge, Price, Prices, Tier};

/// Maximum size of a file, bytes.
const MAX_FILE: u64 = 64 << 10;
/// Maximum number of tiers of a price.
const MAX_TIERS: usize = 16;
/// Maximum length of a text, bytes.
const MAX_TEXT: usize = 300;
/// Maximum price and amount: beyond, sums lose digits.
const MAX_NUMBER: f64 = 1e12;

/// Reads a file.
///
/// # Errors
/// Returns the error text if the file cannot be read, is too long or is not UTF-8.
pub(super) fn text(file: &Path) -> Result<String, String> {
    let shown = file.display();
    let mut bytes = Vec::new();
    let read = File::open(file).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes));
    read.map_err(|error| format!("{shown}: cannot be read: {error}"))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(format!("{shown}: longer than {MAX_FILE} bytes, the maximum of a price file"));
    }
    String::from_utf8(bytes).map_err(|_| format!("{shown}: not valid UTF-8"))
}

/// Parses a price file; `file` names it in messages.
///
/// # Errors
/// Returns the error text: every mistake, one line each.
pub(super) fn parse(file: &str, text: &str) -> Result<Prices, String> {
    let node = insightd_yaml::parse(text).map_err(|error| format!("{file}:{}: {error}", error.at))?;
    let Some(node) = node else { return Err(format!("{file}: empty; expected name, currency and prices")) };
    let mut reader = Reader { file, problems: Vec::new() };
    let prices = reader.prices(&node);
    match prices {
        Some(prices) if reader.problems.is_empty() => Ok(prices),
        _ => Err(reader.problems.join("\n")),
    }
}

/// The mistakes so far.
struct Reader<'f> {
    file: &'f str,
    problems: Vec<String>,
}

impl Reader<'_> {
    fn wrong(&mut self, at: Position, key: &str, reason: &str) {
        self.problems.push(format!("{}:{at}: {key}: {reason}", self.file));
    }

    fn prices(&mut self, node: &Node) -> Option<Prices> {
        let keys = ["name", "currency"].into_iter().chain(Charge::ALL.map(Charge::key));
        let entries = self.mapping(node, "price file", &keys.collect::<Vec<_>>())?;
        let name = self.text(node, entries, "", "name");
        let currency = self.text(node, entries, "", "currency");
        let prices = Charge::ALL.map(|charge| {
            let entry = entries.iter().find(|entry| entry.key == charge.key())?;
            self.price(charge, &entry.value)
        });
        Some(Prices { file: self.file.to_owned(), name: name?, currency: currency?, prices })
    }

    fn price(&mut self, charge: Charge, node: &Node) -> Option<Price> {
        let key = charge.key();
        let entries = self.mapping(node, key, &["unit", "source", "date", "note", "tiers"])?;
        if let Some(unit) = self.text(node, entries, key, "unit")
            && unit != charge.unit()
        {
            let reason = format!("unknown unit `{unit}`; expected {}", charge.unit());
            self.wrong(place(node, entries, "unit"), &format!("{key}.unit"), &reason);
        }
        let source = self.text(node, entries, key, "source");
        let date = self.text(node, entries, key, "date");
        let has_note = entries.iter().any(|entry| entry.key == "note");
        let note = if has_note { self.text(node, entries, key, "note") } else { None };
        let tiers = self.tiers(node, entries, key);
        Some(Price { source: source?, date: date?, note, tiers: tiers? })
    }

    fn tiers(&mut self, node: &Node, entries: &[Entry], key: &str) -> Option<Vec<Tier>> {
        let path = format!("{key}.tiers");
        let at = place(node, entries, "tiers");
        let Some(entry) = entries.iter().find(|entry| entry.key == "tiers") else {
            self.wrong(at, &path, "missing; expected a list such as [{price: 0.5}]");
            return None;
        };
        let Data::Sequence(items) = &entry.value.data else {
            self.wrong(at, &path, &format!("expected a list, found {}", entry.value.kind()));
            return None;
        };
        if items.is_empty() || items.len() > MAX_TIERS {
            self.wrong(at, &path, &format!("{} tiers; expected 1 to {MAX_TIERS}", items.len()));
            return None;
        }
        let mut tiers: Vec<Tier> = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let path = format!("{path}[{index}]");
            let fields = self.mapping(item, &path, &["up_to", "price"])?;
            let is_last = index + 1 == items.len();
            let has_end = fields.iter().any(|entry| entry.key == "up_to");
            if is_last == has_end {
                let reason = match is_last {
                    true => "the last tier must not have `up_to`: it has no end",
                    false => "missing `up_to`: only the last tier has no end",
                };
                self.wrong(item.at, &path, reason);
                return None;
            }
            let up_to = if has_end { Some(self.number(item, fields, &path, "up_to")?) } else { None };
            let before = tiers.last().and_then(|tier| tier.up_to).unwrap_or(0.0);
            if up_to.is_some_and(|end| end <= before) {
                let reason = format!("not more than {before}, where the tier before it ends");
                self.wrong(place(item, fields, "up_to"), &format!("{path}.up_to"), &reason);
                return None;
            }
            tiers.push(Tier { up_to, price: self.number(item, fields, &path, "price")? });
        }
        Some(tiers)
    }

    /// Returns the entries of a mapping, and reports unknown keys.
    fn mapping<'n>(&mut self, node: &'n Node, path: &str, known: &[&str]) -> Option<&'n [Entry]> {
        let Data::Mapping(entries) = &node.data else {
            self.wrong(node.at, path, &format!("expected a mapping, found {}", node.kind()));
            return None;
        };
        for entry in entries.iter().filter(|entry| !known.contains(&&*entry.key)) {
            let reason = format!("unknown key in {path}; known: {}", known.join(", "));
            self.wrong(entry.at, &entry.key, &reason);
        }
        Some(entries)
    }

    fn text(&mut self, node: &Node, entries: &[Entry], path: &str, key: &str) -> Option<String> {
        let at = place(node, entries, key);
        let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        let Some(entry) = entries.iter().find(|entry| entry.key == key) else {
            self.wrong(at, &path, "missing; expected text");
            return None;
        };
        match &entry.value.data {
            Data::Scalar { text, .. } if text.is_empty() || text.len() > MAX_TEXT => {
                self.wrong(at, &path, &format!("{} bytes; expected 1 to {MAX_TEXT}", text.len()));
                None
            }
            Data::Scalar { text, .. } => Some(text.clone()),
            _ => {
                self.wrong(at, &path, &format!("expected text, found {}", entry.value.kind()));
                None
            }
        }
    }

    fn number(&mut self, node: &Node, entries: &[Entry], path: &str, key: &str) -> Option<f64> {
        let path = format!("{path}.{key}");
        let at = place(node, entries, key);
        let Some(entry) = entries.iter().find(|entry| entry.key == key) else {
            self.wrong(at, &path, "missing; expected a number");
            return None;
        };
        let number = entry.value.to_json().as_f64();
        let number = number.filter(|number| (0.0..=MAX_NUMBER).contains(number));
        if number.is_none() {
            self.wrong(at, &path, &format!("expected a number from 0 to {MAX_NUMBER}"));
        }
        number
    }
}

/// Returns the place of a key, or of its mapping if it is missing.
fn place(node: &Node, entries: &[Entry], key: &str) -> Position {
    entries.iter().find(|entry| entry.key == key).map_or(node.at, |entry| entry.at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
name: here
currency: EUR
logs_ingestion:
  unit: GB
  source: https://example.com
  date: 2026-01-02
  tiers: [{up_to: 10, price: 0.5}, {price: 0.25}]
";

    #[test]
    fn a_file_is_read_with_its_sources() {
        let prices = parse("p.yaml", GOOD).unwrap();
        let logs = prices.price(Charge::Logs).unwrap();
        assert_eq!((&*logs.source, &*logs.date, &logs.note), ("https://example.com", "2026-01-02", &None));
        let expected = [Tier { up_to: Some(10.0), price: 0.5 }, Tier { up_to: None, price: 0.25 }];
        assert_eq!(logs.tiers, expected);
        assert_eq!((&*prices.currency, prices.price(Charge::CustomMetrics)), ("EUR", None));
    }

    #[test]
    fn a_mistake_names_file_place_and_key() {
        for (from, to, expected) in [
            ("name: here\n", "", "p.yaml:1:1: name: missing; expected text"),
            ("unit: GB", "unit: TB", "p.yaml:4:3: logs_ingestion.unit: unknown unit `TB`; expected GB"),
            ("  source: https://example.com\n", "", "logs_ingestion.source: missing; expected text"),
            (
                "price: 0.25",
                "price: cheap",
                "p.yaml:7:37: logs_ingestion.tiers[1].price: expected a number from 0",
            ),
            ("price: 0.25", "price: -1", "logs_ingestion.tiers[1].price: expected a number from 0"),
            (
                "{price: 0.25}",
                "{up_to: 20, price: 1}",
                "logs_ingestion.tiers[1]: the last tier must not have `up_to`",
            ),
            ("{up_to: 10, price: 0.5}", "{price: 0.5}", "logs_ingestion.tiers[0]: missing `up_to`"),
            ("up_to: 10", "up_to: 0", "logs_ingestion.tiers[0].up_to: not more than 0"),
            (
                "logs_ingestion",
                "log_ingestion",
                "p.yaml:3:1: log_ingestion: unknown key in price file; known: name, currency, custom_metrics",
            ),
            (
                "[{up_to: 10, price: 0.5}, {price: 0.25}]",
                "[]",
                "logs_ingestion.tiers: 0 tiers; expected 1 to 16",
            ),
            (
                "[{up_to: 10, price: 0.5}, {price: 0.25}]",
                "3",
                "logs_ingestion.tiers: expected a list, found a number",
            ),
        ] {
            let text = GOOD.replacen(from, to, 1);
            assert_ne!(text, GOOD, "{from}");
            let error = parse("p.yaml", &text).unwrap_err();
            assert!(error.starts_with("p.yaml:") && error.contains(expected), "{to}: {error}");
        }
        assert_eq!(
            parse("p.yaml", "# nothing").unwrap_err(),
            "p.yaml: empty; expected name, currency and prices"
        );
        assert!(parse("p.yaml", "a: b: c").unwrap_err().starts_with("p.yaml:1:"), "not YAML");
        let two = GOOD.replace("name: here\n", "").replace("unit: GB", "unit: TB");
        assert_eq!(parse("p.yaml", &two).unwrap_err().lines().count(), 2, "every mistake at once");
    }

    #[test]
    fn files_are_bounded() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("p.yaml");
        std::fs::write(&file, vec![b'#'; MAX_FILE as usize + 1]).unwrap();
        assert!(text(&file).unwrap_err().contains("longer than 65536 bytes"));
        std::fs::write(&file, b"\xff").unwrap();
        assert!(text(&file).unwrap_err().contains("not valid UTF-8"));
        assert!(text(&directory.path().join("none")).unwrap_err().contains("none: cannot be read: "));
    }
}
