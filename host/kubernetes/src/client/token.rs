//! Bearer tokens: in a file that is replaced from time to time, or fixed.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use http::HeaderValue;
use insightd_files::read_regular;

use super::{ClientError, lock};

/// Time that a token is cached. The kubelet replaces projected tokens at 80 % of their lifetime, which is at least ten
/// minutes.
const CACHE_TIME: Duration = Duration::from_secs(60);

/// Largest token file in bytes; service account tokens have about 1 KiB.
const MAX_BYTES: u64 = 64 << 10;

/// A bearer token.
pub(crate) struct Token(Source);

enum Source {
    /// A file, read again once a minute and whenever the server rejected the token.
    File(TokenFile),
    Fixed(HeaderValue),
}

struct TokenFile {
    path: PathBuf,
    last: Mutex<Option<(HeaderValue, Instant)>>,
}

impl Token {
    /// Returns the token of a file, which is read when the first request is sent.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(Source::File(TokenFile { path, last: Mutex::new(None) }))
    }

    /// Returns a token that never changes.
    ///
    /// # Errors
    /// If it cannot be sent. The error text does not quote it.
    pub(crate) fn fixed(token: &str) -> Result<Self, &'static str> {
        bearer(token).map(|header| Self(Source::Fixed(header)))
    }

    /// Returns the value of the `authorization` header.
    ///
    /// # Errors
    /// If the file cannot be read and never could be: a file that is missing for a moment causes no error.
    pub(crate) fn header(&self) -> Result<HeaderValue, ClientError> {
        match &self.0 {
            Source::File(file) => file.header(),
            Source::Fixed(header) => Ok(header.clone()),
        }
    }

    /// Reads the file and returns its token if it differs from `rejected`.
    pub(crate) fn newer_than(&self, rejected: &HeaderValue) -> Option<HeaderValue> {
        match &self.0 {
            Source::File(file) => file.newer_than(rejected),
            Source::Fixed(_) => None,
        }
    }
}

impl TokenFile {
    fn header(&self) -> Result<HeaderValue, ClientError> {
        let mut last = lock(&self.last);
        match &mut *last {
            Some((header, read_at)) if read_at.elapsed() < CACHE_TIME => Ok(header.clone()),
            known => {
                let header = match (self.read(), &known) {
                    (Ok(header), _) => header,
                    (Err(_), Some((header, _))) => header.clone(),
                    (Err(error), None) => return Err(error),
                };
                *known = Some((header.clone(), Instant::now()));
                Ok(header)
            }
        }
    }

    fn newer_than(&self, rejected: &HeaderValue) -> Option<HeaderValue> {
        let header = self.read().ok().filter(|header| header != rejected)?;
        let mut last = lock(&self.last);
        *last = Some((header.clone(), Instant::now()));
        Some(header)
    }

    fn read(&self) -> Result<HeaderValue, ClientError> {
        let wrong = |error: String| ClientError::File {
            path: self.path.clone(),
            error,
            hint: "expected the bearer token of the agent's service account",
        };
        let bytes = read_regular(&self.path, MAX_BYTES).map_err(|error| wrong(error.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|error| wrong(error.to_string()))?;
        bearer(&text).map_err(|error| wrong(error.into()))
    }
}

/// Returns the value of the `authorization` header, which is never logged.
fn bearer(token: &str) -> Result<HeaderValue, &'static str> {
    let token = token.trim();
    if token.is_empty() {
        return Err("the token is empty");
    }
    let mut header = HeaderValue::try_from(format!("Bearer {token}"))
        .map_err(|_| "invalid token: contains characters not allowed in a header")?;
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_token_is_read_once_the_old_one_is_rejected() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        let token = Token::new(path.clone());
        let error = token.header().unwrap_err().to_string();
        assert!(error.contains("token") && error.contains("service account"), "{error}");

        std::fs::write(&path, "first\n").unwrap();
        let first = token.header().unwrap();
        assert_eq!(first.as_bytes(), b"Bearer first");
        assert!(first.is_sensitive());
        assert_eq!(token.newer_than(&first), None, "the same is not newer");

        std::fs::write(&path, "second").unwrap();
        assert_eq!(token.header().unwrap(), first, "within its minute");
        assert_eq!(token.newer_than(&first).unwrap().as_bytes(), b"Bearer second");
        assert_eq!(token.header().unwrap().as_bytes(), b"Bearer second");

        std::fs::remove_file(&path).unwrap();
        assert_eq!(token.header().unwrap().as_bytes(), b"Bearer second");
    }

    #[test]
    fn pipes_and_huge_files_are_rejected_without_reading_them() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("token");
        let made = rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        );
        made.unwrap();
        let error = Token::new(pipe).header().unwrap_err().to_string();
        assert!(error.contains("not a regular file"), "{error}");
        let endless = directory.path().join("endless");
        std::fs::File::create(&endless).unwrap().set_len(1 << 40).unwrap();
        let error = Token::new(endless).header().unwrap_err().to_string();
        assert!(error.contains("the limit is 65536"), "{error}");
    }

    #[test]
    fn a_fixed_token_stays() {
        let token = Token::fixed("secret\n").unwrap();
        let header = token.header().unwrap();
        assert_eq!(header.as_bytes(), b"Bearer secret");
        assert!(header.is_sensitive() && !format!("{header:?}").contains("secret"));
        assert_eq!(token.newer_than(&header), None);
        for (text, expected) in [(" ", "empty"), ("secret\nsecret", "characters")] {
            let error = Token::fixed(text).err().unwrap();
            assert!(error.contains(expected) && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn an_invalid_token_is_not_shown() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        for (text, expected) in [("", "empty"), ("secret\nsecret", "characters")] {
            std::fs::write(&path, text).unwrap();
            let error = Token::new(path.clone()).header().unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("secret"), "{error}");
        }
    }
}
