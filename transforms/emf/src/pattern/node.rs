//! Syntax tree of an expression.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::class::Class;

/// A part of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    Char(char),
    /// `.`; with `newline` it also matches a line feed.
    Any {
        newline: bool,
    },
    Class(Class),
    /// `^` or `\A`; with `(?m)` also after each line feed.
    Start {
        line: bool,
    },
    /// `$` or `\z`; with `(?m)` also before each line feed.
    End {
        line: bool,
    },
    /// `\b` or `\B`.
    Word {
        boundary: bool,
    },
    Concat(Vec<Node>),
    Alternate(Vec<Node>),
    Repeat {
        node: Box<Node>,
        min: u32,
        max: Option<u32>,
    },
}

impl Node {
    /// Returns all texts that the expression matches as a whole, or `None` if there are more than `bound` or the expression
    /// has a part other than characters, sequences and alternatives.
    pub(crate) fn texts(&self, bound: usize) -> Option<Vec<String>> {
        let mut texts = alloc::vec![String::new()];
        self.extend_texts(&mut texts, bound).then_some(texts)
    }

    /// Appends every text of this part to every text so far; returns false if they cannot be enumerated.
    fn extend_texts(&self, texts: &mut Vec<String>, bound: usize) -> bool {
        match self {
            Node::Char(c) => {
                texts.iter_mut().for_each(|text| text.push(*c));
                true
            }
            Node::Concat(parts) => parts.iter().all(|part| part.extend_texts(texts, bound)),
            Node::Alternate(choices) => {
                let mut all = Vec::new();
                for choice in choices {
                    let mut extended = texts.clone();
                    if !choice.extend_texts(&mut extended, bound) || all.len() + extended.len() > bound {
                        return false;
                    }
                    all.append(&mut extended);
                }
                *texts = all;
                true
            }
            _ => false,
        }
    }

    /// Returns the expression without a leading `^` and a trailing `$` in each alternative. With `required`, returns `None`
    /// if an alternative lacks one of them.
    pub(crate) fn without_anchors(&self, required: bool) -> Option<Node> {
        match self {
            Node::Alternate(choices) => {
                let choices: Option<Vec<_>> =
                    choices.iter().map(|choice| choice.without_anchors(required)).collect();
                choices.map(Node::Alternate)
            }
            Node::Concat(parts) => {
                let mut parts = parts.as_slice();
                let mut anchors = 0;
                if let [Node::Start { line: false }, rest @ ..] = parts {
                    parts = rest;
                    anchors += 1;
                }
                if let [rest @ .., Node::End { line: false }] = parts {
                    parts = rest;
                    anchors += 1;
                }
                if required && anchors < 2 {
                    return None;
                }
                Some(Node::Concat(parts.to_vec()))
            }
            _ if required => None,
            node => Some(node.clone()),
        }
    }
}
