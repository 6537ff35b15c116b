//! Recordings of batches: the format that `insightd record` writes and that `insightctl replay` and `insightctl diff` read.
//!
//! One JSON value per line. The first line is a header; each of the others is a batch, in the format of `batch.json` of
//! a golden case. Recordings can be concatenated: a header may occur again.
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
/// Maximum length of a header line, bytes. Longer lines are taken for batches without being parsed.
const LONGEST: usize = 16 << 10;

/// The fields of a header line besides format and version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Version of the agent that wrote the recording.
    pub agent: String,
    /// Name of the node that the agent ran on.
    pub node: String,
    /// Attribute keys whose values were replaced; a trailing `*` matches any suffix.
    pub redacted: Vec<String>,
}

impl Header {
    /// Returns the header line, without the line feed.
    pub fn line(&self) -> String {
        let Self { agent, node, redacted } = self;
        let [agent, node, redacted] = [json!(agent), json!(node), json!(redacted)];
        format!(
            r#"{{"format":"{FORMAT}","version":{VERSION},"agent":{agent},"node":{node},"redacted":{redacted}}}"#
        )
    }

    /// Parses a header line. Returns `None` if the line is not a header, such as a batch.
    ///
    /// # Errors
    /// Returns the error text if the format version is not the one that this agent reads.
    pub fn parse(line: &str) -> Result<Option<Self>, String> {
        // Batches are long: the length and substring checks avoid parsing them twice.
        if line.len() > LONGEST || !line.contains(FORMAT) {
            return Ok(None);
        }
        let Ok(value) = serde_json::from_str::<Value>(line) else { return Ok(None) };
        if value["format"] != FORMAT {
            return Ok(None);
        }
        if value["version"] != VERSION {
            let found = &value["version"];
            return Err(format!(
                "unsupported recording version {found}; this program reads version {VERSION}"
            ));
        }
        let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
        let redacted = value["redacted"].as_array().into_iter().flatten();
        let redacted = redacted.filter_map(|key| key.as_str().map(str::to_owned)).collect();
        Ok(Some(Self { agent: text("agent"), node: text("node"), redacted }))
    }
}
