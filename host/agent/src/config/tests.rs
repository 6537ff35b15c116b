//! Tests of the configuration as a whole: defaults, the example, the report.

mod schema;

use insightd_pipeline::Origin;

use super::*;

fn parse(text: &str) -> Result<Config, Report> {
    Config::parse(text, Some("insightd.yaml"), &Environment::default())
}

#[test]
fn no_text_is_the_default() {
    assert_eq!(parse(""), Ok(Config::default()));
    assert_eq!(parse("# only a comment\n"), Ok(Config::default()));
    assert_eq!(parse("log:\nhost: {}\n"), Ok(Config::default()));
}

#[test]
fn the_example_states_the_defaults() {
    assert_eq!(parse(DEFAULT), Ok(Config::default()));
}

/// In the example, a `#` directly before a key is a disabled setting; a `#` and a space is prose.
#[test]
fn the_example_documents_every_key() {
    let switched_on = switched_on();
    let (config, mut absent) =
        Config::parse_with(&switched_on, Some("insightd.yaml"), &Environment::default());
    let config = config.map_err(|report| report.to_string()).unwrap();
    // Documented once, at the first stage.
    let again = ["transforms[1]", "transforms[2]", "pipelines[1]"];
    absent.retain(|key| !again.iter().any(|again| key.contains(again)));
    assert_eq!(absent, Vec::<String>::new(), "keys that the example does not show");
    assert_eq!(config.sinks.len(), 6);
    assert!(config.pipelines.iter().flat_map(PipelineSpec::components).any(|c| c.origin == Origin::File));
}

/// Returns the example with all its disabled settings.
fn switched_on() -> String {
    // These keys are there twice: without a value as the default, with one as the example.
    let example = DEFAULT.replacen("transforms_dir:\n", "", 1).replacen("state_dir:\n", "", 1);
    example.lines().map(|line| uncomment(line) + "\n").collect()
}

