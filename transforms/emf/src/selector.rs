//! Expressions of declarations, in the cheapest equivalent form.
//!
//! Most are names, or a group of names in `^(a|b)$`: these become texts to look up. Instances live for one call, so every
//! avoided compilation saves time on every tick.

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use crate::pattern::{Node, Pattern, PatternError, parse};

/// Maximum number of texts; an expression with more stays a pattern.
const MAX_TEXTS: usize = 256;

/// Test of a text.
#[derive(Debug)]
pub(crate) enum Selector {
    /// Matches a text equal to one of these.
    Texts(Vec<String>),
    /// Matches a text that contains one of these.
    Contains(Vec<String>),
    /// Matches a text that begins with one of these and has no line feed after it, which `.` does not match.
    Prefix(Vec<String>),
    Pattern(Pattern),
}

impl Selector {
    /// Parses an expression. With `anchored` it has to match the whole text, otherwise any part of it.
    ///
    /// # Errors
    /// If the expression is invalid or too large.
    pub(crate) fn new(text: &str, anchored: bool) -> Result<Self, PatternError> {
        if anchored && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Ok(Self::Texts(vec![text.to_string()]));
        }
        let node = parse(text)?;
        if let Some(inner) = node.without_anchors(!anchored) {
            if let Some(texts) = inner.texts(MAX_TEXTS) {
                return Ok(Self::Texts(texts));
            }
            if let Some(prefixes) = prefixes(&inner) {
                return Ok(Self::Prefix(prefixes));
            }
        }
        match node.texts(MAX_TEXTS) {
            Some(texts) if !anchored => Ok(Self::Contains(texts)),
            _ => Pattern::new(&node, anchored).map(Self::Pattern),
        }
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Texts(texts) => texts.iter().any(|wanted| wanted == text),
            Self::Contains(texts) => texts.iter().any(|part| contains(text.as_bytes(), part.as_bytes())),
            Self::Prefix(texts) => texts
                .iter()
                .any(|prefix| text.strip_prefix(prefix.as_str()).is_some_and(|rest| !rest.contains('\n'))),
            Self::Pattern(pattern) => pattern.is_match(text),
        }
    }
}

/// Returns true if `text` contains `part`. The standard library's search is faster for long texts, but larger than this
/// whole file, and names are short.
fn contains(text: &[u8], part: &[u8]) -> bool {
    part.is_empty() || text.windows(part.len()).any(|window| window == part)
}

/// Returns the texts before a `.*` that ends the expression, or `None` if it has another form.
fn prefixes(node: &Node) -> Option<Vec<String>> {
    let parts = match node {
        Node::Concat(parts) => parts.as_slice(),
        node => core::slice::from_ref(node),
    };
    let [before @ .., Node::Repeat { node: any, min: 0, max: None }] = parts else { return None };
    if **any != (Node::Any { newline: false }) {
        return None;
    }
    Node::Concat(before.to_vec()).texts(MAX_TEXTS)
}
