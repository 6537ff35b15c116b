//! Robustness for any program text: it is accepted, or rejected with line and column, and an accepted program ends without a
//! panic.
#![allow(clippy::unwrap_used, reason = "tests")]

use insightd_script::Script;
use insights_sdk::{Batch, Columns, Transform, json};

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");

/// Texts with rarely used, disabled or unknown parts of the language.
const ODD: &[&str] = &[
    "",
    ";;;",
    "// only a comment",
    "/* open",
    "let t = `a ${1 + 1} b`; set(node(), \"x\", t);",
    "let t = `open",
    "throw 5;",
    "throw;",
    "throw \"told\";",
    "try { log(1); throw 1; } catch (e) { log(e); }",
    "return 5;",
    "exit(1);",
    "this;",
    "fn f() { 1 }",
    "let f = |x| x;",
    "let m = #{a: 1};",
    "let l = [1, 2];",
    "node().id",
    "node()[0]",
    "global::x",
    "let x = 1; x();",
    "const Y = 2; Y = 3;",
    "absent = 1;",
    "let absent = 1;",
    "let c = 'c'; set(node(), \"x\", c);",
    "\"\\q\"",
    "let n = 0xff + 0b11 + 1_000; publish(node(), \"n\", n);",
    "publish(node(), \"n\", 1e999);",
    "publish(node(), \"n\", 9223372036854775808);",
    "publish(node(), \"n\", -9223372036854775808);",
    "publish(node(), \"n\", 2 ** 1000 ** 2);",
    "publish(node(), \"n\", 5 % 0);",
    "publish(node(), \"n\", node() + 1);",
    "publish(node(), \"n\", node());",
    "let n = node() - node(); remove(n);",
    "let n = node() << 2; gauge(n, \"x\");",
    "gauge(node() * node() + node(), \"x\");",
    "let x = switch 5 { 1..10 => 2, _ => 3 };",
    "for i in 0..5 { }",
    "for (x, i) in all() { set(x, \"n\", i); }",
    "let l = all(); l += l;",
    "let l = all(); publish(node(), \"n\", count(l) + l);",
    "set(node(), \"\", \"\"); set_gauge(node(), \"\", 1); rename(node(), \"\", \"\"); drop(node(), \"\");",
    "drop(node(), \"*\"); keep_labels(node());",
    "add(\"\", \"\"); add(\"node\", \"n1\", node()); remove(node()); set(node(), \"x\", 1);",
    "let n = node(); remove(n); set(n, \"x\", 1); add(\"a\", \"b\", n); remove(n);",
    "set(node(), \"x\", like(\"\", \"\")); set(node(), \"y\", like(\"ab\", \"a*b*\")); before(\"\", \"\"); after(\"\", \"\");",
    "round(1, 99);",
    "round(1e300, 15);",
    "replace(\"aaaa\", \"\", \"b\");",
    "let t = \"x\"; for a in all() { t += t; t = replace(t, \"x\", t); }",
    "import \"x\" as y;",
    "eval(\"1\");",
    "print(1);",
    "type_of(1);",
    "Fn(\"x\");",
    "\u{0}",
    "let ä = 1;",
    "😀",
];

#[test]
fn arbitrary_texts_never_panic() {
    for text in ODD {
        try_program(text);
    }
}

#[test]
fn prefixes_of_programs_never_panic() {
    for entry in std::fs::read_dir(CASES).unwrap() {
        let path = entry.unwrap().path().join("config.json");
        let config = json::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
        let Some(program) = config.get("program").and_then(json::Value::as_str) else { continue };
        for (end, _) in program.char_indices().step_by(7) {
            try_program(&program[..end]);
        }
    }
}

fn try_program(text: &str) {
    let mut config = Vec::new();
    let fields = vec![("program".to_string(), json::Value::String(text.to_string()))];
    json::write_value(&mut config, &json::Value::Object(fields));
    let config = String::from_utf8(config).unwrap();
    match insights_sdk::configure(&config, Script::configure) {
        Ok(script) => {
            let case = format!("{CASES}/namespace_totals/batch.json");
            let columns = Columns::from_json(&std::fs::read_to_string(case).unwrap()).unwrap();
            match script.process_owned(Batch::from_columns(columns)) {
                Ok(batch) => batch.into_columns().check().unwrap(),
                Err(error) => assert!(error.starts_with("line "), "{text}\n{error}"),
            }
        }
        Err(error) => {
            for problem in error.problems() {
                assert!(problem.starts_with("program: line "), "{text}\n{problem}");
            }
        }
    }
}
