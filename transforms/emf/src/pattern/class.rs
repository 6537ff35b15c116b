//! Sets of characters.

use alloc::vec::Vec;

/// A set of characters given by ranges, or its complement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Class {
    pub(crate) ranges: Vec<(char, char)>,
    pub(crate) negated: bool,
}

impl Class {
    pub(crate) fn contains(&self, c: char) -> bool {
        self.ranges.iter().any(|&(first, last)| (first..=last).contains(&c)) != self.negated
    }

    pub(crate) fn add(&mut self, first: char, last: char) {
        self.ranges.push((first, last));
    }

    /// Adds the characters of a named set, or of its complement.
    pub(crate) fn add_set(&mut self, set: &[(char, char)], negated: bool) {
        if !negated {
            self.ranges.extend_from_slice(set);
            return;
        }
        // The named sets are in ascending order and do not touch.
        let mut next = '\0';
        for &(first, last) in set {
            if next < first {
                self.add(next, before(first));
            }
            next = after(last);
        }
        self.add(next, char::MAX);
    }

    /// Adds the other case of every ASCII letter in the set.
    pub(crate) fn fold_case(&mut self) {
        for index in 0..self.ranges.len() {
            let (first, last) = self.ranges[index];
            fold(first, last, 'a', 'z', &mut self.ranges, |c| c.to_ascii_uppercase());
            fold(first, last, 'A', 'Z', &mut self.ranges, |c| c.to_ascii_lowercase());
        }
    }
}

fn fold(
    first: char,
    last: char,
    low: char,
    high: char,
    to: &mut Vec<(char, char)>,
    other: fn(&char) -> char,
) {
    let (first, last) = (first.max(low), last.min(high));
    if first <= last {
        to.push((other(&first), other(&last)));
    }
}

fn before(c: char) -> char {
    char::from_u32((c as u32).wrapping_sub(1)).unwrap_or('\0')
}

fn after(c: char) -> char {
    char::from_u32(c as u32 + 1).unwrap_or(char::MAX)
}

pub(crate) const DIGIT: &[(char, char)] = &[('0', '9')];
pub(crate) const WORD: &[(char, char)] = &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];
pub(crate) const SPACE: &[(char, char)] = &[('\t', '\n'), ('\x0c', '\r'), (' ', ' ')];

/// Returns the set of an escape letter (`\d`, `\W`, …) and `true` if the complement is meant.
pub(crate) fn perl(letter: char) -> Option<(&'static [(char, char)], bool)> {
    let set = match letter.to_ascii_lowercase() {
        'd' => DIGIT,
        'w' => WORD,
        's' => SPACE,
        _ => return None,
    };
    Some((set, letter.is_ascii_uppercase()))
}

/// Returns the set of a name in `[[:name:]]`.
pub(crate) fn posix(name: &str) -> Option<&'static [(char, char)]> {
    Some(match name {
        "alnum" => &[('0', '9'), ('A', 'Z'), ('a', 'z')],
        "alpha" => &[('A', 'Z'), ('a', 'z')],
        "ascii" => &[('\0', '\x7f')],
        "blank" => &[('\t', '\t'), (' ', ' ')],
        "cntrl" => &[('\0', '\x1f'), ('\x7f', '\x7f')],
        "digit" => DIGIT,
        "graph" => &[('!', '~')],
        "lower" => &[('a', 'z')],
        "print" => &[(' ', '~')],
        "punct" => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        "space" => &[('\t', '\r'), (' ', ' ')],
        "upper" => &[('A', 'Z')],
        "word" => WORD,
        "xdigit" => &[('0', '9'), ('A', 'F'), ('a', 'f')],
        _ => return None,
    })
}
