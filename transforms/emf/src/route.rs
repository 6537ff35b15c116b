//! Names of log groups and streams with placeholders.

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use insights_sdk::Batch;

use crate::watch::{Values, Watched};

/// Stands where no attribute gives a value: a name that operators know from other agents, and can search for.
const UNDEFINED: &str = "undefined";

/// Other attributes that give the value of a placeholder, after the one of its own name.
const ALIASES: &[(&str, &str)] = &[
    ("ClusterName", "aws.ecs.cluster.name"),
    ("NodeName", "k8s.node.name"),
    ("PodName", "pod"),
    ("TaskId", "aws.ecs.task.id"),
    ("ContainerInstanceId", "aws.ecs.container.instance.id"),
    ("TaskDefinitionFamily", "aws.ecs.task.family"),
    ("ServiceName", "service.name"),
    ("JobName", "job"),
];

/// A name with placeholders, such as `/aws/containerinsights/{ClusterName}/performance`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    /// Positions of the watched attributes, the first that has a value counts.
    Attribute(Vec<usize>),
}

impl Template {
    /// Reads a name; the attributes of its placeholders become watched.
    ///
    /// # Errors
    /// A brace that is not closed, or nothing between braces.
    pub(crate) fn new(text: &str, watched: &mut Watched) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('{') {
            let Some((name, after)) = behind.split_once('}') else {
                return Err("a placeholder is not closed with `}`".to_string());
            };
            if name.is_empty() || name.contains('{') {
                return Err(
                    "a placeholder is the name of an attribute in braces, such as {ClusterName}".to_string()
                );
            }
            if !before.is_empty() {
                parts.push(Part::Text(before.to_string()));
            }
            let mut sources = vec![watched.add(name)];
            sources.extend(
                ALIASES.iter().filter(|(known, _)| *known == name).map(|(_, alias)| watched.add(alias)),
            );
            parts.push(Part::Attribute(sources));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_string()));
        }
        Ok(Self { parts })
    }

    /// Writes the name for an event over `out`.
    pub(crate) fn expand(&self, batch: &Batch, values: &Values, out: &mut String) {
        out.clear();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Attribute(sources) => {
                    let found = sources.iter().filter_map(|&source| values.get(source).copied().flatten());
                    let mut texts = found.map(|value| batch.text(value)).filter(|text| !text.is_empty());
                    out.push_str(texts.next().unwrap_or(UNDEFINED));
                }
            }
        }
    }
}

/// Where the events of one orchestrator go.
#[derive(Debug)]
pub(crate) struct Destination {
    pub(crate) namespace: String,
    pub(crate) log_group: Template,
    pub(crate) log_stream: Template,
}
