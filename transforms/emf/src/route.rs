//! Names of log groups and streams with placeholders.

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use insights_sdk::Batch;

use crate::limits;
use crate::watch::{Values, Watched};

/// Fallback attributes of placeholders, used after the attribute of the same name.
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
    is_group: bool,
}

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    /// Positions of the watched attributes; the first with a value is used.
    Attribute(Vec<usize>),
}

impl Template {
    /// Parses a name; the attributes of its placeholders become watched.
    ///
    /// # Errors
    /// If a brace is not closed, a placeholder is empty, or the text contains something that CloudWatch Logs rejects in
    /// names.
    pub(crate) fn new(text: &str, is_group: bool, watched: &mut Watched) -> Result<Self, &'static str> {
        if is_group && text.starts_with("aws/") {
            return Err("names starting with `aws/` are reserved by AWS: use `/aws/`");
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('{') {
            let Some((name, after)) = behind.split_once('}') else {
                return Err("a placeholder is not closed with `}`");
            };
            if name.is_empty() || name.contains('{') {
                return Err("expected the name of an attribute in each placeholder, such as {ClusterName}");
            }
            add_text(&mut parts, before, is_group)?;
            let mut sources = vec![watched.add(name)];
            sources.extend(
                ALIASES.iter().filter(|(known, _)| *known == name).map(|(_, alias)| watched.add(alias)),
            );
            parts.push(Part::Attribute(sources));
            rest = after;
        }
        add_text(&mut parts, rest, is_group)?;
        Ok(Self { parts, is_group })
    }

    /// Writes the name for an event to `out`. In values, characters that CloudWatch Logs rejects are replaced by `_`, and in
    /// groups also `/`, because a value is one path segment.
    ///
    /// Returns the position of the first watched attribute that has no value, or `None` if the name is complete.
    pub(crate) fn expand(&self, batch: &Batch, values: &Values, out: &mut String) -> Option<usize> {
        out.clear();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Attribute(sources) => {
                    let found = sources.iter().filter_map(|&source| values.get(source).copied().flatten());
                    let mut texts = found.map(|value| batch.text(value)).filter(|text| !text.is_empty());
                    let Some(text) = texts.next() else { return sources.first().copied() };
                    for character in text.chars() {
                        let kept =
                            is_accepted(character, self.is_group) && !(self.is_group && character == '/');
                        out.push(if kept { character } else { '_' });
                    }
                }
            }
        }
        None
    }
}

fn add_text(parts: &mut Vec<Part>, text: &str, is_group: bool) -> Result<(), &'static str> {
    if !text.is_empty() {
        parts.push(Part::Text(text.to_string()));
    }
    let is_accepted = text.chars().all(|character| is_accepted(character, is_group));
    match is_accepted && text.len() <= limits::LOG_NAME_CHARS {
        true => Ok(()),
        false => {
            Err("expected at most 512 characters: in groups A-Z a-z 0-9 . - _ / #, in streams no `:` or `*`")
        }
    }
}

/// Returns true for a character that CloudWatch Logs accepts in names of groups or of streams.
fn is_accepted(character: char, is_group: bool) -> bool {
    match is_group {
        true => character.is_ascii_alphanumeric() || matches!(character, '.' | '-' | '_' | '/' | '#'),
        false => !matches!(character, ':' | '*' | '\0'..='\x1f' | '\x7f'..='\u{9f}'),
    }
}

/// Destination of the events of one orchestrator.
#[derive(Debug)]
pub(crate) struct Destination {
    pub(crate) namespace: String,
    pub(crate) log_group: Template,
    pub(crate) log_stream: Template,
}
