//! A process of a test that is killed: it runs the test again, which then puts numbered blocks into its spool until the end. Test crates
//! of several packages include this file.

use std::io::{BufRead, BufReader, Write as _};
use std::process::{Command, Stdio};

const CHILD: &str = "INSIGHTD_TEST_CHILD";

/// A running process.
pub(crate) struct Child {
    process: std::process::Child,
}

impl Child {
    /// Starts the test of this name in another process, with arguments.
    pub(crate) fn start(test: &str, arguments: &[&str]) -> Self {
        let process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .env(CHILD, arguments.join("\n"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { process }
    }

    /// Kills the process and returns the numbers that it had put into its spool.
    pub(crate) fn kill(mut self) -> Vec<u32> {
        self.process.kill().unwrap();
        let output = BufReader::new(self.process.stdout.take().unwrap());
        let lines = output.lines().map_while(Result::ok);
        let numbers = lines.filter_map(|line| line.strip_prefix("put ")?.parse().ok()).collect();
        self.process.wait().unwrap();
        numbers
    }
}

/// Returns the arguments if this process is such a child.
pub(crate) fn arguments() -> Option<Vec<String>> {
    let arguments = std::env::var(CHILD).ok()?;
    Some(arguments.split('\n').map(str::to_owned).collect())
}

/// Reports a number as put into the spool.
pub(crate) fn report(number: u32) {
    println!("\nput {number}");
    std::io::stdout().flush().unwrap();
}
