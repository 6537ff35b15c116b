//! Builds the tree from the events of the parser, within bounds.
//!
//! Aliases are expanded, so a few lines can stand for gigabytes. Every value costs its text and a fixed amount, at each use
//! and once more if it has an anchor; the total cost is checked before anything is copied.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::{Data, Entry, Node, Position, SyntaxError, hint};

/// Maximum cost of all values of a document, bytes.
const MAX_BYTES: usize = 4 << 20;

/// Cost of a value besides its text, bytes; about the size of a node and its slot in a list or mapping.
const NODE_BYTES: usize = 64;

/// Cost of a control character, bytes: JSON writes it as six characters.
const CONTROL_BYTES: usize = 6;

/// Maximum nesting, so that recursive walks of the tree do not overflow the stack. Aliases count with their targets.
const MAX_DEPTH: usize = 64;

/// Parses one document. Returns `None` if it is empty or has only comments.
///
/// # Errors
/// If the text is not YAML, has more than one document, a duplicate key, a key that is not text, a tag, or a merge key, or
/// is nested too deep or too large.
pub fn parse(text: &str) -> Result<Option<Node>, SyntaxError> {
    let mut loader = Loader { events: Parser::new_from_str(text), anchors: HashMap::new(), bytes: 0 };
    loader.document().map_err(|mut error| {
        if let Some(hint) = hint(text, error.at) {
            error.message = format!("{}; {hint}", error.message);
        }
        error
    })
}

struct Loader<'a> {
    events: Parser<'a, saphyr_parser::StrInput<'a>>,
    anchors: HashMap<usize, Anchored>,
    /// Cost of the values so far, bytes.
    bytes: usize,
}

/// The value of an anchor.
struct Anchored {
    node: Node,
    bytes: usize,
    /// Number of levels, including its own.
    height: usize,
}

impl<'a> Loader<'a> {
    fn document(&mut self) -> Result<Option<Node>, SyntaxError> {
        let mut root = None;
        loop {
            let (event, at) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(root),
                Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
                event if root.is_none() => root = Some(self.node(event, at, 0)?),
                _ => return Err(error(at, "a second document: a configuration file has only one")),
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Position), SyntaxError> {
        match self.events.next_event() {
            Some(Ok((event, span))) => Ok((event, span.start.into())),
            Some(Err(e)) => Err(error((*e.marker()).into(), e.info())),
            None => Err(error(Position { line: 1, column: 1 }, "unexpected end of the document")),
        }
    }

    /// Adds the cost of a value before the value is kept.
    fn spend(&mut self, bytes: usize, at: Position) -> Result<(), SyntaxError> {
        self.bytes = self.bytes.saturating_add(bytes);
        match self.bytes > MAX_BYTES {
            false => Ok(()),
            true => Err(error(
                at,
                format!(
                    "document too large: over {} MiB, counting {NODE_BYTES} bytes for each value besides its \
                     text, with aliases expanded",
                    MAX_BYTES >> 20
                ),
            )),
        }
    }

    fn node(&mut self, event: Event<'a>, at: Position, depth: usize) -> Result<Node, SyntaxError> {
        check_depth(depth, at)?;
        let mut block = None;
        let (anchor, tag, data) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.spend(scalar_bytes(&text), at)?;
                // with an anchor, the parser reports the position of the anchor
                if style == ScalarStyle::Literal && anchor == 0 {
                    block = Some(block_start(&text, at));
                }
                let plain = style == ScalarStyle::Plain;
                (anchor, tag, Data::Scalar { text: text.into_owned(), plain })
            }
            Event::SequenceStart(anchor, tag) => {
                self.spend(NODE_BYTES, at)?;
                (anchor, tag, Data::Sequence(self.sequence(depth)?))
            }
            Event::MappingStart(anchor, tag) => {
                self.spend(NODE_BYTES, at)?;
                (anchor, tag, Data::Mapping(self.mapping(depth)?))
            }
            Event::Alias(id) => return self.alias(id, at, depth),
            _ => return Err(error(at, "unexpected end of the document")),
        };
        if let Some(tag) = tag {
            return Err(error(
                at,
                format!("unsupported tag {}{}: a configuration has no tags", tag.handle, tag.suffix),
            ));
        }
        let node = Node { at, block, data };
        if anchor != 0 {
            let (bytes, height) = measure(&node);
            self.spend(bytes, at)?;
            self.anchors.insert(anchor, Anchored { node: node.clone(), bytes, height });
        }
        Ok(node)
    }

    fn alias(&mut self, id: usize, at: Position, depth: usize) -> Result<Node, SyntaxError> {
        let known = self.anchors.get(&id).map(|known| (known.bytes, known.height));
        let inside = || error(at, "recursive alias: it is inside the value that it refers to");
        let (bytes, height) = known.ok_or_else(inside)?;
        check_depth(depth + height - 1, at)?;
        self.spend(bytes, at)?;
        self.anchors.get(&id).map(|known| known.node.clone()).ok_or_else(inside)
    }

    fn sequence(&mut self, depth: usize) -> Result<Vec<Node>, SyntaxError> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, at) => items.push(self.node(event, at, depth + 1)?),
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Vec<Entry>, SyntaxError> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let (event, at) = match self.next()? {
                (Event::MappingEnd, _) => break,
                (event, at) => (event, at),
            };
            let Data::Scalar { text: key, plain } = self.node(event, at, depth + 1)?.data else {
                return Err(error(at, "a key must be text, not a list or a mapping"));
            };
            if plain && key == "<<" {
                return Err(error(at, "merge keys are not supported: use anchors on values"));
            }
            let (event, value_at) = self.next()?;
            let value = self.node(event, value_at, depth + 1)?;
            entries.push(Entry { key, at, value });
        }
        distinct(&entries)?;
        Ok(entries)
    }
}

