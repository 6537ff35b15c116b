//! Kubelet responses in pieces: split at any point, the result equals that of the whole response.
#![no_main]

use insightd_kubernetes::pods::{self, MetadataFilter, PodReader};
use insightd_kubernetes::summary::{self, SummaryReader};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| {
    let (size, body) = input;
    let size = usize::from(size) + 1;
    let keep = MetadataFilter::default();
    let mut reader = PodReader::new("fuzz", &keep);
    let pushed = body.chunks(size).try_for_each(|piece| reader.push(piece));
    let in_pieces = pushed.and_then(|()| reader.finish()).map_err(|error| cause(&error.to_string()));
    assert_eq!(in_pieces, pods::parse(body, "fuzz").map_err(|error| cause(&error.to_string())));

    let mut reader = SummaryReader::new("fuzz", None);
    let pushed = body.chunks(size).try_for_each(|piece| reader.push(piece));
    let in_pieces = pushed.and_then(|()| reader.finish()).map_err(|error| cause(&error.to_string()));
    assert_eq!(in_pieces, summary::parse(body, "fuzz").map_err(|error| cause(&error.to_string())));
});

/// Returns an error without its excerpt of the response, which may be shorter when the error occurs early.
fn cause(error: &str) -> String {
    error.split("; it begins").next().unwrap_or_default().to_owned()
}
