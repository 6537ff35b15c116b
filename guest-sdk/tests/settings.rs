//! Reading of configurations.

use insights_sdk::{ConfigError, Settings, configure};

#[test]
fn every_type_is_read() {
    let text = r#"{"text": "a", "flag": true, "ratio": 0.5, "count": 7, "list": ["x", "y"],
        "lists": [["a"], []], "map": {"b": "1", "a": "2"}, "unset": null,
        "rules": [{"name": "one"}, {"name": "two"}], "inner": {"deep": 1}}"#;
    let mut names = Vec::new();
    let read = configure(text, |settings| {
        assert_eq!(settings.string("text").as_deref(), Some("a"));
        assert_eq!(settings.flag("flag"), Some(true));
        assert_eq!(settings.number("ratio"), Some(0.5));
        assert_eq!(settings.integer("count"), Some(7));
        assert_eq!(settings.strings("list"), Some(vec!["x".into(), "y".into()]));
        assert_eq!(settings.string_lists("lists"), Some(vec![vec!["a".into()], vec![]]));
        assert_eq!(
            settings.string_map("map"),
            Some(vec![("b".into(), "1".into()), ("a".into(), "2".into())])
        );
        assert_eq!(settings.string("unset"), None);
        assert_eq!(settings.string("missing"), None);
        settings.objects("rules", |rule, at| names.push((at, rule.string("name").unwrap())));
        settings.object("inner", |inner| assert_eq!(inner.integer("deep"), Some(1)));
        Ok(())
    });
    assert_eq!(read, Ok(()));
    assert_eq!(names, [(0, "one".to_owned()), (1, "two".to_owned())]);
}

#[test]
fn all_problems_are_reported_at_once_with_their_paths() {
    let text = r#"{"interval": "60", "count": -1, "tpyo": 1,
        "metric_declarations": [{"dimensions": 5}, 7, {"dimension": []}, {"dimensions": [["a"], "b"]}]}"#;
    let error = configure(text, |settings| {
        settings.number("interval");
        settings.integer("count");
        settings.objects("metric_declarations", |declaration, _| {
            declaration.string_lists("dimensions");
        });
        settings.problem("count", "is needed");
        Err::<(), _>(ConfigError::new("and something else"))
    })
    .unwrap_err();
    let expected = [
        "and something else",
        "interval: expected a number, found a string",
        "count: expected a whole number of at least 0, found another number",
        "metric_declarations[0].dimensions: expected a list of lists of strings, found a number",
        "metric_declarations[1]: expected an object, found a number",
        "metric_declarations[2].dimension: unknown key; known here: dimensions",
        "metric_declarations[3].dimensions: expected a list of lists of strings, found a list of other values",
        "count: is needed",
        "tpyo: unknown key; known here: interval, count, metric_declarations",
    ];
    assert_eq!(error.problems(), expected);
    assert_eq!(error.to_string(), expected.join("\n"));
}

#[test]
fn text_that_is_no_object_is_refused() {
    let read = |text| Settings::parse(text).map(|_| ()).map_err(|error| error.to_string());
    assert_eq!(read(" \n"), Ok(()));
    assert_eq!(read("[]"), Err("expected an object, found a list".into()));
    assert_eq!(read("{"), Err("line 1, column 2: expected a key in double quotes".into()));
}