/// Returns an error for the first duplicate key. Sorts, because mappings can have tens of thousands of keys.
fn distinct(entries: &[Entry]) -> Result<(), SyntaxError> {
    let mut sorted: Vec<&Entry> = entries.iter().collect();
    sorted.sort_by(|left, right| left.key.cmp(&right.key));
    let twice = sorted.windows(2).filter_map(|pair| match pair {
        [first, second] if first.key == second.key => Some((first, second)),
        _ => None,
    });
    match twice.min_by_key(|(_, second)| second.at) {
        None => Ok(()),
        Some((first, second)) => {
            let message = format!("duplicate key `{}`, first defined in line {}", second.key, first.at.line);
            Err(error(second.at, message))
        }
    }
}

/// Returns the start of a block's text; the parser reports the position of its first non-blank line.
fn block_start(text: &str, first: Position) -> Position {
    let blank = text.len() - text.trim_start_matches('\n').len();
    Position { line: first.line.saturating_sub(blank), column: first.column }
}

fn check_depth(depth: usize, at: Position) -> Result<(), SyntaxError> {
    match depth > MAX_DEPTH {
        true => Err(error(at, format!("nested deeper than {MAX_DEPTH} levels"))),
        false => Ok(()),
    }
}

/// Returns the cost and height of a tree.
fn measure(node: &Node) -> (usize, usize) {
    let mut bytes = NODE_BYTES;
    let mut height = 0;
    let mut add = |node: &Node| {
        let (below, levels) = measure(node);
        bytes += below;
        height = height.max(levels);
    };
    match &node.data {
        Data::Scalar { text, .. } => bytes = scalar_bytes(text),
        Data::Sequence(items) => items.iter().for_each(add),
        Data::Mapping(entries) => {
            entries.iter().for_each(|entry| add(&entry.value));
            bytes += entries.iter().map(|entry| scalar_bytes(&entry.key)).sum::<usize>();
        }
    }
    (bytes, height + 1)
}

fn scalar_bytes(text: &str) -> usize {
    let control = text.bytes().filter(u8::is_ascii_control).count();
    NODE_BYTES + text.len() + control * (CONTROL_BYTES - 1)
}

fn error(at: Position, message: impl Into<String>) -> SyntaxError {
    SyntaxError { at, message: message.into() }
}
