//! Compiler from a tree to a list of instructions.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::PatternError;
use super::class::Class;
use super::node::Node;

/// Maximum number of compile steps, which bounds the number of instructions. It counts steps because repetitions of nothing
/// emit no instructions.
const MAX_STEPS: usize = 20_000;

/// One instruction. Those that consume a character continue with the next instruction.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    Char(char),
    Any { newline: bool },
    Class(u32),
    Start { line: bool },
    End { line: bool },
    Word { boundary: bool },
    Jump(u32),
    Split(u32, u32),
    Match,
}

#[derive(Debug, Default)]
pub(super) struct Program {
    pub(super) ops: Vec<Op>,
    pub(super) classes: Vec<Class>,
    steps: usize,
}

impl Program {
    pub(super) fn new(node: &Node, anchored: bool) -> Result<Self, PatternError> {
        let mut program = Self::default();
        if anchored {
            program.push(Op::Start { line: false });
        }
        program.compile(node)?;
        if anchored {
            program.push(Op::End { line: false });
        }
        program.push(Op::Match);
        Ok(program)
    }

    fn compile(&mut self, node: &Node) -> Result<(), PatternError> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            let reason = "the expression is too large; reduce its repetitions".to_string();
            return Err(PatternError { offset: 0, reason });
        }
        match node {
            Node::Char(c) => self.push(Op::Char(*c)),
            Node::Any { newline } => self.push(Op::Any { newline: *newline }),
            Node::Class(class) => {
                let index = match self.classes.iter().position(|known| known == class) {
                    Some(index) => index,
                    None => {
                        self.classes.push(class.clone());
                        self.classes.len() - 1
                    }
                };
                self.push(Op::Class(index as u32));
            }
            Node::Start { line } => self.push(Op::Start { line: *line }),
            Node::End { line } => self.push(Op::End { line: *line }),
            Node::Word { boundary } => self.push(Op::Word { boundary: *boundary }),
            Node::Concat(parts) => {
                for part in parts {
                    self.compile(part)?;
                }
            }
            Node::Alternate(choices) => self.alternate(choices)?,
            Node::Repeat { node, min, max } => self.repeat(node, *min, *max)?,
        }
        Ok(())
    }

    fn alternate(&mut self, choices: &[Node]) -> Result<(), PatternError> {
        let mut exits = Vec::new();
        for (index, choice) in choices.iter().enumerate() {
            if index + 1 == choices.len() {
                self.compile(choice)?;
                break;
            }
            let split = self.here();
            self.push(Op::Split(split + 1, 0));
            self.compile(choice)?;
            exits.push(self.here());
            self.push(Op::Jump(0));
            self.ops[split as usize] = Op::Split(split + 1, self.here());
        }
        let end = self.here();
        for exit in exits {
            self.ops[exit as usize] = Op::Jump(end);
        }
        Ok(())
    }

    fn repeat(&mut self, node: &Node, min: u32, max: Option<u32>) -> Result<(), PatternError> {
        for _ in 0..min {
            self.compile(node)?;
        }
        let Some(max) = max else {
            let split = self.here();
            self.push(Op::Split(split + 1, 0));
            self.compile(node)?;
            self.push(Op::Jump(split));
            self.ops[split as usize] = Op::Split(split + 1, self.here());
            return Ok(());
        };
        let mut skips = Vec::new();
        for _ in min..max {
            skips.push(self.here());
            self.push(Op::Split(0, 0));
            self.compile(node)?;
        }
        let end = self.here();
        for skip in skips {
            self.ops[skip as usize] = Op::Split(skip + 1, end);
        }
        Ok(())
    }

    fn push(&mut self, op: Op) {
        self.ops.push(op);
    }

    fn here(&self) -> u32 {
        self.ops.len() as u32
    }
}
