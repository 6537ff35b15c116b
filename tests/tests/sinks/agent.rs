//! A running agent over the files of a recorded frame, without pods.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use insightd_tests::receiver::Receiver;
use insightd_tests::{built, program, recording, top};

use crate::wire::Wire;

/// Calls `found` until it returns something. There is no time limit here: a test that waits forever is ended by its runner.
pub(crate) fn wait<T>(mut found: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(found) = found() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub(crate) struct Agent {
    wire: Wire,
    child: Child,
    port: u16,
    output: PathBuf,
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Agent {
    /// Starts an agent that ticks each second, delivers to the receiver, and prints the same samples as text. A tick is printed after it
    /// is in the spool. `spool` is the directory of the spool.
    pub(crate) fn start(wire: Wire, directory: &Path, receiver: &Receiver, spool: &Path) -> Self {
        built("transforms/otlp.wasm");
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let (sink, formatter) = wire.config();
        let text = format!(
            "interval: 1s
role: node
node: {{name: node-1, cluster_name: shop}}
instance: {{enabled: false}}
kubelet: {{enabled: false}}
api: {{enabled: false}}
operations: {{listen: '127.0.0.1:{port}'}}
transforms_dir: {:?}
compiler: {:?}
sinks: {{receiver: {{{sink}, endpoint_url: 'http://{}/v1', concurrency: 1, spool: {{dir: {spool:?}}}}}}}
pipelines:
  - name: node
    scope: node
    transforms: [{{use: 'builtin:decorate'}}]
    outputs:
      - {{formatter: {formatter}, sink: receiver}}
      - {{formatter: {{use: 'file:prometheus', config: {{timestamps: true}}}}, sink: stdout}}
",
            top().join("target/transforms"),
            program("insightd-compile"),
            receiver.address(),
        );
        let config = directory.join("insightd.yaml");
        fs::write(&config, text).unwrap();
        let output = directory.join(format!("{port}.out"));
        let mut command = Command::new(program("insightd"));
        command.arg("run").arg("--config").arg(&config);
        command.arg("--host-root").arg(recording("v2-systemd").join("2"));
        let log = File::create(directory.join(format!("{port}.log"))).unwrap();
        command.stdin(Stdio::null()).stdout(File::create(&output).unwrap()).stderr(log);
        let mut agent = Self { wire, child: command.spawn().unwrap(), port, output };
        wait(|| {
            if let Some(status) = agent.child.try_wait().unwrap() {
                panic!("{status}: {}", fs::read_to_string(directory.join(format!("{port}.log"))).unwrap());
            }
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()
        });
        agent
    }

    /// Returns the sum of a metric over the series with these labels; 0 if there is none.
    pub(crate) fn metric(&self, name: &str, labels: &str) -> f64 {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        write!(stream, "GET /metrics HTTP/1.0\r\nhost: localhost\r\n\r\n").unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).unwrap();
        let of_metric = |line: &&str| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])) && line.contains(labels)
        };
        page.lines()
            .filter(of_metric)
            .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
            .sum()
    }

    /// Returns the printed samples by time, as far as the protocol has them.
    pub(crate) fn printed(&self) -> BTreeMap<u64, usize> {
        let text = fs::read_to_string(&self.output).unwrap();
        // A line is a family; that of a killed agent may lack its end.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole).replace("\\n", "\n");
        let mut printed = BTreeMap::new();
        let is_sample = |line: &&str| !line.starts_with('#') && !line.is_empty() && self.wire.has(line);
        for line in whole.lines().filter(is_sample) {
            *printed.entry(line.rsplit(' ').next().unwrap().parse().unwrap()).or_default() += 1;
        }
        printed
    }

    /// Kills the agent and returns what it printed.
    pub(crate) fn kill(mut self) -> BTreeMap<u64, usize> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.printed()
    }

    /// Ends the agent as an operator would, so that it delivers what it has, and returns what it printed.
    pub(crate) fn terminate(mut self) -> BTreeMap<u64, usize> {
        let id = i32::try_from(self.child.id()).unwrap();
        // SAFETY: sends a signal to a child that was not waited for, so the id is still its own.
        assert_eq!(unsafe { libc::kill(id, libc::SIGTERM) }, 0);
        self.child.wait().unwrap();
        self.printed()
    }
}
