//! The lines of a watch, out of pieces of any size.

/// As for the objects of a list, with what is around them.
const LINE_BYTES: usize = 17 << 20;

/// What stays allocated between lines.
const KEPT_BYTES: usize = 64 * 1024;

/// A line is longer than any event can be.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event has more than {} MiB", LINE_BYTES >> 20)]
pub(super) struct LongLine;

#[derive(Default)]
pub(super) struct Lines {
    begun: Vec<u8>,
}

impl Lines {
    /// Calls `each` with every line that is complete with these bytes, until it breaks. A last line without its end is
    /// half an event, and never shown.
    pub(super) fn push<B>(
        &mut self,
        bytes: &[u8],
        each: &mut dyn FnMut(&[u8]) -> std::ops::ControlFlow<B>,
    ) -> Result<std::ops::ControlFlow<B>, LongLine> {
        use std::ops::ControlFlow;

        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            let (line, after) = (&rest[..end], &rest[end + 1..]);
            let flow = if self.begun.is_empty() {
                call(line, each)
            } else {
                self.begun.extend(line);
                let flow = call(&self.begun, each);
                self.begun.clear();
                self.begun.shrink_to(KEPT_BYTES);
                flow
            };
            if flow.is_break() {
                return Ok(flow);
            }
            rest = after;
        }
        if self.begun.len() + rest.len() > LINE_BYTES {
            return Err(LongLine);
        }
        self.begun.extend(rest);
        Ok(ControlFlow::Continue(()))
    }
}

fn call<B>(line: &[u8], each: &mut dyn FnMut(&[u8]) -> std::ops::ControlFlow<B>) -> std::ops::ControlFlow<B> {
    match line.trim_ascii() {
        [] => std::ops::ControlFlow::Continue(()),
        line => each(line),
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;

    fn read(size: usize) -> Vec<String> {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        for piece in b"one\r\n\ntwo\nthree\nhalf".chunks(size) {
            let flow: ControlFlow<()> = lines
                .push(piece, &mut |line| {
                    found.push(String::from_utf8_lossy(line).into_owned());
                    ControlFlow::Continue(())
                })
                .unwrap();
            assert!(flow.is_continue());
        }
        found
    }

    #[test]
    fn lines_in_pieces() {
        for size in 1..30 {
            assert_eq!(read(size), ["one", "two", "three"], "pieces of {size}");
        }
    }

    #[test]
    fn a_break_ends_it() {
        let mut seen = 0;
        let flow = Lines::default().push(b"a\nb\nc\n", &mut |line| {
            seen += 1;
            if line == b"b" { ControlFlow::Break("enough") } else { ControlFlow::Continue(()) }
        });
        assert_eq!((flow, seen), (Ok(ControlFlow::Break("enough")), 2));
    }

    #[test]
    fn one_line_is_bounded() {
        let (mut lines, piece) = (Lines::default(), vec![b'x'; 1 << 20]);
        let error = (0..20).find_map(|_| lines.push(&piece, &mut |_| ControlFlow::<()>::Continue(())).err());
        assert_eq!(error, Some(LongLine));
    }
}
