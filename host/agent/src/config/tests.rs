//! The configuration as a whole: defaults, the example, the report.

use super::*;

fn parse(text: &str) -> Result<Config, Report> {
    Config::parse(text, Some("insightd.yaml"), &Environment::default())
}

fn example() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/insightd.yaml");
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn no_text_is_the_default() {
    assert_eq!(parse(""), Ok(Config::default()));
    assert_eq!(parse("# only a comment\n"), Ok(Config::default()));
    assert_eq!(parse("log:\nhost: {}\n"), Ok(Config::default()));
}

#[test]
fn the_example_states_the_defaults() {
    assert_eq!(parse(&example()), Ok(Config::default()));
}

/// A `#` directly before a key is an example that is switched off; a `#` and a space is prose.
#[test]
fn the_example_documents_every_key() {
    // The keys that are there twice: without a value as the default, with one as the example.
    let example = example().replacen("transforms_dir:\n", "", 1).replacen("state_dir:\n", "", 1);
    let switched_on: String = example.lines().map(|line| uncomment(line) + "\n").collect();
    let (config, mut absent) =
        Config::parse_with(&switched_on, Some("insightd.yaml"), &Environment::default());
    let config = config.map_err(|report| report.to_string()).unwrap();
    // Shown once, at the first stage.
    let again = ["transforms[1]", "transforms[2]", "pipelines[1]"];
    absent.retain(|key| !again.iter().any(|again| key.contains(again)));
    assert_eq!(absent, Vec::<String>::new(), "keys that the example does not show");
    assert_eq!(config.sinks.len(), 3);
    assert!(config.pipelines.iter().flat_map(Pipeline::components).any(|c| c.origin == Origin::File));
}

fn uncomment(line: &str) -> String {
    match line.find('#') {
        Some(at) if line[..at].trim().is_empty() && !line[at + 1..].starts_with([' ', '#']) => {
            format!("{}{}", &line[..at], &line[at + 1..])
        }
        _ => line.into(),
    }
}

#[test]
fn all_problems_come_at_once_in_the_order_of_the_file() {
    let report = parse(include_str!("tests/wrong.yaml")).unwrap_err().to_string();
    let expected = include_str!("tests/wrong.expected");
    assert!(report.trim_end() == expected.trim_end(), "found:\n{report}");
}

#[test]
fn text_that_is_no_yaml_is_one_problem_with_its_place() {
    let report = parse("interval: 5s\nlog: {level: info\nnode: x\n").unwrap_err();
    assert_eq!(report.problems.len(), 1);
    assert_eq!(report.problems[0].at.unwrap().line, 3);
    assert!(report.to_string().starts_with("insightd.yaml:3:"), "{report}");
    assert!(parse("- a\n").unwrap_err().to_string().contains("expected a mapping, found a list"));
}

#[test]
fn the_file_comes_before_the_environment() {
    let environment = Environment {
        node_name: Some("from-env".into()),
        cluster_name: Some("env".into()),
        ..Environment::default()
    };
    let config = Config::parse("node: {cluster_name: file}", None, &environment).unwrap();
    assert_eq!(config.node.name.as_deref(), Some("from-env"));
    assert_eq!(config.node.cluster_name.as_deref(), Some("file"));
}

#[test]
fn the_configuration_of_a_component_reaches_it_as_json() {
    let text = "pipelines:\n- name: a\n  transforms:\n  - use: builtin:decorate\n    config:\n      \
                labels: [app, 'x']\n      deep:\n        number: 5\n        odd: 1.5\n  outputs:\n  - formatter: \
                {use: builtin:emf}\n";
    let config = parse(text).unwrap();
    let settings = &config.pipelines[0].transforms[0].component.settings;
    let json: serde_json::Value = serde_json::from_str(&settings.text).unwrap();
    assert_eq!(json, serde_json::json!({"labels": ["app", "x"], "deep": {"number": 5, "odd": 1.5}}));
    assert_eq!(settings.position("deep.odd").unwrap().line, 9);
    assert_eq!(settings.position("").unwrap().line, 6);
    assert_eq!(config.pipelines[0].outputs[0].formatter.settings.text, "{}");
}

#[test]
fn a_file_that_cannot_be_read_says_so() {
    let report = Config::load(Path::new("/nonexistent/insightd.yaml"), &Environment::default()).unwrap_err();
    assert!(report.to_string().starts_with("/nonexistent/insightd.yaml: cannot be read: "), "{report}");
}

proptest::proptest! {
    /// Whatever stands in the file: a configuration or a report, no panic, no endless loop.
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}", yaml in "([a-z]{1,9}: ?|[-\\[\\]{}&*'\"#,|>\n 0-9]){0,80}") {
        for text in [text, yaml] {
            if let Err(report) = parse(&text) {
                proptest::prop_assert!(!report.problems.is_empty());
            }
        }
    }
}
