//! A mount list read row by row gives the same result as parsed in one piece.
#![no_main]

use std::io::{Seek, Write};
use std::os::fd::OwnedFd;

use insightd_collect::ReadBuffer;
use insightd_collect::proc::mountinfo;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    if text == b"\n" {
        return;
    }
    let mut points = Vec::new();
    let skipped = mountinfo::each(text, |mount| points.push(mount.point.into_owned()));

    // A preceding row of such a length that the end of the first read falls into the text.
    let first = format!("1 0 0:1 / /{} rw - t s o\n", "x".repeat(16 * 1024 - 64 - text.len() % 64));
    let path = std::env::temp_dir().join(format!("mount_rows-{}", std::process::id()));
    let mut options = std::fs::File::options();
    let mut file = options.create(true).truncate(true).read(true).write(true).open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    file.write_all(first.as_bytes()).unwrap();
    file.write_all(text).unwrap();
    file.rewind().unwrap();

    let mut streamed = Vec::new();
    let parsed = ReadBuffer::default().each_row(&OwnedFd::from(file), |index, row| {
        if let Some(mount) = mountinfo::parse(index, row)? {
            streamed.push(mount.point.into_owned());
        }
        Ok(())
    });
    assert_eq!(points, streamed[1..]);
    let lines = (skipped.map(|row| row.line + 1), parsed.unwrap().unwrap().skipped.map(|row| row.line));
    assert_eq!(lines.0, lines.1);
});
