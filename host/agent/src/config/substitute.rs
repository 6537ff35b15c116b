//! References to environment variables in values: `${NAME}`, and `${NAME:-DEFAULT}` for a variable that may be unset.
//!
//! Values are replaced in the parsed tree, so that the value of a variable is always one scalar and never adds keys.

use std::collections::BTreeSet;

use insightd_yaml::{Data, Node};

use super::environment::Variables;
use super::reader::Problems;

/// Longest value of a variable, bytes.
const MAX_VALUE_BYTES: usize = 4 << 10;

/// Most bytes of all values that are inserted into one file.
const MAX_ALL_BYTES: usize = 1 << 20;

/// Begin of a reference.
const OPEN: &str = "${";

/// Replaces the references in all values below `root`. Returns the names of the variables, in alphabetical order. A value
/// with an invalid reference is a problem and then counts as absent.
///
/// The configuration of a component stays as written: a program may contain `${` with a meaning of its own, and the same
/// text must be the same bundle on every node.
pub(super) fn substitute(root: &mut Node, variables: &Variables, problems: &Problems) -> Vec<String> {
    let mut walk =
        Walk { variables, problems, used: BTreeSet::new(), left: MAX_ALL_BYTES, path: String::new() };
    walk.node(root);
    walk.used.into_iter().collect()
}

struct Walk<'a> {
    variables: &'a Variables,
    problems: &'a Problems,
    used: BTreeSet<String>,
    /// Bytes that may still be inserted.
    left: usize,
    /// Path of the current node.
    path: String,
}

impl<'a> Walk<'a> {
    /// Replaces the references in a node. Returns false for a value with an invalid reference.
    fn node(&mut self, node: &mut Node) -> bool {
        let length = self.path.len();
        match &mut node.data {
            Data::Mapping(entries) => {
                for entry in entries {
                    if length > 0 {
                        self.path.push('.');
                    }
                    self.path.push_str(&entry.key);
                    if !is_component_config(&self.path) {
                        self.node(&mut entry.value);
                    }
                    self.path.truncate(length);
                }
            }
            Data::Sequence(items) => {
                // An element cannot be absent: an invalid one is removed.
                let mut index = 0;
                items.retain_mut(|item| {
                    self.path.push_str(&format!("[{index}]"));
                    let is_valid = self.node(item);
                    self.path.truncate(length);
                    index += 1;
                    is_valid
                });
            }
            Data::Scalar { text, plain } => {
                if !text.contains(OPEN) {
                    return true;
                }
                let expanded = match self.expand(text) {
                    Ok(expanded) => expanded,
                    Err(message) => {
                        self.problems.add(Some(node.at), &*self.path, message);
                        (*text, *plain) = (String::new(), true);
                        return false;
                    }
                };
                self.problems.hidden.add(node.at, &expanded, text);
                // Without quotes, an empty value is an absent one; `null` from a variable is text.
                *plain = *plain && expanded.is_empty();
                *text = expanded;
                node.block = None;
            }
        }
        true
    }

    /// Returns the text with its references replaced; `$${` stands for `${`.
    fn expand(&mut self, text: &str) -> Result<String, String> {
        let mut expanded = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(OPEN) {
            expanded.push_str(before);
            if before.ends_with('$') {
                expanded.push('{');
                rest = after;
                continue;
            }
            let Some((reference, after)) = after.split_once('}') else {
                return Err(invalid(after.lines().next().unwrap_or_default(), ""));
            };
            expanded.push_str(self.value(reference)?);
            rest = after;
        }
        expanded.push_str(rest);
        Ok(expanded)
    }

    /// Returns the value of a reference, the text between its braces.
    fn value<'r>(&mut self, reference: &'r str) -> Result<&'r str, String>
    where
        'a: 'r,
    {
        let (name, default) = match reference.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (reference, None),
        };
        if !is_name(name) {
            return Err(invalid(reference, "}"));
        }
        if default.is_some_and(|default| default.contains(OPEN)) {
            return Err(format!("the default of `${{{name}}}` must not contain another reference"));
        }
        self.used.insert(name.to_owned());
        let value = match (self.variables.get(name), default) {
            (Some(value), _) if value.len() > MAX_VALUE_BYTES => {
                let bytes = value.len();
                return Err(format!(
                    "value of the environment variable {name} too long: {bytes} bytes; at most {MAX_VALUE_BYTES} are allowed"
                ));
            }
            (Some(value), _) => value,
            (None, Some(default)) => default,
            (None, None) => {
                return Err(format!(
                    "the environment variable {name} is not set; set it, or write `${{{name}:-DEFAULT}}`"
                ));
            }
        };
        self.left = self.left.checked_sub(value.len()).ok_or_else(|| {
            format!("values of environment variables too large: over {} MiB in total", MAX_ALL_BYTES >> 20)
        })?;
        Ok(value)
    }
}

fn invalid(reference: &str, end: &str) -> String {
    format!(
        "invalid reference `${{{reference}{end}`: expected ${{NAME}} or ${{NAME:-DEFAULT}}; write $${{ for a literal ${{"
    )
}

/// Returns true for the path of the configuration of a component, below which all text stays as written.
fn is_component_config(path: &str) -> bool {
    path.starts_with("pipelines[") && path.ends_with(".config")
}

