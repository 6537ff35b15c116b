//! The token that every request needs.

use subtle::ConstantTimeEq as _;

/// Random bytes of a token.
const BYTES: usize = 16;

/// A token: 128 random bits, as hexadecimal digits.
pub(super) struct Token(String);

impl Token {
    /// Creates a token from the operating system's random bytes.
    ///
    /// # Errors
    /// The operating system has none.
    pub(super) fn new() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// Returns the digits.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Compares in constant time, whatever the number of equal characters.
    pub(super) fn is(&self, other: &str) -> bool {
        self.0.as_bytes().ct_eq(other.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_long_and_differ() {
        let (a, b) = (Token::new().unwrap(), Token::new().unwrap());
        assert_eq!(a.as_str().len(), 32);
        assert!(a.is(a.as_str()) && !a.is(b.as_str()) && !a.is("") && !a.is(&a.as_str()[..31]));
    }
}
