//! Recordings of batches: what `insightd record` writes and `insightd replay` and `insightd diff` read.
//!
//! One JSON value a line. The first says what the file is; every other one is a batch, in the form of a golden case's
//! `batch.json`. Recordings can be put one behind the other: a first line may come again.
//!
//! ```text
//! {"format":"insightd-recording","version":1,"agent":"0.1.0","node":"n1","redacted":[]}
//! {"scope":"node","id":"n1","time_unix_ms":1700000000000,"interval_ms":60000,"entities":[…]}
//! ```

mod read;
mod redact;

use serde_json::{Value, json};

pub use read::{Reader, RecordingError};
pub use redact::Redactor;

const FORMAT: &str = "insightd-recording";
const VERSION: u64 = 1;
/// No first line is longer, bytes.
const LONGEST: usize = 16 << 10;

/// What the first line says besides format and version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Version of the agent.
    pub agent: String,
    /// The node that it ran on.
    pub node: String,
    /// Attributes whose values were replaced; a trailing `*` stands for any rest.
    pub redacted: Vec<String>,
}

impl Header {
    /// The line, without its end.
    pub fn line(&self) -> String {
        let Self { agent, node, redacted } = self;
        let [agent, node, redacted] = [json!(agent), json!(node), json!(redacted)];
        format!(
            r#"{{"format":"{FORMAT}","version":{VERSION},"agent":{agent},"node":{node},"redacted":{redacted}}}"#
        )
    }

    /// Reads a line that a recording begins with; `None` where it is none, such as a batch.
    ///
    /// # Errors
    /// It is of a version that this agent does not know.
    pub fn parse(line: &str) -> Result<Option<Self>, String> {
        // Batches are long, and not read twice.
        if line.len() > LONGEST || !line.contains(FORMAT) {
            return Ok(None);
        }
        let Ok(value) = serde_json::from_str::<Value>(line) else { return Ok(None) };
        if value["format"] != FORMAT {
            return Ok(None);
        }
        if value["version"] != VERSION {
            let found = &value["version"];
            return Err(format!("the recording is of version {found}, this agent reads version {VERSION}"));
        }
        let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
        let redacted = value["redacted"].as_array().into_iter().flatten();
        let redacted = redacted.filter_map(|key| key.as_str().map(str::to_owned)).collect();
        Ok(Some(Self { agent: text("agent"), node: text("node"), redacted }))
    }
}
