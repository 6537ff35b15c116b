//! The state document: the status and the metrics of the agent, for programs that show both.

use super::registry::StatusRegistry;
use super::samples::{samples, write_number, write_series};
use super::status;
use crate::wall_clock::now_unix_ms;

/// Version of the document.
const VERSION: u32 = 1;

/// Returns the document: `{"version":1,"time_unix_ms":…,"status":{…},"metrics":[{"name":…,"labels":{…},"value":…}]}`. `status` is that of
/// `/status`, `metrics` are the samples of `page`.
pub(super) fn to_json(registry: &StatusRegistry, page: &str) -> String {
    let (now, status) = (now_unix_ms(), status::to_json(registry));
    let mut json = format!(r#"{{"version":{VERSION},"time_unix_ms":{now},"status":{status},"metrics":["#);
    for (index, sample) in samples(page).enumerate() {
        json.push_str(if index == 0 { "{" } else { ",{" });
        write_series(sample.series, &mut json);
        json.push_str(",\"value\":");
        write_number(sample.value, &mut json);
        json.push('}');
    }
    json.push_str("]}");
    json
}
