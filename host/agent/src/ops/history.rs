//! The last hour of the agent's own metrics, for programs that show how they changed.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use insightd_upstream::lock;

use super::samples::{samples, write_number, write_series};

/// Time between two points.
pub(super) const STEP: Duration = Duration::from_secs(60);
/// Most points of a series: an hour.
const POINTS: usize = 60;
/// Most series.
const MAX_SERIES: usize = 400;
/// Most bytes of all series, as [`Rings::bytes`] counts them.
const MAX_BYTES: usize = 256 << 10;
/// Bytes of a series beside its name: the values, and some 64 for the entry of the map and the two allocations.
const SERIES_BYTES: usize = 8 * POINTS + 64;
/// Most bytes of the name and the labels of a series; longer ones are not kept.
const MAX_SERIES_BYTES: usize = 256;

/// The values of each series of the metrics page at the same times. Series that are always 1 (`*_info`) are not kept.
#[derive(Debug, Default)]
pub(super) struct History(Mutex<Rings>);

#[derive(Debug, Default)]
struct Rings {
    /// Number of points since the start; the next one is at this index modulo [`POINTS`].
    count: usize,
    times_unix_ms: Vec<u64>,
    /// Values by series; not a number where there was none.
    series: BTreeMap<Box<str>, Box<[f64; POINTS]>>,
    /// Bytes of `series`.
    bytes: usize,
    /// Series of the last page that are not kept: there are too many, or their names are too long.
    left_out: usize,
}

impl History {
    /// Adds the samples of a page as a point.
    pub(super) fn record(&self, time_unix_ms: u64, page: &str) {
        lock(&self.0).record(time_unix_ms, page);
    }

    /// Returns the document: `{"version":1,"step_ms":…,"times_unix_ms":[…],"series":[{"name":…,"labels":{…},"values":[…]}]}`, oldest
    /// first, with null for a time at which a series had no value.
    pub(super) fn to_json(&self) -> String {
        lock(&self.0).to_json()
    }
}

impl Rings {
    fn record(&mut self, time_unix_ms: u64, page: &str) {
        let at = self.count % POINTS;
        self.count += 1;
        match self.times_unix_ms.get_mut(at) {
            Some(time) => *time = time_unix_ms,
            None => self.times_unix_ms.push(time_unix_ms),
        }
        for values in self.series.values_mut() {
            values[at] = f64::NAN;
        }
        self.left_out = 0;
        for sample in samples(page) {
            let name = sample.series.split('{').next().unwrap_or_default();
            if name.ends_with("_info") {
                continue;
            }
            if let Some(values) = self.series.get_mut(sample.series) {
                values[at] = sample.value;
            } else if self.has_room(sample.series) {
                self.bytes += SERIES_BYTES + sample.series.len();
                let mut values = Box::new([f64::NAN; POINTS]);
                values[at] = sample.value;
                self.series.insert(sample.series.into(), values);
            } else {
                self.left_out += 1;
            }
        }
        let bytes = &mut self.bytes;
        self.series.retain(|series, values| {
            let has_value = values.iter().any(|value| !value.is_nan());
            if !has_value {
                *bytes -= SERIES_BYTES + series.len();
            }
            has_value
        });
    }

    fn has_room(&self, series: &str) -> bool {
        self.series.len() < MAX_SERIES
            && series.len() <= MAX_SERIES_BYTES
            && self.bytes + SERIES_BYTES + series.len() <= MAX_BYTES
    }

    fn to_json(&self) -> String {
        let count = self.times_unix_ms.len();
        // Indices from the oldest to the newest point.
        let order = || (0..count).map(|index| (self.count - count + index) % POINTS);
        let mut json = String::with_capacity(256 + self.series.len() * (128 + 4 * count));
        let times: Vec<u64> = order().map(|at| self.times_unix_ms[at]).collect();
        json.push_str(&format!(
            r#"{{"version":1,"step_ms":{},"times_unix_ms":{times:?},"left_out":{},"series":["#,
            STEP.as_millis(),
            self.left_out
        ));
        for (index, (series, values)) in self.series.iter().enumerate() {
            json.push_str(if index == 0 { "{" } else { ",{" });
            write_series(series, &mut json);
            json.push_str(",\"values\":[");
            for (index, at) in order().enumerate() {
                if index > 0 {
                    json.push(',');
                }
                write_number(values[at], &mut json);
            }
            json.push_str("]}");
        }
        json.push_str("]}");
        json
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn document(history: &History) -> Value {
        serde_json::from_str(&history.to_json()).unwrap()
    }

    #[test]
    fn values_at_the_same_times() {
        let history = History::default();
        let empty = json!({"version": 1, "step_ms": 60000, "times_unix_ms": [], "left_out": 0, "series": []});
        assert_eq!(document(&history), empty);
        history.record(1000, "# TYPE a counter\na_total 1\nb{x=\"1\"} 5\nc_info{v=\"1\"} 1\n");
        history.record(61_000, "a_total 2\nb{x=\"2\"} 6.5\n");
        let wanted = json!({
            "version": 1, "step_ms": 60000, "times_unix_ms": [1000, 61000], "left_out": 0,
            "series": [
                {"name": "a_total", "labels": {}, "values": [1, 2]},
                {"name": "b", "labels": {"x": "1"}, "values": [5, null]},
                {"name": "b", "labels": {"x": "2"}, "values": [null, 6.5]},
            ]
        });
        assert_eq!(document(&history), wanted);
    }

    #[test]
    fn an_hour_is_kept() {
        let history = History::default();
        history.record(0, "gone 1\n");
        for minute in 1..=75_u64 {
            history.record(minute * 60_000, &format!("a {minute}\n"));
        }
        let document = document(&history);
        let times: Vec<u64> = (16..=75).map(|minute| minute * 60_000).collect();
        assert_eq!(document["times_unix_ms"], json!(times));
        let values: Vec<u64> = (16..=75).collect();
        assert_eq!(document["series"], json!([{"name": "a", "labels": {}, "values": values}]));
    }

    #[test]
    fn the_number_of_series_is_bounded() {
        let history = History::default();
        let page: String = (0..1000).map(|n| format!("a{{n=\"{n}\"}} 1\n")).collect();
        history.record(0, &page);
        history.record(1, &format!("{} 1\n", "x".repeat(MAX_SERIES_BYTES + 1)));
        let found = document(&history);
        assert_eq!((found["series"].as_array().unwrap().len(), &found["left_out"]), (MAX_SERIES, &json!(1)));
    }

    #[test]
    fn long_names_leave_room_for_fewer_series() {
        let history = History::default();
        let page: String = (0..400).map(|n| format!("a{{n=\"{n:0>200}\"}} 1\n")).collect();
        history.record(0, &page);
        let kept = lock(&history.0).series.len();
        assert_eq!(kept, MAX_BYTES / (SERIES_BYTES + 207));
        assert_eq!(document(&history)["left_out"], json!(400 - kept));
        // After an hour they are gone, and at the next point others have their room.
        for minute in 1..=61 {
            history.record(minute, "b 1\n");
        }
        assert_eq!(lock(&history.0).bytes, SERIES_BYTES + 1);
    }
}