fn is_name(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    text.bytes().next().is_some_and(is_letter)
        && text.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Environment};
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        let long = "x".repeat(MAX_VALUE_BYTES + 1);
        let most = "x".repeat(MAX_VALUE_BYTES);
        let variables = [
            ("CLUSTER", "demo"),
            ("INTERVAL", "7s"),
            ("EVIL", "a\nrole: cluster"),
            ("NULL", "null"),
            ("EMPTY", ""),
            ("SECRET", "hunter22"),
            ("LONG", long.as_str()),
            ("MOST", most.as_str()),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let environment =
            Environment { variables: variables.into_iter().collect(), ..Environment::default() };
        Config::parse(text, Some("f"), &environment).map_err(|report| report.to_string())
    }

    #[test]
    fn variables_take_the_place_of_their_references() {
        let config = parse(
            "interval: ${INTERVAL}\nnode:\n  cluster_name: \"${CLUSTER}-${STAGE:-prod}\"\nlog: {level: '${L:-warn}'}\n\
             kubelet: {annotations: ['${CLUSTER}', '$${CLUSTER}', '$CLUSTER', '$$']}\n",
        )
        .unwrap();
        assert_eq!(config.interval.as_secs(), 7);
        assert_eq!(config.node.cluster_name.as_deref(), Some("demo-prod"));
        assert_eq!(config.log.level, "warn");
        assert_eq!(config.kubelet.annotations, ["demo", "${CLUSTER}", "$CLUSTER", "$$"]);
        assert_eq!(config.variables, ["CLUSTER", "INTERVAL", "L", "STAGE"]);
    }

    #[test]
    fn a_value_is_one_scalar() {
        let config = parse("aws:\n  profile: ${EVIL}\n  role: ${X:-}\n  ca_file: ${NULL}\n").unwrap();
        assert_eq!(config.aws.profile.as_deref(), Some("a\nrole: cluster"));
        assert_eq!(config.role, Config::default().role);
        assert_eq!(config.aws.role, None, "an empty value without quotes is an absent one");
        assert_eq!(config.aws.ca_file.as_deref(), Some(std::path::Path::new("null")));
        assert!(parse("aws: {profile: '${X:-}'}").unwrap_err().contains("must not be empty"));
    }

    #[test]
    fn mistakes_name_the_key_the_line_and_the_variable() {
        for (text, wanted) in [
            (
                "log:\n  level: ${LEVEL}\n",
                "f:2:10: log.level: the environment variable LEVEL is not set; set it, or write `${LEVEL:-DEFAULT}`",
            ),
            ("interval: ${EMPTY}", "f:1:11: interval: the environment variable EMPTY is not set"),
            ("role: ${", "f:1:7: role: invalid reference `${`: expected ${NAME}"),
            ("role: ${a b}", "invalid reference `${a b}`"),
            ("role: ${1A}", "invalid reference `${1A}`"),
            ("role: ${}", "invalid reference `${}`"),
            ("role: ${A-b}", "invalid reference `${A-b}`"),
            ("role: ${A:-${CLUSTER}}", "the default of `${A}` must not contain another reference"),
            ("aws: {profile: '${LONG}'}", "LONG too long: 4097 bytes; at most 4096 are allowed"),
            (
                "kubelet:\n  annotations: ['a', '${NO}']\n",
                "f:2:22: kubelet.annotations[1]: the environment variable NO is not set",
            ),
        ] {
            let report = parse(text).unwrap_err();
            assert!(report.contains(wanted), "{text}\n{report}\nhas no\n{wanted}");
            assert_eq!(report.lines().count(), 1, "{report}");
        }
        let many = format!("kubelet: {{annotations: ['{}']}}", "${MOST}".repeat(257));
        assert!(parse(&many).unwrap_err().contains("too large: over 1 MiB in total"));
        let flow = parse("node: {cluster_name: ${CLUSTER}}\n").unwrap_err();
        assert!(flow.contains("quote a value with `${"), "{flow}");
    }

    #[test]
    fn the_configuration_of_a_component_stays_as_written() {
        let pipeline = |used: &str| {
            format!(
                "sinks: {{a: {{type: stdout}}}}\npipelines:\n- name: ${{CLUSTER}}\n  transforms:\n  - use: builtin:script\n    \
                 config: {{program: 'let a = `${{CLUSTER}}`;'}}\n  outputs:\n  - formatter: {{use: 'builtin:emf', config: {{config: \
                 '${{X}}'}}}}\n    sink: {used}\n"
            )
        };
        let config = parse(&pipeline("${SINK:-a}")).unwrap();
        let pipeline_spec = &config.pipelines[0];
        assert_eq!((&*pipeline_spec.name, &*pipeline_spec.outputs[0].sink), ("demo", "a"));
        assert_eq!(
            pipeline_spec.transforms[0].component.config.text,
            r#"{"program":"let a = `${CLUSTER}`;"}"#
        );
        assert_eq!(pipeline_spec.outputs[0].formatter.config.text, r#"{"config":"${X}"}"#);
    }

    #[test]
    fn values_of_variables_are_not_printed() {
        for (text, wanted) in [
            ("interval: ${SECRET}", "f:1:11: interval: invalid duration `${SECRET}`: expected"),
            ("role: a${SECRET}b", "found `a${SECRET}b`"),
            ("log:\n  level: info,${SECRET}\n", "invalid level `info,${SECRET}`"),
            ("aws:\n  region: ${EVIL}\n", "aws.region: invalid value of `${EVIL}`"),
            ("instance:\n  refresh: ${INTERVAL}\n", "instance.refresh: must be from 1m to 24h"),
        ] {
            let report = parse(text).unwrap_err();
            assert!(report.contains(wanted), "{report}\nhas no\n{wanted}");
            assert!(!report.contains("hunter22") && !report.contains("role: cluster"), "{report}");
        }
        let environment = Environment {
            variables: [("A".into(), "hunter22".into())].into_iter().collect(),
            ..Environment::default()
        };
        let shown = format!("{environment:?}");
        assert!(shown.contains('A') && !shown.contains("hunter22"), "{shown}");
    }
}
