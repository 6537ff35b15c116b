//! Splits a watch that arrives in pieces of any size into lines.

use std::ops::ControlFlow;

use super::RETAINED_BYTES;
use super::split::MAX_ELEMENT_BYTES;

/// Longest line that is held in bytes: a line is one object with a small envelope.
const MAX_LINE_BYTES: usize = MAX_ELEMENT_BYTES;

/// Longest line that is skipped in bytes. A longer one cannot be an event.
const MAX_SKIPPED_BYTES: usize = 64 << 20;

/// A line of a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line<'l> {
    /// The whole line, without its end.
    Whole(&'l [u8]),
    /// The line is longer than [`MAX_LINE_BYTES`]; only this line is lost. Reported when the bound is reached, before the line
    /// has ended.
    TooLong,
}

/// A line does not end.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a watch event exceeds {} MiB", MAX_SKIPPED_BYTES >> 20)]
pub(crate) struct Endless;

/// The splitter; holds the beginning of at most one line.
#[derive(Default)]
pub(crate) struct Lines {
    begun: Vec<u8>,
    /// Number of bytes of the line that is being skipped.
    skipped: usize,
}

impl Lines {
    /// Calls `each` with every line that these bytes complete, until it breaks. A last line without its end is an
    /// incomplete event, and is never reported.
    pub(crate) fn push<B>(
        &mut self,
        bytes: &[u8],
        each: &mut dyn FnMut(Line<'_>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>, Endless> {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            let (line, after) = (&rest[..end], &rest[end + 1..]);
            let flow = self.complete(line, each);
            if flow.is_break() {
                return Ok(flow);
            }
            rest = after;
        }
        if self.skipped == 0 && self.begun.len() + rest.len() > MAX_LINE_BYTES {
            self.skipped = self.begun.len();
            self.begun = Vec::new();
            let flow = each(Line::TooLong);
            if flow.is_break() {
                return Ok(flow);
            }
        }
        if self.skipped > 0 {
            self.skipped += rest.len();
            return if self.skipped > MAX_SKIPPED_BYTES {
                Err(Endless)
            } else {
                Ok(ControlFlow::Continue(()))
            };
        }
        self.begun.extend(rest);
        Ok(ControlFlow::Continue(()))
    }

    /// Completes a line with its last bytes, `end`.
    fn complete<B>(
        &mut self,
        end: &[u8],
        each: &mut dyn FnMut(Line<'_>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        if self.skipped > 0 {
            self.skipped = 0;
            return ControlFlow::Continue(());
        }
        if self.begun.len() + end.len() > MAX_LINE_BYTES {
            self.begun = Vec::new();
            return each(Line::TooLong);
        }
        if self.begun.is_empty() {
            return call(end, each);
        }
        self.begun.extend(end);
        let flow = call(&self.begun, each);
        self.begun.clear();
        self.begun.shrink_to(RETAINED_BYTES);
        flow
    }
}

fn call<B>(line: &[u8], each: &mut dyn FnMut(Line<'_>) -> ControlFlow<B>) -> ControlFlow<B> {
    match line.trim_ascii() {
        [] => ControlFlow::Continue(()),
        line => each(Line::Whole(line)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(line: Line<'_>) -> String {
        match line {
            Line::Whole(line) => String::from_utf8_lossy(line).into_owned(),
            Line::TooLong => "TOO LONG".into(),
        }
    }

    fn read(bytes: &[u8], size: usize) -> Vec<String> {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        for piece in bytes.chunks(size) {
            let flow: ControlFlow<()> = lines
                .push(piece, &mut |line| {
                    found.push(text(line));
                    ControlFlow::Continue(())
                })
                .unwrap();
            assert!(flow.is_continue());
        }
        found
    }

    #[test]
    fn lines_are_joined_from_pieces() {
        for size in 1..30 {
            let found = read(b"one\r\n\ntwo\nthree\nhalf", size);
            assert_eq!(found, ["one", "two", "three"], "pieces of {size}");
        }
    }

    #[test]
    fn a_break_ends_the_push() {
        let mut seen = 0;
        let flow = Lines::default().push(b"a\nb\nc\n", &mut |line| {
            seen += 1;
            if line == Line::Whole(b"b") { ControlFlow::Break("enough") } else { ControlFlow::Continue(()) }
        });
        assert_eq!((flow, seen), (Ok(ControlFlow::Break("enough")), 2));
    }

    #[test]
    fn only_the_line_that_is_too_long_is_skipped() {
        let bytes = [b"a\n", vec![b'x'; MAX_LINE_BYTES + 1].as_slice(), b"\nb\n"].concat();
        for size in [1 << 20, 65_537, bytes.len()] {
            assert_eq!(read(&bytes, size), ["a", "TOO LONG", "b"], "pieces of {size}");
        }
        let just = [vec![b'x'; MAX_LINE_BYTES].as_slice(), b"\nb\n"].concat();
        assert_eq!(read(&just, 65_536)[1], "b");
    }

    #[test]
    fn an_endless_line_is_an_error_and_never_buffered() {
        let (mut lines, piece) = (Lines::default(), vec![b'x'; 1 << 20]);
        let error = (0..100).find_map(|_| {
            let error = lines.push(&piece, &mut |_| ControlFlow::<()>::Continue(())).err();
            assert!(lines.begun.capacity() <= 2 * MAX_LINE_BYTES);
            error
        });
        assert_eq!(error, Some(Endless));
    }
}
