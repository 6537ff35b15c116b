//! Names of log groups and streams that CloudWatch Logs accepts (`CreateLogGroup`, `CreateLogStream` in the service's API
//! reference), and the nearest accepted name for any other.
//!
//! | name | accepted |
//! |---|---|
//! | group | 1 to 512 of `A-Z a-z 0-9 . - _ / #`, not beginning with `aws/` |
//! | stream | 1 to 512 characters except `:`, `*` and control characters |
//!
//! The service documents no rule for control characters in stream names. They are rejected here, because names appear in
//! logs and a NUL separates the two names in the key of a block.

use std::borrow::Cow;

use super::limits::MAX_NAME_CHARACTERS;

/// Replacement for characters that a name must not contain.
const REPLACEMENT: char = '_';

/// Prefix of group names that the service reserves.
const RESERVED_PREFIX: &str = "aws/";

/// Number of hexadecimal digits that distinguish truncated names.
const HASH_DIGITS: usize = 16;

/// A name that the service rejects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The name is empty.
    #[error("is empty")]
    Empty,
    /// The name is longer than the service accepts; holds its length in characters.
    #[error("has {0} characters; CloudWatch Logs accepts at most {MAX_NAME_CHARACTERS}")]
    TooLong(usize),
    /// The name contains a character that group names must not contain.
    #[error("contains the character {0:?}; expected only ASCII letters, digits, `.`, `-`, `_`, `/` and `#`")]
    GroupCharacter(char),
    /// The name has a prefix that the service reserves.
    #[error("begins with `aws/`, which CloudWatch Logs reserves; use `/aws/`")]
    Reserved,
    /// The name contains a character that stream names must not contain.
    #[error("contains the character {0:?}; log stream names must not contain `:`, `*` or control characters")]
    StreamCharacter(char),
}

/// Validates the name of a log group.
///
/// # Errors
/// The service rejects the name.
pub fn validate_group(name: &str) -> Result<(), NameError> {
    if let Some(wrong) = name.chars().find(|&character| !is_group_character(character)) {
        return Err(NameError::GroupCharacter(wrong));
    }
    if name.starts_with(RESERVED_PREFIX) {
        return Err(NameError::Reserved);
    }
    validate_length(name)
}

/// Validates the name of a log stream.
///
/// # Errors
/// The service rejects the name.
pub(crate) fn validate_stream(name: &str) -> Result<(), NameError> {
    match name.chars().find(|&character| !is_stream_character(character)) {
        Some(wrong) => Err(NameError::StreamCharacter(wrong)),
        None => validate_length(name),
    }
}

/// Returns the name unchanged if the service accepts it. Otherwise `_` replaces each rejected character and the slash of a
/// leading `aws/`; a name that is too long is truncated and ends in a hash of the whole. An empty name stays empty.
///
/// Names that differ only in replaced characters become identical.
pub fn sanitize_group(name: &str) -> Cow<'_, str> {
    if name.is_empty() || validate_group(name).is_ok() {
        return Cow::Borrowed(name);
    }
    let mut clean = replaced(name, is_group_character);
    if clean.starts_with(RESERVED_PREFIX) {
        clean.replace_range(RESERVED_PREFIX.len() - 1..RESERVED_PREFIX.len(), "_");
    }
    Cow::Owned(cut(clean, name))
}

/// Returns the name unchanged if the service accepts it; see [`sanitize_group`] for other names.
pub fn sanitize_stream(name: &str) -> Cow<'_, str> {
    if name.is_empty() || validate_stream(name).is_ok() {
        return Cow::Borrowed(name);
    }
    Cow::Owned(cut(replaced(name, is_stream_character), name))
}

fn is_group_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '.' | '-' | '_' | '/' | '#')
}

fn is_stream_character(character: char) -> bool {
    !matches!(character, ':' | '*') && !character.is_control()
}

fn validate_length(name: &str) -> Result<(), NameError> {
    match name.chars().count() {
        0 => Err(NameError::Empty),
        count if count > MAX_NAME_CHARACTERS => Err(NameError::TooLong(count)),
        _ => Ok(()),
    }
}

