//! Expressions of declarations, in the cheapest form that does the same.
//!
//! Most are names, or a group of names in `^(a|b)$`: these become texts that are looked up. Instances live for one call, so
//! whatever is not compiled is gained on every tick.

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use crate::pattern::{Node, Pattern, PatternError, parse};

/// More texts than this stay an expression.
const MAX_TEXTS: usize = 256;

/// What a text is tested with.
#[derive(Debug)]
pub(crate) enum Selector {
    /// Equals one of these.
    Texts(Vec<String>),
    /// Holds one of these.
    Contains(Vec<String>),
    /// Begins with one of these; no line feed follows, which `.` does not match.
    Prefix(Vec<String>),
    Pattern(Pattern),
}

impl Selector {
    /// With `anchored` the expression has to match the whole text, otherwise any part of it.
    ///
    /// # Errors
    /// What is wrong with the expression.
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

/// The standard library's search is faster in long texts, and larger than all of this file. Names are short.
fn contains(text: &[u8], part: &[u8]) -> bool {
    part.is_empty() || text.windows(part.len()).any(|window| window == part)
}

/// The texts before a `.*` that ends the expression.
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
