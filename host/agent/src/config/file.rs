//! Reading of the configuration file, bounded in size and checked to be text.

use std::io::Read;
use std::path::Path;

use insightd_files::ReadError;
use insightd_pipeline::Problem;
use insightd_yaml::Position;

/// Largest configuration file, bytes: the limit of a ConfigMap.
pub const MAX_BYTES: u64 = 1 << 20;

/// Returns the text of a file.
///
/// # Errors
/// Fails if it cannot be read, is not a regular file, is too large, or is not UTF-8 text.
pub(super) fn read(path: &Path) -> Result<String, Problem> {
    let bytes = insightd_files::read_regular(path, MAX_BYTES).map_err(|error| {
        let message = match error {
            ReadError::TooLarge { bytes, .. } => too_large(bytes),
            error => format!("cannot be read: {error}"),
        };
        Problem { at: None, path: String::new(), message }
    })?;
    to_text(bytes)
}

/// Returns the text of a stream.
///
/// # Errors
/// Fails as [`read`] does.
pub(super) fn read_from(stream: impl Read) -> Result<String, Problem> {
    let problem = |message| Problem { at: None, path: String::new(), message };
    let mut bytes = Vec::new();
    let read = stream.take(MAX_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| problem(format!("cannot be read: {error}")))?;
    match bytes.len() as u64 {
        0..=MAX_BYTES => to_text(bytes),
        count => Err(problem(too_large(count))),
    }
}

fn to_text(bytes: Vec<u8>) -> Result<String, Problem> {
    text(bytes).map_err(|(at, message)| Problem { at: Some(at), path: String::new(), message })
}

fn too_large(bytes: u64) -> String {
    format!("file too large: at least {bytes} bytes; the limit is {MAX_BYTES} bytes")
}

/// Returns the bytes as text, without a byte order mark.
fn text(mut bytes: Vec<u8>) -> Result<String, (Position, String)> {
    const BOM: &[u8] = b"\xef\xbb\xbf";
    let wrong = |bytes: &[u8], at: usize, message: &str| Err((position(bytes, at), message.to_owned()));
    // UTF-16 encodes an ASCII character as two bytes, one of which is zero.
    let is_wide = match bytes.as_slice() {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => true,
        [first, second, ..] => (*first == 0) != (*second == 0),
        _ => false,
    };
    if is_wide {
        return wrong(&bytes, 0, "UTF-16 or UTF-32 text; save the file as UTF-8");
    }
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return wrong(&bytes, 0, "compressed file; decompress it first");
    }
    if bytes.starts_with(BOM) {
        bytes.drain(..BOM.len());
    }
    let is_control = |byte: &u8| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r');
    if let Some(at) = bytes.iter().position(is_control) {
        let message = format!("control character 0x{:02x}; is this a binary file?", bytes[at]);
        return wrong(&bytes, at, &message);
    }
    String::from_utf8(bytes).or_else(|error| {
        let at = error.utf8_error().valid_up_to();
        let bytes = error.into_bytes();
        let byte = bytes.get(at).copied().unwrap_or_default();
        let message = format!("byte 0x{byte:02x} is not valid UTF-8 (Latin-1?); save the file as UTF-8");
        wrong(&bytes, at, &message)
    })
}

/// Returns the position of the byte at `at`; the bytes before it are text.
fn position(bytes: &[u8], at: usize) -> Position {
    let before = &bytes[..at];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    Position { line, column: String::from_utf8_lossy(&before[start..]).chars().count() + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(bytes: &[u8]) -> String {
        let (at, message) = text(bytes.into()).unwrap_err();
        format!("{at}: {message}")
    }

    #[test]
    fn what_is_no_utf8_text_is_named_with_its_place() {
        assert_eq!(text(b"\xef\xbb\xbfa: 1\r\n\tb".into()).unwrap(), "a: 1\r\n\tb");
        assert_eq!(
            wrong(
                "a: 1\nü: caf\u{e9}"
                    .encode_utf16()
                    .flat_map(u16::to_le_bytes)
                    .collect::<Vec<u8>>()
                    .as_slice()
            ),
            "1:1: UTF-16 or UTF-32 text; save the file as UTF-8"
        );
        assert_eq!(wrong(b"\xff\xfea\0"), "1:1: UTF-16 or UTF-32 text; save the file as UTF-8");
        assert_eq!(wrong(b"\0a"), "1:1: UTF-16 or UTF-32 text; save the file as UTF-8");
        assert_eq!(
            wrong(b"a: 1\nb: ol\xe9\n"),
            "2:6: byte 0xe9 is not valid UTF-8 (Latin-1?); save the file as UTF-8"
        );
        assert_eq!(wrong(b"\x7fELF\x02"), "1:1: control character 0x7f; is this a binary file?");
        assert_eq!(
            wrong("é: 1\nüb: \u{1b}[31m".as_bytes()),
            "2:5: control character 0x1b; is this a binary file?"
        );
        assert_eq!(wrong(b"\x1f\x8b\x08"), "1:1: compressed file; decompress it first");
    }

    #[test]
    fn only_regular_files_of_a_bounded_size_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config");
        assert!(read(&path).unwrap_err().message.starts_with("cannot be read: No such file"));
        std::fs::write(&path, vec![b'#'; MAX_BYTES as usize]).unwrap();
        assert_eq!(read(&path).unwrap().len() as u64, MAX_BYTES);
        std::fs::write(&path, vec![b'#'; MAX_BYTES as usize + 1]).unwrap();
        assert_eq!(
            read(&path).unwrap_err().message,
            "file too large: at least 1048577 bytes; the limit is 1048576 bytes"
        );
        assert_eq!(read_from(std::io::repeat(b'#')).unwrap_err().message, read(&path).unwrap_err().message);
        assert_eq!(read_from(&b"\xef\xbb\xbfa: 1\n"[..]).unwrap(), "a: 1\n");
        let pipe = directory.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
            .unwrap();
        for path in [pipe.as_path(), directory.path()] {
            assert_eq!(read(path).unwrap_err().message, "cannot be read: is not a regular file");
        }
    }
}
