//! Answers of the kubelet in pieces: wherever they are cut, what is read is what was sent at once.
#![no_main]

use insightd_kubernetes::pods::{self, Keep, PodReader};
use insightd_kubernetes::summary::{self, SummaryReader};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| {
    let (size, body) = input;
    let size = usize::from(size) + 1;
    let keep = Keep::default();
    let mut reader = PodReader::new("fuzz", &keep);
    let pushed = body.chunks(size).try_for_each(|piece| reader.push(piece));
    let in_pieces = pushed.and_then(|()| reader.finish()).map_err(|error| cause(&error.to_string()));
    assert_eq!(in_pieces, pods::parse(body, "fuzz").map_err(|error| cause(&error.to_string())));

    let mut reader = SummaryReader::new("fuzz", None);
    let pushed = body.chunks(size).try_for_each(|piece| reader.push(piece));
    let in_pieces = pushed.and_then(|()| reader.finish()).map_err(|error| cause(&error.to_string()));
    assert_eq!(in_pieces, summary::parse(body, "fuzz").map_err(|error| cause(&error.to_string())));
});

/// An error without the beginning of the answer that it shows, of which less may have come by then.
fn cause(error: &str) -> String {
    error.split("; it begins").next().unwrap_or_default().to_owned()
}
