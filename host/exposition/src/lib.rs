//! Parses responses in the Prometheus text format 0.0.4, or in OpenMetrics 1.0, while they arrive.
//!
//! A [`Reader`] takes chunks of bytes of any size and calls back for each sample. It holds at most one line, whatever the
//! length of the response, and every quantity that the other side chooses has a bound ([`Limits`]).
//!
//! ```
//! use insightd_exposition::{Format, Limits, Reader};
//!
//! let mut reader = Reader::new(Format::Prometheus, Limits::default());
//! let mut received = 0.0;
//! for chunk in ["# TYPE rx counter\nrx{interface=\"eth0\"} 1e", "3 1795256426917\nrx{interface=\"lo\"} 7\n"] {
//!     reader.push(chunk.as_bytes(), &mut |sample| {
//!         if sample.labels.get("interface") == Some("eth0") {
//!             received += sample.value;
//!         }
//!     })?;
//! }
//! let report = reader.finish()?;
//! assert_eq!((received, report.samples, report.malformed), (1000.0, 2, 0));
//! # Ok::<(), insightd_exposition::ExpositionError>(())
//! ```
//!
//! A malformed line costs only itself: it is counted, and the first one is reported with its number, reason and beginning.
//! A response that ends inside a line is an error, because its last line may look whole: `1.5` is a prefix of `1.57`.
//!
//! Families are not interpreted. `# TYPE` and `# HELP` lines are skipped, and a family or series that occurs twice is
//! reported twice: the receiver knows which of the two it wants.

#![forbid(unsafe_code)]

mod error;
mod line;
mod reader;
mod sample;

pub use error::{ExpositionError, MalformedLine, Reason};
pub use reader::{Limits, Reader, Report};
pub use sample::{Labels, Sample};

/// Text format of a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `text/plain; version=0.0.4`: timestamps in milliseconds, and no mark at the end.
    #[default]
    Prometheus,
    /// `application/openmetrics-text`: timestamps in seconds, exemplars, and `# EOF` as the last line.
    OpenMetrics,
}

impl Format {
    /// Returns the format that a `Content-Type` names. An absent or unknown type is the Prometheus format, as it is for
    /// Prometheus itself.
    pub fn from_content_type(content_type: Option<&str>) -> Self {
        let media_type = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if media_type.eq_ignore_ascii_case("application/openmetrics-text") {
            Self::OpenMetrics
        } else {
            Self::Prometheus
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Format;

    #[test]
    fn the_content_type_names_the_format() {
        for (content_type, format) in [
            (None, Format::Prometheus),
            (Some("text/plain; version=0.0.4; charset=utf-8"), Format::Prometheus),
            (Some("application/openmetrics-text; version=1.0.0; charset=utf-8"), Format::OpenMetrics),
            (Some("Application/OpenMetrics-Text"), Format::OpenMetrics),
            (Some("application/json"), Format::Prometheus),
        ] {
            assert_eq!(Format::from_content_type(content_type), format, "{content_type:?}");
        }
    }
}