fn uncomment(line: &str) -> String {
    match line.find('#') {
        Some(at)
            if line[..at].trim().is_empty() && line[at + 1..].starts_with(|c: char| c != ' ' && c != '#') =>
        {
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
    let settings = &config.pipelines[0].transforms[0].component.config;
    let json: serde_json::Value = serde_json::from_str(&settings.text).unwrap();
    assert_eq!(json, serde_json::json!({"labels": ["app", "x"], "deep": {"number": 5, "odd": 1.5}}));
    assert_eq!(settings.position("deep.odd").unwrap().line, 9);
    assert_eq!(settings.position("").unwrap().line, 6);
    assert_eq!(config.pipelines[0].outputs[0].formatter.config.text, "{}");
}

#[test]
fn a_text_of_a_component_is_named_by_its_file() {
    let problem = |file: &str| {
        let text = format!(
            "transforms_dir: /t\npipelines:\n- name: a\n  transforms:\n  - use: builtin:script\n    config: {{kinds: [x]}}\n    config_files: {{{file}}}\n  outputs:\n  - formatter: {{use: builtin:emf}}\n"
        );
        parse(&text).map_err(|report| report.to_string())
    };
    let texts = problem("program: team.rhai").unwrap().pipelines[0].transforms[0].component.texts.clone();
    assert_eq!((&*texts[0].key, &*texts[0].name, texts[0].at.line), ("program", "team.rhai", 7));
    for name in ["../team.rhai", "/etc/shadow", ".hidden", "a.wasm", "id", "insightd.yaml", "''"] {
        let why = problem(&format!("program: {name}")).unwrap_err();
        assert!(why.contains("config_files.program: ") && why.contains("invalid file name `"), "{why}");
    }
    let nowhere = "pipelines:\n- name: a\n  transforms:\n  - {use: 'builtin:script', config_files: {program: a.rhai}}\n  outputs:\n  - formatter: {use: builtin:emf}\n";
    let nowhere = parse(nowhere).unwrap_err().to_string();
    assert!(nowhere.contains("config_files.program: a.rhai requires `transforms_dir`"), "{nowhere}");
    let twice = problem("kinds: team.txt").unwrap_err();
    assert!(twice.contains("`kinds` is also set under `config`"), "{twice}");
}

#[test]
fn a_file_that_cannot_be_read_says_so() {
    let report = Config::load(Path::new("/nonexistent/insightd.yaml"), &Environment::default()).unwrap_err();
    assert!(report.to_string().starts_with("/nonexistent/insightd.yaml: cannot be read: "), "{report}");
}

/// Checks that memory and time are bounded by the size of the file, wherever values are reused.
#[test]
fn aliases_and_keys_cannot_explode() {
    let scalar = |length: usize, uses: usize| {
        format!("a: &x '{}'\nb: [{}]\n", "x".repeat(length), vec!["*x"; uses].join(","))
    };
    let nested: String = (0..60).map(|level| format!("&n{level} [")).collect();
    let component = format!(
        "pipelines:\n- name: a\n  transforms:\n  - use: builtin:decorate\n    config: {{a: &x '{}', b: [{}]}}\n",
        "\\".repeat(20_000),
        vec!["*x"; 50_000].join(",")
    );
    let mut ladder = String::from("a0: &a0 [[[[[[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]]]]]\n");
    for rung in 1..40 {
        ladder.push_str(&format!("a{rung}: &a{rung} [[[[[[[[[[*a{}]]]]]]]]]]\n", rung - 1));
    }
    let key = format!("a: &x {{{}: 1}}\nb: [{}]\n", "k".repeat(1000), vec!["*x"; 50_000].join(","));
    for (text, part) in [
        (scalar(500_000, 90_000), "too large"),
        (scalar(20_000, 90_000), "too large"),
        (format!("a: {nested}{}{}", "x,".repeat(90_000), "]".repeat(60)), "too large"),
        (component, "too large"),
        (key, "too large"),
        (format!("a: [{}]", "x,".repeat(400_000)), "too large"),
        (ladder, "nested deeper than 64 levels"),
        ("- ".repeat(1000), "nested deeper than 64 levels"),
        ("? ".repeat(1000), "nested deeper than 64 levels"),
    ] {
        let report = parse(&text).unwrap_err().to_string();
        assert!(report.contains(part) && report.len() < 2000, "{}: {report}", &text[..40]);
    }
    let all: String = (0..49_000).map(|key| format!("k{key}: 1\n")).collect();
    assert!(parse(&all).unwrap_err().to_string().contains("too large"));
    let many: String = (0..20_000).map(|key| format!("k{key}: 1\n")).collect();
    let report = parse(&many).unwrap_err();
    assert_eq!((report.problems.len(), report.more), (100, 19_900));
    assert!(report.to_string().len() < 100_000);
    let twice = parse(&format!("{many}k7: 2\nk3: 2\n")).unwrap_err().to_string();
    assert_eq!(twice, "insightd.yaml:20001:1: duplicate key `k7`, first defined in line 8");
}

#[test]
fn lists_of_what_the_agent_makes_are_bounded() {
    let sinks: String = (0..65).map(|sink| format!("  s{sink}: {{type: stdout}}\n")).collect();
    let report = parse(&format!("sinks:\n{sinks}")).unwrap_err().to_string();
    assert_eq!(report, "insightd.yaml:2:3: sinks: has 65 entries; at most 64 are allowed");
    let stages = "{use: 'builtin:decorate'},".repeat(65);
    let report = parse(&format!(
        "pipelines: [{{name: a, transforms: [{stages}], outputs: [{{formatter: {{use: 'builtin:emf'}}}}]}}]"
    ));
    assert!(report.unwrap_err().to_string().contains("transforms: has 65 entries"));
}

#[test]
fn what_is_no_yaml_is_told_with_its_place_and_a_hint() {
    for (text, wanted) in [
        (
            "[log]\nlevel = \"info\"\n",
            "insightd.yaml:2:1: did not find expected <document start>; this looks like TOML",
        ),
        (
            "interval = \"60s\"\nlog = 1\n",
            "insightd.yaml:1:1: expected a mapping, found text; this looks like TOML",
        ),
        ("log:\n\tlevel: info\n", "tabs are not allowed for indentation; use spaces"),
        ("interval: 5s\n\tlog: {}\n", "tabs are not allowed for indentation; use spaces"),
        ("// all\ninterval: 5s\n", "comments begin with `#`"),
        ("{\"interval\": \"5s\" \"log\": {}}", "this looks like JSON"),
        ("{% if x %}\ninterval: 5s\n", "is this an unrendered template?"),
        (
            "a: &x {b: 1}\nlog:\n  <<: *x\n",
            "insightd.yaml:3:3: merge keys are not supported: use anchors on values",
        ),
    ] {
        let report = parse(text).unwrap_err().to_string();
        assert!(report.contains(wanted), "{text:?}: {report}");
    }
    assert_eq!(parse("\"<<\": 1\n").unwrap_err().problems[0].path, "<<", "a key of that name is one");
}

#[test]
fn a_slip_in_a_word_is_told_and_relative_directories_are_warned_about() {
    let report = parse("log: {levle: info}\nrole: nodes\n").unwrap_err().to_string();
    assert!(
        report.contains("log.levle: unknown key; did you mean `level`? known here: level, format"),
        "{report}"
    );
    assert!(
        report.contains(
            "role: expected one of all, node, cluster, task, fargate, found `nodes`; did you mean `node`?"
        ),
        "{report}"
    );
    let text = "state_dir: state\nlog: {level: 'info,insightd_aw=debug'}\nsinks: {c: {type: cloudwatch_logs, spool: {dir: spool}}}\n";
    let config = parse(text).unwrap();
    let paths: Vec<&str> = config.warnings.0.iter().map(|warning| warning.path.as_str()).collect();
    assert_eq!(paths, ["state_dir", "log.level", "sinks.c.spool.dir"]);
    assert_eq!(parse("log: {level: insightd=debug}").unwrap().log.level, "info,insightd=debug");
}

fn document(name: &str) -> String {
    let path = format!("{}/../../docs/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

/// Returns an environment with the variables that the documentation refers to.
fn of_documentation() -> Environment {
    let variables = [("TEAM".to_owned(), "shop".to_owned())].into_iter().collect();
    Environment { variables, ..Environment::default() }
}

#[test]
fn the_documentation_names_keys_that_exist() {
    let text = document("configuration.md");
    let blocks: Vec<&str> =
        text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() >= 2);
    let environment = of_documentation();
    for block in blocks {
        if let Err(report) = Config::parse(block, None, &environment) {
            panic!("{block}\n{report}");
        }
    }
    // The keys of a CloudWatch sink. A key without a value counts as absent, but an unknown key is an error.
    let table = text.split("| key | default | meaning |").nth(1).unwrap().trim_start();
    let rows = table.lines().skip(1).take_while(|line| line.starts_with('|'));
    let cells: Vec<&str> = rows.filter_map(|row| row.split('|').nth(1)).collect();
    let keys: Vec<&str> = cells.iter().flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    assert!(keys.len() >= 14, "{keys:?}");
    for key in keys {
        let nested = match key.split_once('.') {
            Some((section, key)) => format!("{section}: {{{key}: }}"),
            None => format!("{key}: "),
        };
        parse(&format!("sinks: {{c: {{type: cloudwatch_logs, {nested}}}}}")).unwrap();
    }
}

/// Checks that every option of `emf` that a page names exists.
#[test]
fn the_documentation_names_options_of_emf_that_exist() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../transforms/emf/src/config.schema.json");
    let schema: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut options = 0;
    for page in ["authors.md", "configuration.md", "metrics.md", "migrating.md", "operations.md"] {
        let text = document(page).replace("of [`emf`]", "of `emf`");
        for before in text.split("` of `emf`").collect::<Vec<_>>().split_last().unwrap().1 {
            let option = before.rsplit('`').next().unwrap_or_default().split(':').next().unwrap_or_default();
            assert!(schema["properties"][option].is_object(), "{page}: `{option}` is no option of emf");
            options += 1;
        }
    }
    assert!(options >= 2, "{options}");
}

#[test]
fn keys_of_routes_are_those_that_the_sink_knows() {
    let output = |sink: &str, routes: &str| {
        parse(&format!(
            "sinks: {{c: {{type: cloudwatch_logs}}}}\npipelines:\n- name: a\n  outputs:\n  - formatter: {{use: 'builtin:emf'}}\n    \
             sink: {sink}\n    routes: {routes}\n"
        ))
    };
    for (sink, routes, wanted) in [
        (
            "c",
            "{log_group: [a], log_streem: [b]}",
            "routes.log_streem: unknown route key; did you mean `log_stream`? known here: log_group, log_stream",
        ),
        ("c", "{log_group: [a], log_stream: [b], bucket: [c]}", "routes.bucket: unknown route key"),
        ("c", "{log_group: [a]}", "routes: `log_stream` is missing"),
        ("stdout", "{log_groups: [a]}", "routes.log_groups: unknown route key; did you mean `log_group`?"),
    ] {
        let report = output(sink, routes).unwrap_err().to_string();
        assert!(report.contains(wanted), "{routes}: {report}");
    }
    assert!(output("stdout", "{bucket: [a]}").is_ok());
    let grants =
        output("c", "{log_group: [a], log_stream: [b]}").unwrap().pipelines[0].outputs[0].grants.clone();
    assert!(grants.check(&[("log_group".into(), "a".into())]).is_err(), "a destination needs both");
}

proptest::proptest! {
    /// Any text gives a configuration or a report, without a panic or an endless loop.
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}", yaml in "([a-z]{1,9}: ?|[-\\[\\]{}&*'\"#,|>\n 0-9]){0,80}") {
        for text in [text, yaml] {
            if let Err(report) = parse(&text) {
                proptest::prop_assert!(!report.problems.is_empty());
            }
        }
    }
}

#[test]
fn the_environment_may_have_a_whole_configuration() {
    let with = |text: &str| {
        let variables = [("INSIGHTD_CONFIG_CONTENT".to_owned(), text.to_owned())];
        let environment =
            Environment { variables: variables.into_iter().collect(), ..Environment::default() };
        Config::without_file(&environment).map(|(text, config)| (text, config.interval.as_secs()))
    };
    assert_eq!(with("interval: 7s\n"), Ok(("interval: 7s\n".into(), 7)));
    assert_eq!(with(""), Ok((String::new(), 60)));
    let report = with("interval: 7\n").unwrap_err().to_string();
    assert!(report.starts_with("INSIGHTD_CONFIG_CONTENT:1:11: interval: "), "{report}");
}

#[test]
fn the_offset_is_within_the_interval() {
    let offset = |text: &str| parse(text).unwrap().rhythm().offset;
    assert_eq!(offset(""), Duration::from_secs(25));
    assert_eq!(offset("interval: 10s"), Duration::from_millis(4166));
    assert_eq!(offset("interval: 10s\noffset: 0s"), Duration::ZERO);
    assert_eq!(offset("offset: 59s"), Duration::from_secs(59));
    for text in ["offset: 60s", "interval: 10s\noffset: 25s", "offset: 2h"] {
        let report = parse(text).unwrap_err().to_string();
        assert!(report.contains("offset") && report.contains("less than `interval`"), "{text}: {report}");
    }
}
