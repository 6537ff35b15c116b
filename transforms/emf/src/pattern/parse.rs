//! Parser of expressions.

use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec::Vec;

use insights_sdk::json::integer_text;

use super::PatternError;
use super::class::{self, Class};
use super::node::Node;

/// Maximum depth of nested groups; bounds the recursion here and in everything that walks the tree.
const MAX_DEPTH: usize = 60;
/// Maximum count of a repetition, as in Go.
const MAX_REPEAT: u32 = 1000;

#[derive(Clone, Copy, Default)]
struct Flags {
    fold_case: bool,
    lines: bool,
    dot_newline: bool,
}

/// Parses an expression.
///
/// # Errors
/// Position and reason of the first error.
pub(crate) fn parse(text: &str) -> Result<Node, PatternError> {
    let mut parser = Parser { text, position: 0, flags: Flags::default(), depth: 0 };
    let node = parser.alternation()?;
    match parser.peek() {
        None => Ok(node),
        Some(_) => Err(parser.error("unmatched `)`")),
    }
}

struct Parser<'a> {
    text: &'a str,
    position: usize,
    flags: Flags,
    depth: usize,
}

impl Parser<'_> {
    fn alternation(&mut self) -> Result<Node, PatternError> {
        let mut choices = Vec::new();
        loop {
            choices.push(self.concatenation()?);
            if !self.take('|') {
                break;
            }
        }
        Ok(if choices.len() == 1 { choices.swap_remove(0) } else { Node::Alternate(choices) })
    }

    fn concatenation(&mut self) -> Result<Node, PatternError> {
        let mut parts = Vec::new();
        while let Some(c) = self.peek() {
            if c == '|' || c == ')' {
                break;
            }
            let Some(atom) = self.atom()? else { continue };
            parts.push(self.repeated(atom)?);
        }
        Ok(if parts.len() == 1 { parts.swap_remove(0) } else { Node::Concat(parts) })
    }

    /// Parses one atom; returns `None` for flags, which match nothing.
    fn atom(&mut self) -> Result<Option<Node>, PatternError> {
        let Some(c) = self.next() else { return Ok(None) };
        Ok(Some(match c {
            '.' => Node::Any { newline: self.flags.dot_newline },
            '^' => Node::Start { line: self.flags.lines },
            '$' => Node::End { line: self.flags.lines },
            '[' => self.class()?,
            '(' => return self.group(),
            '\\' => self.escape()?,
            '*' | '+' | '?' => return Err(self.error_back("nothing to repeat before this character")),
            c => self.literal(c),
        }))
    }

    fn literal(&self, c: char) -> Node {
        if !self.flags.fold_case || !c.is_ascii_alphabetic() {
            return Node::Char(c);
        }
        let (lower, upper) = (c.to_ascii_lowercase(), c.to_ascii_uppercase());
        Node::Class(Class { ranges: alloc::vec![(upper, upper), (lower, lower)], negated: false })
    }

    fn group(&mut self) -> Result<Option<Node>, PatternError> {
        let outer = self.flags;
        if self.take('?') {
            if self.take('P') || self.peek() == Some('<') {
                self.group_name()?;
            } else if !self.group_flags()? {
                return Ok(None);
            }
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error(
                &["groups are nested more than ", &integer_text(MAX_DEPTH as u64), " deep"].concat(),
            ));
        }
        let node = self.alternation()?;
        if !self.take(')') {
            return Err(self.error("a group is not closed with `)`"));
        }
        self.depth -= 1;
        self.flags = outer;
        Ok(Some(node))
    }

    fn group_name(&mut self) -> Result<(), PatternError> {
        if !self.take('<') || matches!(self.peek(), Some('=' | '!')) {
            return Err(self.error("look-behind and named references are not supported"));
        }
        while let Some(c) = self.next() {
            match c {
                '>' => return Ok(()),
                c if c.is_ascii_alphanumeric() || c == '_' => {}
                _ => break,
            }
        }
        Err(self.error("the name of a group is not closed with `>`"))
    }

    /// Parses flags after `(?`. Returns true if a group follows (`(?i:`), and false if they apply to the rest of the
    /// enclosing group (`(?i)`).
    fn group_flags(&mut self) -> Result<bool, PatternError> {
        let mut set = true;
        while let Some(c) = self.next() {
            match c {
                'i' => self.flags.fold_case = set,
                'm' => self.flags.lines = set,
                's' => self.flags.dot_newline = set,
                // Greedy and lazy repetitions match the same texts.
                'U' => {}
                '-' if set => set = false,
                ':' => return Ok(true),
                ')' => return Ok(false),
                '=' | '!' => return Err(self.error_back("look-ahead is not supported")),
                _ => return Err(self.error_back("unknown group flag")),
            }
        }
        Err(self.error("a group is not closed with `)`"))
    }

    fn repeated(&mut self, atom: Node) -> Result<Node, PatternError> {
        let Some((min, max)) = self.repetition()? else { return Ok(atom) };
        self.take('?');
        let before = self.position;
        if self.repetition()?.is_some() {
            self.position = before;
            return Err(self.error("a repetition cannot be repeated; put it in a group"));
        }
        Ok(Node::Repeat { node: Box::new(atom), min, max })
    }

    fn repetition(&mut self) -> Result<Option<(u32, Option<u32>)>, PatternError> {
        Ok(match self.peek() {
            Some('*') => self.advance((0, None)),
            Some('+') => self.advance((1, None)),
            Some('?') => self.advance((0, Some(1))),
            Some('{') => self.counted()?,
            _ => None,
        })
    }

    fn advance<T>(&mut self, value: T) -> Option<T> {
        self.next();
        Some(value)
    }

    /// Parses `{2}`, `{2,}` or `{2,5}`. A brace followed by anything else is an ordinary character.
    fn counted(&mut self) -> Result<Option<(u32, Option<u32>)>, PatternError> {
        let start = self.position;
        self.next();
        let range = self.number().and_then(|min| {
            let max = if self.take(',') {
                if self.peek() == Some('}') { None } else { Some(self.number()?) }
            } else {
                Some(min)
            };
            self.take('}').then_some((min, max))
        });
        let Some((min, max)) = range else {
            self.position = start;
            return Ok(None);
        };
        if min > MAX_REPEAT || max.is_some_and(|max| max > MAX_REPEAT) {
            return Err(self.error_at(
                start,
                &["a repetition count must not exceed ", &integer_text(u64::from(MAX_REPEAT))].concat(),
            ));
        }
        if max.is_some_and(|max| max < min) {
            return Err(self.error_at(start, "the minimum of the repetition exceeds its maximum"));
        }
        Ok(Some((min, max)))
    }

    fn number(&mut self) -> Option<u32> {
        let mut value = None;
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)) {
            self.next();
            value = Some(value.unwrap_or(0_u32).saturating_mul(10).saturating_add(digit));
        }
        value
    }

    fn escape(&mut self) -> Result<Node, PatternError> {
        let Some(c) = self.peek() else { return Err(self.error("the expression ends after a backslash")) };
        if let Some((set, negated)) = class::perl(c) {
            self.next();
            let mut class = Class::default();
            class.add_set(set, negated);
            return Ok(Node::Class(class));
        }
        let assertion = match c {
            'b' => Node::Word { boundary: true },
            'B' => Node::Word { boundary: false },
            'A' => Node::Start { line: false },
            'z' => Node::End { line: false },
            _ => return self.escaped_char().map(|c| self.literal(c)),
        };
        self.next();
        Ok(assertion)
    }

    /// Parses the character of an escape, after the backslash.
    fn escaped_char(&mut self) -> Result<char, PatternError> {
        let Some(c) = self.next() else { return Err(self.error("the expression ends after a backslash")) };
        Ok(match c {
            'a' => '\x07',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            'x' => return self.hexadecimal(),
            'p' | 'P' => return Err(self.error_back("Unicode classes are not supported")),
            '1'..='9' => return Err(self.error_back("back-references are not supported")),
            c if c.is_ascii_alphanumeric() => return Err(self.error_back("unknown escape")),
            c => c,
        })
    }

    fn hexadecimal(&mut self) -> Result<char, PatternError> {
        let start = self.position;
        let braced = self.take('{');
        let mut value = 0_u32;
        let mut digits = 0;
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(16)) {
            if digits == if braced { 8 } else { 2 } {
                break;
            }
            self.next();
            value = value.wrapping_shl(4) | digit;
            digits += 1;
        }
        let complete = if braced { digits > 0 && self.take('}') } else { digits == 2 };
        char::from_u32(value)
            .filter(|_| complete)
            .ok_or_else(|| self.error_at(start, "invalid character code"))
    }

    fn class(&mut self) -> Result<Node, PatternError> {
        let start = self.position - 1;
        let mut class = Class { negated: self.take('^'), ..Class::default() };
        let mut first = true;
        loop {
            let Some(c) = self.peek() else {
                return Err(self.error_at(start, "a class is not closed with `]`"));
            };
            if c == ']' && !first {
                self.next();
                break;
            }
            first = false;
            if c == '[' && self.posix_class(&mut class)? {
                continue;
            }
            if c == '\\'
                && let Some((set, negated)) =
                    self.text[self.position + 1..].chars().next().and_then(class::perl)
            {
                self.position += 2;
                class.add_set(set, negated);
                continue;
            }
            let low = self.class_char()?;
            let mut high = low;
            let rest = &self.text[self.position..];
            if rest.starts_with('-') && !rest.starts_with("-]") {
                self.next();
                high = self.class_char()?;
                if high < low {
                    return Err(self.error("the start of the range is after its end"));
                }
            }
            class.add(low, high);
        }
        if self.flags.fold_case {
            class.fold_case();
        }
        Ok(Node::Class(class))
    }

    fn class_char(&mut self) -> Result<char, PatternError> {
        match self.next() {
            Some('\\') => self.escaped_char(),
            Some(c) => Ok(c),
            None => Err(self.error("a class is not closed with `]`")),
        }
    }

    /// Parses `[:name:]` within a class; returns false if there is none.
    fn posix_class(&mut self, class: &mut Class) -> Result<bool, PatternError> {
        let rest = &self.text[self.position..];
        let Some(name) = rest.strip_prefix("[:").and_then(|rest| rest.split_once(":]")).map(|(name, _)| name)
        else {
            return Ok(false);
        };
        let negated = name.starts_with('^');
        let Some(set) = class::posix(name.trim_start_matches('^')) else {
            return Err(self.error("unknown class name"));
        };
        class.add_set(set, negated);
        self.position += name.len() + 4;
        Ok(true)
    }

    fn peek(&self) -> Option<char> {
        self.text[self.position..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.position += c.len_utf8();
        Some(c)
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.position += wanted.len_utf8();
        }
        found
    }

    fn error(&self, reason: &str) -> PatternError {
        self.error_at(self.position, reason)
    }

    /// Builds an error at the character just read.
    fn error_back(&self, reason: &str) -> PatternError {
        let last = self.text[..self.position].chars().next_back().map_or(0, char::len_utf8);
        self.error_at(self.position - last, reason)
    }

    fn error_at(&self, offset: usize, reason: &str) -> PatternError {
        PatternError { offset, reason: reason.to_string() }
    }
}
