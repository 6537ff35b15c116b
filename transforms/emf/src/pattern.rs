//! Regular expressions of declarations; they only decide if a name matches.
//!
//! The syntax is that of Go's `regexp`, in which declarations of existing agents are written: no look-around, no
//! back-references, and time linear in the text for any expression. `\d`, `\w`, `\s`, `\b` and `(?i)` cover ASCII only;
//! Unicode classes (`\p`) are rejected. Greedy and lazy repetitions are equivalent here.
//!
//! No maintained engine builds without `std` and stays within the size of a component.

mod class;
mod node;
mod parse;
mod program;
mod run;

use alloc::string::String;

pub(crate) use node::Node;
pub(crate) use parse::parse;
use program::Program;

/// An error in an expression.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PatternError {
    /// Byte offset in the expression.
    pub(crate) offset: usize,
    /// Error text.
    pub(crate) reason: String,
}

/// A compiled expression.
#[derive(Debug)]
pub(crate) struct Pattern {
    program: Program,
}

impl Pattern {
    /// Compiles a parsed expression. With `anchored` the whole text has to match.
    ///
    /// # Errors
    /// If counted repetitions make it too large.
    pub(crate) fn new(node: &Node, anchored: bool) -> Result<Self, PatternError> {
        Ok(Self { program: Program::new(node, anchored)? })
    }

    /// Returns true if the expression matches somewhere in `text`, or all of it if anchored.
    pub(crate) fn is_match(&self, text: &str) -> bool {
        run::is_match(&self.program, text)
    }
}
