//! A program that explains itself: its default configuration and the schema, standard input, environment variables, suggestions.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::thread;

use crate::{insightd, text};

/// Runs the program with a text on standard input, and with environment variables.
fn with_input(arguments: &[&str], input: &str, variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_insightd"));
    command.env_remove("K8S_CLUSTER_NAME").envs(variables.iter().copied()).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the agent starts");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("the agent reads its input");
    child.wait_with_output().expect("the agent ends")
}

#[test]
fn the_default_configuration_is_a_valid_file() {
    let printed = insightd(&["config", "default"]);
    let printed = (printed.status.code(), text(&printed.stdout), text(&printed.stderr));
    assert_eq!((printed.0, printed.2.as_str()), (Some(0), ""));
    assert!(printed.1.contains("\ninterval: 60s\n"), "{}", printed.1);
    for arguments in [&["check", "-"][..], &["check", "-c", "-"]] {
        let checked = with_input(arguments, &printed.1, &[]);
        assert_eq!((checked.status.code(), text(&checked.stderr)), (Some(0), String::new()));
        assert!(text(&checked.stdout).contains("<stdin>: ok, bundle "), "{}", text(&checked.stdout));
    }
}

#[test]
fn the_schema_is_json() {
    let printed = insightd(&["config", "schema"]);
    let schema: serde_json::Value = serde_json::from_slice(&printed.stdout).expect("JSON");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["properties"]["interval"]["default"], "60s");
}

#[test]
fn mistakes_on_standard_input_have_their_lines() {
    for (input, expected) in [
        ("interval: 5s\nintervall: 5s\n", "<stdin>:2:1: intervall: unknown key; did you mean `interval`?"),
        ("log: {level: info\nnode: x\n", "<stdin>:2:"),
        ("\u{1b}", "<stdin>:1:1: control character 0x1b"),
    ] {
        let checked = with_input(&["check", "-"], input, &[]);
        let errors = text(&checked.stderr);
        assert_eq!(checked.status.code(), Some(64), "{errors}");
        assert!(errors.starts_with(expected), "{errors}\nis not\n{expected}");
    }
}

#[test]
fn environment_variables_are_named_but_not_shown() {
    let file = "interval: ${TICK}\nnode:\n  cluster_name: ${CLUSTER:-demo}\naws:\n  profile: ${PROFILE}\n";
    let checked = with_input(&["check", "-"], file, &[("TICK", "5s"), ("PROFILE", "hunter22")]);
    assert_eq!((checked.status.code(), text(&checked.stderr)), (Some(0), String::new()));
    let lines = text(&checked.stdout);
    assert!(lines.contains("<stdin>: uses the environment variables CLUSTER, PROFILE, TICK\n"), "{lines}");
    assert!(!lines.contains("hunter22"), "{lines}");

    let checked = with_input(&["check", "-"], file, &[("TICK", "hunter22")]);
    let expected = "<stdin>:1:11: interval: invalid duration `${TICK}`: expected a whole number and a unit (ms, s, m or h), such \
                    as 60s\n<stdin>:5:12: aws.profile: the environment variable PROFILE is not set; set it, or write \
                    `${PROFILE:-DEFAULT}`\n";
    assert_eq!((checked.status.code(), text(&checked.stderr)), (Some(64), expected.to_owned()));
}

#[test]
fn slips_are_answered_with_what_was_meant() {
    for (arguments, part) in [
        (&["statsu"][..], "some similar subcommands exist: 'state', 'status'"),
        (&["run", "--confg", "a"], "a similar argument exists: '--config'"),
        (&["run", "--log-level", "debgu"], "invalid level `debgu`; did you mean debug?"),
        (&["record", "--log-level", "verbose"], "did you mean debug?"),
        (&["status", "--address", "localhost"], "expected HOST:PORT, such as localhost:9464 or [::1]:9464"),
        (&["check"], "required arguments were not provided"),
    ] {
        let output = insightd(arguments);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {error}");
        assert!(error.contains(part), "{arguments:?}: {error}");
    }
    let checked = with_input(
        &["check", "-"],
        "sinks: {events: {type: stdout}}\npipelines:\n- name: a\n  transforms: [{use: 'builtin:decorat'}]\n  outputs:\n  - formatter: \
         {use: 'builtin:emf'}\n    sink: event\n",
        &[],
    );
    let errors = text(&checked.stderr);
    for part in [
        "unknown built-in `decorat`; did you mean `decorate`? known built-ins: ",
        "unknown sink `event`; did you mean `events`? known sinks: ",
    ] {
        assert!(errors.contains(part), "{errors}\nhas no\n{part}");
    }
}

/// `status` finds an agent by name, and sends it the address as the host: the agent answers no other names.
#[test]
fn a_running_agent_is_found_by_name() {
    for (listen, host) in [("127.0.0.1:0", "localhost"), ("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "[::1]")] {
        let Ok(listener) = TcpListener::bind(listen) else {
            assert!(listen.starts_with('['), "{listen}");
            continue;
        };
        let address = listener.local_addr().expect("an address");
        let agent = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).expect("a request");
                request.extend(byte);
            }
            let body = r#"{"version":1,"status":{"version":"7.7.7"},"metrics":[]}"#;
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
                .expect("an answer");
            text(&request)
        });
        let output = insightd(&["status", "--address", &format!("{host}:{}", address.port())]);
        assert!(text(&output.stdout).contains("7.7.7"), "{}", text(&output.stderr));
        let request = agent.join().expect("the listener ends");
        assert!(request.contains(&format!("host: {address}\r\n")), "{request}");
    }
    let output = insightd(&["status", "--address", "no-such-host.invalid:9464"]);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.starts_with("cannot query the agent at no-such-host.invalid:9464 "), "{error}");
}
