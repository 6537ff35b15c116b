//! Prometheus text in chunks: split at any point, the samples and counts equal those of the whole response.
#![no_main]

use insightd_exposition::{ExpositionError, Format, Limits, Reader, Report};
use libfuzzer_sys::fuzz_target;

/// Name, labels, bits of the value, and timestamp.
type Sample = (String, Vec<(String, String)>, u64, Option<i64>);

fuzz_target!(|input: (u8, bool, &[u8])| {
    let (size, is_open, response) = input;
    let format = if is_open { Format::OpenMetrics } else { Format::Prometheus };
    let (samples, report) = read(response.chunks(usize::from(size) + 1), format);
    let whole = read(std::iter::once(response), format);
    assert_eq!((&samples, &report), (&whole.0, &whole.1));
    if let Ok(report) = report {
        assert_eq!(report.samples, samples.len() as u64);
        assert!(report.samples + report.malformed <= report.lines);
        assert_eq!(report.malformed > 0, report.first_malformed.is_some());
    }
    for (name, labels, ..) in samples {
        assert!(!name.is_empty() && name.is_ascii());
        assert!(labels.iter().all(|(label, _)| !label.is_empty() && label.is_ascii()));
    }
});

fn read<'c>(
    chunks: impl Iterator<Item = &'c [u8]>,
    format: Format,
) -> (Vec<Sample>, Result<Report, ExpositionError>) {
    // Limits that small inputs reach.
    let limits = Limits { line_bytes: 256, labels: 4, samples: 64, bytes: 1 << 20 };
    let mut samples = Vec::new();
    let mut reader = Reader::new(format, limits);
    for chunk in chunks {
        let mut keep = |sample: insightd_exposition::Sample<'_>| {
            let labels =
                sample.labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            samples.push((sample.name.to_owned(), labels, sample.value.to_bits(), sample.timestamp_ms));
        };
        if let Err(error) = reader.push(chunk, &mut keep) {
            return (samples, Err(error));
        }
    }
    (samples, reader.finish())
}
