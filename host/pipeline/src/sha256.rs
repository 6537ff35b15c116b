//! SHA-256 hashes of components, texts and bundles.

use insightd_sandbox::Hex;

/// A SHA-256 hash, displayed as `sha256sum` prints it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sha256(pub [u8; 32]);

impl Sha256 {
    /// Returns the hash of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest;
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// Parses 64 hexadecimal digits.
    ///
    /// # Errors
    /// Returns a message that shows the expected form.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("invalid SHA-256 `{text}`: expected 64 hexadecimal digits, as sha256sum prints them");
        if text.len() != 64 || !text.is_ascii() {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

impl std::fmt::Display for Sha256 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Hex(&self.0).fmt(f)
    }
}

impl std::fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sha256({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes() {
        let text = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Sha256::parse(text).unwrap(), Sha256::of(b""));
        assert_eq!(Sha256::of(b"").to_string(), text);
        assert!(Sha256::parse(&text[1..]).is_err());
        assert!(Sha256::parse(&text.replace('e', "g")).is_err());
        assert!(Sha256::parse(&"é".repeat(32)).is_err());
    }
}