fn replaced(name: &str, is_accepted: fn(char) -> bool) -> String {
    name.chars().map(|character| if is_accepted(character) { character } else { REPLACEMENT }).collect()
}

/// Truncates `clean` to the service's length. Hashes the original name, so that names with a common prefix stay distinct.
fn cut(clean: String, original: &str) -> String {
    if clean.chars().count() <= MAX_NAME_CHARACTERS {
        return clean;
    }
    let kept: String = clean.chars().take(MAX_NAME_CHARACTERS - HASH_DIGITS - 1).collect();
    format!("{kept}-{:0HASH_DIGITS$x}", fnv1a(original.as_bytes()))
}

/// Returns the 64-bit FNV-1a hash, which is the same in every release, so that a name keeps its destination.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn validation_follows_the_api_reference() {
        for group in
            ["/aws/containerinsights/prod/performance", "a", "A.b-c_d/e#9", "/aws/x", "awsome/x", "AWS/x"]
        {
            assert_eq!(validate_group(group), Ok(()), "{group}");
            assert_eq!(sanitize_group(group), group);
        }
        for (group, error) in [
            ("", NameError::Empty),
            ("aws/demo/performance", NameError::Reserved),
            ("/my group/x", NameError::GroupCharacter(' ')),
            ("arn:aws:eks", NameError::GroupCharacter(':')),
            ("/x/{{name}}", NameError::GroupCharacter('{')),
            ("/x/prod\n", NameError::GroupCharacter('\n')),
            ("/x/größe", NameError::GroupCharacter('ö')),
        ] {
            assert_eq!(validate_group(group), Err(error), "{group}");
        }
        assert_eq!(validate_group(&"g".repeat(512)), Ok(()));
        assert_eq!(validate_group(&"g".repeat(513)), Err(NameError::TooLong(513)));

        for stream in ["node-1", "ip-10-0-0-1.ec2.internal", "größe/x #1 {a}", "[$LATEST]"] {
            assert_eq!(validate_stream(stream), Ok(()), "{stream}");
            assert_eq!(sanitize_stream(stream), stream);
        }
        assert_eq!(validate_stream(""), Err(NameError::Empty));
        assert_eq!(validate_stream("prod:n"), Err(NameError::StreamCharacter(':')));
        assert_eq!(validate_stream("all-*"), Err(NameError::StreamCharacter('*')));
        assert_eq!(validate_stream("a\0b"), Err(NameError::StreamCharacter('\0')));
        // Characters are counted, not bytes.
        assert_eq!(validate_stream(&"ö".repeat(512)), Ok(()));
        assert_eq!(validate_stream(&"ö".repeat(513)), Err(NameError::TooLong(513)));
    }

    #[test]
    fn rejected_characters_are_replaced() {
        assert_eq!(
            sanitize_group("/aws/x/aws:111122223333:us-west-2:demo/p"),
            "/aws/x/aws_111122223333_us-west-2_demo/p"
        );
        assert_eq!(sanitize_group("aws/demo"), "aws_demo");
        assert_eq!(sanitize_group("/my group/{{c}}\n"), "/my_group/__c___");
        assert_eq!(sanitize_stream("prod:all-*-n\r\n"), "prod_all-_-n__");
        assert_eq!((sanitize_group(""), sanitize_stream("")), ("".into(), "".into()));
    }

    #[test]
    fn long_names_with_a_common_prefix_stay_distinct() {
        let long = "c".repeat(600);
        let (one, other) =
            (sanitize_group(&long).into_owned(), sanitize_group(&format!("{long}/2")).into_owned());
        assert_eq!((one.len(), other.len()), (512, 512));
        assert_ne!(one, other);
        assert_eq!(one[..495], long[..495]);
        // The same in every release: FNV-1a of 600 times `c`, computed independently.
        assert_eq!(&one[495..], "-9c3adb454cff2e5d");
    }

    proptest! {
        #[test]
        fn every_sanitized_name_is_valid(name in "\\PC{1,40}|[ -~\n\0]{1,40}|[a-z:ö]{500,700}|aws/.{0,9}") {
            prop_assert_eq!(validate_group(&sanitize_group(&name)), Ok(()));
            prop_assert_eq!(validate_stream(&sanitize_stream(&name)), Ok(()));
        }
    }
}
