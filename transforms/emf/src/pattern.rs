//! Regular expressions of declarations: does a name match, and nothing else.
//!
//! The syntax is that of Go's `regexp`, in which declarations of existing agents are written: no look-around, no
//! back-references, and time linear in the text whatever the expression. `\d`, `\w`, `\s`, `\b` and `(?i)` know ASCII
//! only; Unicode classes (`\p`) are refused. Greedy and lazy repetitions are the same here.
//!
//! Written here because no maintained engine builds without `std` and stays within the size of a component.

mod class;
mod node;
mod parse;
mod program;
mod run;

use alloc::string::String;

pub(crate) use node::Node;
pub(crate) use parse::parse;
use program::Program;

/// Why an expression cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PatternError {
    /// Byte offset in the expression.
    pub(crate) offset: usize,
    /// What is wrong there.
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
    /// When counted repetitions make it too large.
    pub(crate) fn new(node: &Node, anchored: bool) -> Result<Self, PatternError> {
        Ok(Self { program: Program::new(node, anchored)? })
    }

    /// Whether the expression matches somewhere in `text`, or all of it when anchored.
    pub(crate) fn is_match(&self, text: &str) -> bool {
        run::is_match(&self.program, text)
    }
}
