//! Headers from settings and files.

use std::path::{Path, PathBuf};

use http::{HeaderMap, HeaderName, HeaderValue};
use insightd_files::{ReadError, read_regular};

use crate::settings::HeaderSource;

/// Maximum size of a file with a header's value, bytes. Tokens have a few kilobytes.
const MAX_FILE_BYTES: u64 = 64 << 10;

/// A header whose file cannot be used. The error text never contains the value.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HeaderError {
    #[error("header `{name}`: cannot read {}: {error}", path.display())]
    Read { name: HeaderName, path: PathBuf, error: ReadError },
    #[error("header `{name}`: {} is empty", path.display())]
    Empty { name: HeaderName, path: PathBuf },
    #[error("header `{name}`: the first line of {} is not a valid header value", path.display())]
    Invalid { name: HeaderName, path: PathBuf },
}

/// Adds the headers of the settings.
///
/// # Errors
/// The first header whose file cannot be used.
pub(crate) fn add(
    headers: &mut HeaderMap,
    sources: &[(HeaderName, HeaderSource)],
) -> Result<(), HeaderError> {
    for (name, source) in sources {
        let value = match source {
            HeaderSource::Value(value) => value.clone(),
            HeaderSource::File { prefix, path } => read(name, prefix, path)?,
        };
        headers.insert(name, value);
    }
    Ok(())
}

fn read(name: &HeaderName, prefix: &str, path: &Path) -> Result<HeaderValue, HeaderError> {
    let (name, at) = (|| name.clone(), || path.to_owned());
    let text = read_regular(path, MAX_FILE_BYTES).map_err(|error| HeaderError::Read {
        name: name(),
        path: at(),
        error,
    })?;
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
    if line.is_empty() {
        return Err(HeaderError::Empty { name: name(), path: at() });
    }
    let value = HeaderValue::from_bytes(&[prefix.as_bytes(), line].concat());
    let mut value = value.map_err(|_| HeaderError::Invalid { name: name(), path: at() })?;
    // Keeps it out of debug output.
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use http::header::AUTHORIZATION;

    use super::*;

    #[test]
    fn a_file_gives_its_first_line_and_errors_do_not_show_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        let source = HeaderSource::File { prefix: "Bearer ", path: path.clone() };
        let sources = [(AUTHORIZATION, source)];
        let header = || {
            let mut headers = HeaderMap::new();
            add(&mut headers, &sources).map(|()| headers[AUTHORIZATION].clone())
        };
        let missing = header().unwrap_err().to_string();
        assert!(missing.contains("header `authorization`: cannot read /"), "{missing}");
        std::fs::write(&path, " abc \r\nsecond").unwrap();
        let value = header().unwrap();
        assert_eq!((value.as_bytes(), value.is_sensitive()), (b"Bearer abc".as_slice(), true));
        std::fs::write(&path, "def").unwrap();
        assert_eq!(header().unwrap(), "Bearer def", "read again");
        for (text, wanted) in [("\nabc", "is empty"), ("a\0secret", "not a valid header value")] {
            std::fs::write(&path, text).unwrap();
            let error = header().unwrap_err().to_string();
            assert!(error.contains(wanted) && !error.contains("secret"), "{error}");
        }
        std::fs::write(&path, "x".repeat(65_537)).unwrap();
        assert!(header().unwrap_err().to_string().contains("cannot read"));
    }
}
