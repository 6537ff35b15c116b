//! Names of the cluster and of the node, which are dimensions of every metric and parts of the names of log groups and streams.

use insightd_aws::logs::names::validate_group;

use super::reader::{Problems, Section};

/// Longest name, characters: more than any provider assigns, few enough to leave room in the name of a log group (512).
const MAX_CHARACTERS: usize = 255;

/// Markers of template placeholders that were not filled in.
const UNFILLED: [&str; 5] = ["{{", "}}", "${", "$(", "<%"];

/// Reads a name from the file, else from the environment: `variable` is the name of the variable and its value.
pub(super) fn read(
    section: &Section<'_>,
    key: &'static str,
    variable: (&str, Option<&str>),
    problems: &Problems,
) -> Option<String> {
    let in_file = section.text(key);
    let (raw, is_in_file) = match (&in_file, variable.1) {
        (Some(raw), _) => (raw.as_str(), true),
        (None, Some(raw)) => (raw, false),
        (None, None) => return None,
    };
    let (name, remarks) = match clean(raw) {
        Ok(name) => {
            let remarks = remarks(raw, &name);
            (Some(name), remarks.into_iter().map(|remark| (remark, false)).collect())
        }
        Err(error) => (None, vec![(error, true)]),
    };
    for (message, is_problem) in remarks {
        match (is_in_file, is_problem) {
            (true, true) => section.problem(key, message),
            (true, false) => section.warn(key, message),
            (false, true) => problems.add(None, variable.0, message),
            (false, false) => problems.warn(None, variable.0, message),
        }
    }
    name
}

/// Returns the name without surrounding whitespace and quotes.
fn clean(raw: &str) -> Result<String, String> {
    let mut name = raw.trim();
    for quote in ['"', '\''] {
        if let Some(inner) = name.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            name = inner.trim();
        }
    }
    if name.is_empty() {
        return Err(format!("invalid name {raw:?}: it is empty"));
    }
    if UNFILLED.iter().any(|sign| name.contains(sign)) || name.starts_with('<') && name.ends_with('>') {
        return Err(format!("invalid name `{name}`: it is an unexpanded template placeholder"));
    }
    if let Some(character) = name.chars().find(|character| character.is_control()) {
        return Err(format!("invalid name {name:?}: it contains the control character {character:?}"));
    }
    if let Some(character) = name.chars().find(|character| !character.is_ascii()) {
        return Err(format!(
            "invalid name `{name}`: it contains {character:?}, but CloudWatch dimensions accept only ASCII"
        ));
    }
    match name.len() {
        0..=MAX_CHARACTERS => Ok(name.into()),
        count => Err(format!("name too long: {count} characters; at most {MAX_CHARACTERS} are allowed")),
    }
}

fn remarks(raw: &str, name: &str) -> Vec<String> {
    let mut remarks = Vec::new();
    if raw != name {
        remarks.push(format!("surrounding whitespace and quotes are ignored: `{name}`"));
    }
    let other = |character: &char| *character == '/' || validate_group(&character.to_string()).is_err();
    if let Some(character) = name.chars().find(other) {
        remarks.push(format!(
            "contains {character:?}: in log group names, characters other than letters, digits, `.`, `-`, \
             `_` and `#` are replaced by `_`"
        ));
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Environment};

    fn from_environment(name: &str) -> Result<(String, Vec<String>), String> {
        let environment = Environment { cluster_name: Some(name.into()), ..Environment::default() };
        let config = Config::parse("", None, &environment).map_err(|report| report.to_string())?;
        let warnings =
            config.warnings.0.iter().map(|warning| warning.line("defaults", " warning:")).collect();
        Ok((config.node.cluster_name.unwrap(), warnings))
    }

    #[test]
    fn text_around_a_name_is_removed_and_reported() {
        assert_eq!(from_environment("demo"), Ok(("demo".into(), vec![])));
        for raw in ["demo\n", "  demo ", "\"demo\"", "'demo'\r\n", " \" demo \"\t"] {
            let (name, warnings) = from_environment(raw).unwrap();
            assert_eq!((name.as_str(), warnings.len()), ("demo", 1), "{raw:?}");
            assert_eq!(
                warnings[0],
                "defaults: K8S_CLUSTER_NAME: warning: surrounding whitespace and quotes are ignored: `demo`"
            );
        }
        let config =
            Config::parse("node:\n  cluster_name: |\n    demo\n", None, &Environment::default()).unwrap();
        assert_eq!(config.node.cluster_name.as_deref(), Some("demo"));
        assert_eq!(config.warnings.0.len(), 1);
        assert_eq!(config.warnings.0[0].path, "node.cluster_name");
    }

    #[test]
    fn what_cannot_be_a_name_is_refused_with_the_reason() {
        for (raw, wanted) in [
            ("{{cluster_name}}", "an unexpanded template placeholder"),
            ("${CLUSTER}", "an unexpanded template placeholder"),
            ("<my-cluster-name>", "an unexpanded template placeholder"),
            ("a\nb", "the control character '\\n'"),
            ("\u{1b}[31m", "the control character"),
            ("größe", "CloudWatch dimensions accept only ASCII"),
            ("\"\"", "it is empty"),
            (&"c".repeat(600), "600 characters; at most 255"),
        ] {
            let error = from_environment(raw).unwrap_err();
            assert!(
                error.starts_with("defaults: K8S_CLUSTER_NAME: ") && error.contains(wanted),
                "{raw:?}: {error}"
            );
            assert_eq!(error.lines().count(), 1, "{error}");
        }
        let error = Config::parse("node: {cluster_name: {{cluster}}}", Some("f"), &Environment::default());
        assert!(error.unwrap_err().to_string().contains("is this an unrendered template?"));
        let error = Config::parse("node: {name: \"a\\tb\"}", Some("f"), &Environment::default()).unwrap_err();
        assert!(error.to_string().starts_with("f:1:14: node.name: "), "{error}");
    }

    #[test]
    fn a_name_that_log_groups_cannot_have_is_reported() {
        for (name, character) in
            [("arn:aws:eks:us-west-2:111122223333:cluster/demo", ':'), ("my cluster", ' '), ("a/b", '/')]
        {
            let (kept, warnings) = from_environment(name).unwrap();
            assert_eq!((kept.as_str(), warnings.len()), (name, 1));
            assert!(
                warnings[0].contains(&format!("contains {character:?}: in log group names")),
                "{warnings:?}"
            );
        }
    }
}
