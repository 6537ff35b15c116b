//! Matching of a program against a text. All possible states run in parallel, so time is at most states times characters.

use alloc::vec;
use alloc::vec::Vec;

use super::program::{Op, Program};

/// A set of program states; cleared in constant time.
struct States {
    dense: Vec<u32>,
    sparse: Vec<u32>,
}

impl States {
    fn new(count: usize) -> Self {
        Self { dense: Vec::with_capacity(count), sparse: vec![0; count] }
    }

    fn insert(&mut self, state: u32) -> bool {
        let at = self.sparse[state as usize] as usize;
        if self.dense.get(at) == Some(&state) {
            return false;
        }
        self.sparse[state as usize] = self.dense.len() as u32;
        self.dense.push(state);
        true
    }
}

/// The characters around a position in the text.
#[derive(Clone, Copy)]
struct Place {
    before: Option<char>,
    after: Option<char>,
}

impl Place {
    fn holds(self, op: Op) -> bool {
        let is_word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
        match op {
            Op::Start { line } => self.before.is_none() || line && self.before == Some('\n'),
            Op::End { line } => self.after.is_none() || line && self.after == Some('\n'),
            Op::Word { boundary } => (is_word(self.before) != is_word(self.after)) == boundary,
            _ => true,
        }
    }
}

pub(super) fn is_match(program: &Program, text: &str) -> bool {
    let count = program.ops.len();
    let (mut now, mut next) = (States::new(count), States::new(count));
    let mut pending = Vec::new();
    let mut before = None;
    let mut rest = text.chars();
    loop {
        let mut ahead = rest.clone();
        let after = ahead.next();
        // A match may begin at every position.
        if follow(program, 0, Place { before, after }, &mut now, &mut pending) {
            return true;
        }
        let Some(c) = after else { return false };
        rest = ahead;
        let place = Place { before: after, after: rest.clone().next() };
        next.dense.clear();
        for &state in &now.dense {
            let taken = match program.ops[state as usize] {
                Op::Char(wanted) => wanted == c,
                Op::Any { newline } => newline || c != '\n',
                Op::Class(class) => program.classes[class as usize].contains(c),
                _ => false,
            };
            if taken && follow(program, state + 1, place, &mut next, &mut pending) {
                return true;
            }
        }
        core::mem::swap(&mut now, &mut next);
        before = Some(c);
    }
}

/// Adds a state and all states reachable from it without a character. Returns true if the program has matched.
fn follow(program: &Program, state: u32, place: Place, states: &mut States, pending: &mut Vec<u32>) -> bool {
    pending.push(state);
    while let Some(state) = pending.pop() {
        if !states.insert(state) {
            continue;
        }
        match program.ops[state as usize] {
            Op::Match => {
                pending.clear();
                return true;
            }
            Op::Jump(to) => pending.push(to),
            Op::Split(first, second) => pending.extend([first, second]),
            op @ (Op::Start { .. } | Op::End { .. } | Op::Word { .. }) if place.holds(op) => {
                pending.push(state + 1)
            }
            _ => {}
        }
    }
    false
}
