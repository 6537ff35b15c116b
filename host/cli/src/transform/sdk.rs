//! The sources of the SDK. They are embedded in the agent, because no registry has them.

use std::io::{self, Read};

use flate2::read::GzDecoder;

/// The compressed archive, made by `build/sdk.rs`: `PATH LENGTH` lines, each followed by that number of bytes.
static ARCHIVE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/sdk.gz"));

/// Path of the archive entry with the lock file packages for a new crate.
pub(super) const LOCK: &str = "Cargo.lock";

/// Returns path and text of every file.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] or a decompression error if the archive, and so the agent's binary, is damaged.
pub(super) fn files() -> io::Result<Vec<(String, String)>> {
    let mut text = String::new();
    GzDecoder::new(ARCHIVE).read_to_string(&mut text)?;
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "the embedded SDK is damaged");
    let mut files = Vec::new();
    let mut rest = &*text;
    while let Some((line, behind)) = rest.split_once('\n') {
        let (path, length) = line.rsplit_once(' ').ok_or_else(damaged)?;
        let length: usize = length.parse().map_err(|_| damaged())?;
        let (content, behind) = behind.split_at_checked(length).ok_or_else(damaged)?;
        files.push((path.to_owned(), content.to_owned()));
        rest = behind;
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_whole_and_small() {
        let files = files().unwrap();
        let text = |path: &str| &*files.iter().find(|(name, _)| name == path).expect(path).1;
        assert!(text("Cargo.toml").contains("\nzmij = "));
        assert!(!text("Cargo.toml").contains("tokio"), "only what the SDK inherits");
        assert!(text("guest-sdk/src/lib.rs").starts_with("//! Write insightd transforms"));
        assert!(text("guest-sdk/batch/src/lib.rs").starts_with("//! The data model"));
        assert!(text("guest-sdk/wit/transform.wit").contains("package insights:transform"));
        assert!(text("guest-sdk/src/guest/bindings/transform.rs").contains("macro_rules!"));
        assert!(text(LOCK).contains("name = \"insights-batch\"\n"));
        assert!(!text(LOCK).contains("proptest"), "only for the SDK's own tests");
        let packages = text(LOCK).matches("[[package]]").count();
        assert!(packages <= 9, "{packages} packages: a new crate must build in seconds\n{}", text(LOCK));
        assert!(ARCHIVE.len() < 150_000, "{} bytes", ARCHIVE.len());
    }

    #[test]
    fn links_of_the_guides_lead_somewhere() {
        let files = files().unwrap();
        let mut links = 0;
        for (name, text) in files.iter().filter(|(name, _)| name.ends_with(".md")) {
            for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                let path = target.split('#').next().unwrap_or_default();
                if path.is_empty() || path.contains("://") || path.contains(' ') {
                    continue;
                }
                let found = format!("docs/{path}");
                assert!(files.iter().any(|(other, _)| *other == found), "{name}: {target}");
                links += 1;
            }
        }
        assert!(links > 0, "the guide links to the raw names");
    }
}
