//! Configuration of the transform.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use insights_sdk::{Patterns, Settings};

/// Default of `tags`: each attribute with the labels that it is read from.
const DEFAULT: [(&str, &[&str]); 2] = [("Team", &["team"]), ("CostCentre", &["cost-centre", "cost-center"])];

/// The parsed configuration.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) tags: Vec<Tag>,
    pub(crate) drop_metrics: Patterns,
    pub(crate) drop_attributes: Patterns,
}

/// An attribute that names who pays.
#[derive(Debug)]
pub(crate) struct Tag {
    pub(crate) attribute: String,
    /// Attributes of the labels, as `label.KEY`; the first non-empty one is used.
    pub(crate) labels: Vec<String>,
    /// Namespaces and their values; a trailing `*` in a namespace matches any rest.
    namespaces: Vec<(String, String)>,
    pub(crate) default: Option<String>,
}

impl Options {
    /// Reads all keys; problems are recorded in `settings`.
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let mut tags = Vec::new();
        let is_set = settings.value("tags").is_some();
        settings.objects("tags", |tag, _| tags.push(Tag::read(tag)));
        if !is_set {
            tags.extend(DEFAULT.map(|(attribute, labels)| Tag {
                attribute: attribute.to_string(),
                labels: labels.iter().map(|label| label_key(label)).collect(),
                namespaces: Vec::new(),
                default: None,
            }));
        }
        Self {
            tags,
            drop_metrics: Patterns::new(settings.strings("drop_metrics").unwrap_or_default()),
            drop_attributes: Patterns::new(protected(settings)),
        }
    }
}

impl Tag {
    fn read(settings: &mut Settings) -> Self {
        let attribute = settings.string("attribute").unwrap_or_default();
        if attribute.is_empty() || attribute.contains('.') {
            settings.problem(
                "attribute",
                "expected a name without a dot, such as Team: events have no attributes with a dot",
            );
        }
        let labels = settings.strings("labels").unwrap_or_default();
        Self {
            attribute,
            labels: labels.iter().map(|label| label_key(label)).collect(),
            namespaces: settings.string_map("namespaces").unwrap_or_default(),
            default: settings.string("default"),
        }
    }

    /// Returns the value of the first rule that matches the namespace.
    pub(crate) fn of_namespace(&self, namespace: &str) -> Option<&str> {
        let rule = self.namespaces.iter().find(|(pattern, _)| Patterns::matches(pattern, namespace));
        rule.map(|(_, value)| value.as_str())
    }
}

/// Reads the attributes to drop. `Type` is rejected, because an entity without it is not an event.
fn protected(settings: &mut Settings) -> Vec<String> {
    let patterns = settings.strings("drop_attributes").unwrap_or_default();
    if patterns.iter().any(|pattern| Patterns::matches(pattern, "Type")) {
        settings.problem("drop_attributes", "Type cannot be dropped: an entity without it produces no event");
    }
    patterns
}

fn label_key(label: &str) -> String {
    ["label.", label].concat()
}
