//! PromQL as far as names and labels: the selectors of an expression, and the labels that it groups by. `promtool` checks the syntax.

use std::collections::{BTreeMap, BTreeSet};

use crate::tables::Names;

const FUNCTIONS: [&str; 10] =
    ["avg", "count", "increase", "max", "min", "rate", "sum", "time", "topk", "vector"];
const KEYWORDS: [&str; 5] = ["and", "bool", "offset", "or", "unless"];
const GROUPINGS: [&str; 6] = ["by", "group_left", "group_right", "ignoring", "on", "without"];

/// A metric with the labels that its matchers name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Selector {
    pub(crate) name: String,
    pub(crate) labels: Names,
}

/// The names of an expression.
#[derive(Debug, Default)]
pub(crate) struct Expression {
    pub(crate) selectors: Vec<Selector>,
    /// Labels of `by`, `on` and the like.
    pub(crate) grouped: Names,
    pub(crate) is_aggregated: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Symbol(char),
}

/// Splits an expression into words and symbols, without strings, ranges and numbers.
fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
        let end = match first {
            '"' | '\'' => rest[1..].find(first).map_or(rest.len(), |end| end + 2),
            '[' => rest.find(']').map_or(rest.len(), |end| end + 1),
            c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        let token = &rest[..end];
        match first {
            '"' | '\'' => tokens.push(Token::Symbol('"')),
            '[' => {}
            c if c.is_ascii_digit() || c.is_whitespace() => {}
            c if is_word(c) => tokens.push(Token::Word(token.to_owned())),
            c => tokens.push(Token::Symbol(c)),
        }
        rest = &rest[end..];
    }
    tokens
}

impl Expression {
    pub(crate) fn parse(text: &str) -> Self {
        let tokens = tokens(text);
        let mut expression = Self::default();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            at += 1;
            let Token::Word(word) = token else { continue };
            let follows = |symbol| tokens.get(at) == Some(&Token::Symbol(symbol));
            let until = |symbol| {
                let end = tokens[at..].iter().position(|token| *token == Token::Symbol(symbol));
                end.map_or(tokens.len(), |end| at + end)
            };
            if GROUPINGS.contains(&word.as_str()) {
                let end = until(')');
                expression.grouped.extend(tokens[at..end].iter().filter_map(|token| match token {
                    Token::Word(label) => Some(label.clone()),
                    Token::Symbol(_) => None,
                }));
                expression.is_aggregated = true;
                at = end;
            } else if FUNCTIONS.contains(&word.as_str()) {
                expression.is_aggregated |= ["avg", "count", "max", "min", "sum"].contains(&word.as_str());
            } else if !KEYWORDS.contains(&word.as_str()) {
                let end = if follows('{') { until('}') } else { at };
                let labels = tokens[at..end].iter().filter_map(|token| match token {
                    Token::Word(label) => Some(label.clone()),
                    Token::Symbol(_) => None,
                });
                expression.selectors.push(Selector { name: word.clone(), labels: labels.collect() });
                at = end;
            }
        }
        expression
    }

    /// Returns the labels of the result, as far as they are known: those that it groups by, else those that all selectors have.
    pub(crate) fn labels(&self, known: &Known) -> Names {
        if self.is_aggregated {
            return self.grouped.clone();
        }
        let sets = self.selectors.iter().filter_map(|selector| known.labels(&selector.name));
        sets.reduce(|one, other| &one & &other).unwrap_or_default()
    }

    /// Returns the names and labels that do not exist.
    pub(crate) fn check(&self, known: &Known) -> Vec<String> {
        let mut problems = Vec::new();
        for selector in &self.selectors {
            let Some(labels) = known.labels(&selector.name) else {
                problems.push(format!("no metric {}", selector.name));
                continue;
            };
            let used: BTreeSet<&String> = selector.labels.union(&self.grouped).collect();
            let unknown = used.into_iter().filter(|label| !labels.contains(*label));
            problems.extend(unknown.map(|label| format!("{} has no label {label}", selector.name)));
        }
        if self.selectors.is_empty() {
            problems.push("no metric".into());
        }
        problems
    }
}

/// Metrics with their labels, and the labels that a scrape adds to all of them.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) metrics: BTreeMap<String, Names>,
    pub(crate) target: Names,
}

impl Known {
    /// Returns all labels of a metric.
    pub(crate) fn labels(&self, name: &str) -> Option<Names> {
        // Prometheus makes `up` itself.
        let own = if name == "up" { Some(Names::new()) } else { self.metrics.get(name).cloned() };
        // A recorded series has the labels that its rule groups by, and no others.
        own.map(|own| if name.contains(':') { own } else { &own | &self.target })
    }
}

#[test]
fn expressions_are_read() {
    let text = "1 - sum by (a, b) (rate(m_total{c=~\"x{y}\",d!='z'}[5m])) / on (e) n:o > bool 0 or vector(0)";
    let expression = Expression::parse(text);
    let set = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Names>();
    let selector = |name: &str, labels: &[&str]| Selector { name: name.into(), labels: set(labels) };
    assert_eq!(expression.selectors, [selector("m_total", &["c", "d"]), selector("n:o", &[])]);
    assert_eq!(expression.grouped, set(&["a", "b", "e"]));
    let metrics =
        [("m_total".to_owned(), set(&["a", "b", "c", "d"])), ("n:o".to_owned(), set(&["a", "b", "e"]))];
    let mut known = Known { metrics: metrics.into(), target: set(&["e"]) };
    assert_eq!(expression.check(&known), [""; 0]);
    known.target.clear();
    assert_eq!(expression.check(&known), ["m_total has no label e"]);
    assert_eq!(Expression::parse("m_totals").check(&known), ["no metric m_totals"]);
}
