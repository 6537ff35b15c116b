//! `insightd run` over a recorded node: it neither reads nor writes what belongs to the live agent of this machine, and
//! delivers nothing unless the command line names a sink.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const INSIGHTD: &str = env!("CARGO_BIN_EXE_insightd");

fn argument(path: &Path) -> &str {
    path.to_str().expect("the path is UTF-8")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is UTF-8")
}

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(INSIGHTD);
    for variable in ["K8S_NODE_NAME", "HOST_NAME", "K8S_CLUSTER_NAME", "KUBERNETES_SERVICE_HOST"] {
        command.env_remove(variable);
    }
    command.args(arguments).output().expect("the agent starts")
}

/// A machine with an agent: its state directory, a spool, a file of events, and a service that counts connections.
struct Machine {
    directory: tempfile::TempDir,
    connections: Arc<AtomicUsize>,
    config: PathBuf,
}

impl Machine {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        std::thread::spawn(move || {
            for _ in listener.incoming() {
                counted.fetch_add(1, Ordering::Relaxed);
            }
        });
        let at = |name: &str| directory.path().join(name);
        fs::create_dir_all(at("state/last-good")).expect("a directory");
        fs::create_dir_all(at("state/state")).expect("a directory");
        fs::write(at("state/last-good/id"), "x").expect("a file");
        fs::write(at("state/state/clear"), "").expect("a file");
        fs::create_dir(at("spool")).expect("a directory");
        fs::write(at("events"), "of the agent\n").expect("a file");
        let config = at("insightd.yaml");
        let emf = "formatter: {use: builtin:emf}, sink";
        let sinks = format!(
            "  disk: {{type: file, path: {:?}}}\n  logs: {{type: cloudwatch_logs, endpoint_url: '{url}', spool: {{dir: {:?}}}}}\n",
            at("events"),
            at("spool")
        );
        let pipelines = format!(
            "- name: node\n  transforms: [{{use: builtin:decorate}}, {{use: builtin:utilization}}]\n  outputs: [{{{emf}: \
             disk}}, {{{emf}: logs}}]\n"
        );
        let state = at("state");
        let text = format!(
            "state_dir: {state:?}\naws: {{region: eu-central-1}}\nnode: {{cluster_name: demo}}\nsinks:\n{sinks}pipelines:\n{pipelines}"
        );
        fs::write(&config, text).expect("a file");
        Self { directory, connections, config }
    }

    fn run(&self, more: &[&str]) -> (Option<i32>, String, String) {
        let recording = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/nodes/v2-systemd");
        let arguments = ["run", "--config", argument(&self.config), "--host-root", argument(&recording)];
        let output = run(&[&arguments, more].concat());
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    }

    /// Returns every file with its contents.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        fn add(directory: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
            for entry in fs::read_dir(directory).expect("a directory").flatten() {
                let path = entry.path();
                match path.is_dir() {
                    true => add(&path, files),
                    false => drop(files.insert(path.clone(), fs::read(path).expect("a file"))),
                }
            }
        }
        let mut files = BTreeMap::new();
        add(self.directory.path(), &mut files);
        files
    }
}

#[test]
fn it_touches_nothing_of_the_live_agent_and_is_printed() {
    let machine = Machine::new();
    let before = machine.files();
    for more in [&[][..], &["--once"]] {
        let (code, events, log) = machine.run(more);
        assert_eq!(code, Some(0), "{log}");
        // One for each of the two sinks.
        let nodes = events.lines().filter(|line| line.contains(r#""Type":"Node""#)).count();
        assert_eq!(nodes, 2, "{events}");
        for sink in ["disk", "logs"] {
            assert!(log.contains(&format!(r#""sink":"{sink}""#)), "{log}");
        }
        assert!(log.contains("use `--sink NAME` to deliver them"), "{log}");
        assert!(!log.contains("last good"), "{log}");
    }
    assert_eq!(machine.files(), before);
    assert_eq!(machine.connections.load(Ordering::Relaxed), 0);
}

#[test]
fn a_sink_that_is_named_gets_its_events() {
    let machine = Machine::new();
    let before = machine.files();
    let (code, events, log) = machine.run(&["--once", "--sink", "disk"]);
    assert_eq!(code, Some(0), "{log}");
    let nodes = |text: &str| text.lines().filter(|line| line.contains(r#""Type":"Node""#)).count();
    assert_eq!(nodes(&events), 1, "those of the other sink: {events}");
    let mut after = machine.files();
    let file = after.remove(&machine.directory.path().join("events")).expect("the file is there");
    assert_eq!(nodes(&text(&file)), 1);
    assert!(file.starts_with(b"of the agent\n"));
    assert!(after.iter().all(|(path, content)| before.get(path) == Some(content)), "{:?}", after.keys());
    assert_eq!(machine.connections.load(Ordering::Relaxed), 0);
}

#[test]
fn a_sink_that_is_not_there_is_wrong_usage() {
    let machine = Machine::new();
    let (code, events, log) = machine.run(&["--once", "--sink", "disc"]);
    assert_eq!((code, &*events), (Some(64), ""), "{log}");
    assert!(
        log.contains("--sink disc: unknown sink; did you mean `disk`? known sinks: stdout, disk, logs"),
        "{log}"
    );
    let output = run(&["run", "--once", "--config", argument(&machine.config), "--sink", "disk"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(
        text(&output.stderr).contains("--sink disk: only valid for a recording"),
        "{}",
        text(&output.stderr)
    );
}
