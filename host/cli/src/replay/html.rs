//! The report of differences as a page: one file without references, for pull requests and mails.

use std::fmt::Write as _;

use insightd::visible;

/// Most bytes of the lines of events; those beyond are counted.
const MAX_BYTES: usize = 8 << 20;

const STYLE: &str = "\
:root { color-scheme: light dark; --added: #1a7f37; --removed: #b3261e; --changed: #7a4f01; }
@media (prefers-color-scheme: dark) { :root { --added: #57c974; --removed: #ff9a92; --changed: #e6b450; } }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem; }
pre { font: 14px/1.45 ui-monospace, monospace; overflow-x: auto; white-space: pre; }
.added { color: var(--added); } .removed { color: var(--removed); } .changed { color: var(--changed); }
";

/// A page that is being written.
#[derive(Debug, Default)]
pub(super) struct Page {
    events: String,
    left_out: u64,
}

impl Page {
    /// Adds the lines of one event. Its first character says how it differs: `-`, `+` or `~`.
    pub(super) fn add(&mut self, text: &str) {
        if self.events.len() + text.len() > MAX_BYTES {
            self.left_out += 1;
            return;
        }
        let class = match text.chars().next() {
            Some('+') => "added",
            Some('-') => "removed",
            _ => "changed",
        };
        // The sign at the beginning says the same as the colour.
        let _ = write!(self.events, "<span class=\"{class}\">{}</span>", escaped(text));
    }

    /// Returns the page: a title, the summary as plain text, and the events.
    pub(super) fn finish(self, title: &str, summary: &str) -> String {
        let (title, summary) = (escaped(title), escaped(summary.trim()));
        let left_out = match self.left_out {
            0 => String::new(),
            count => format!("<p>{count} more events that differ are left out.</p>\n"),
        };
        let events = match self.events.is_empty() {
            true => "<p>No event differs.</p>\n".to_owned(),
            false => format!("<pre>{}</pre>\n{left_out}", self.events),
        };
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
             <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n<h2>Summary</h2>\n<pre>{summary}</pre>\n\
             <h2>Events that differ</h2>\n<p>- only in A, + only in B, ~ in both with other values</p>\n{events}</main>\n</body>\n</html>\n"
        )
    }
}

/// Escapes hidden characters and the characters of HTML.
fn escaped(text: &str) -> String {
    let text = visible::lines(text, visible::Style::Text);
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_marked_and_escaped() {
        let mut page = Page::default();
        page.add("- 1 Pod=a\n");
        page.add("+ 1 Pod=<b>\n");
        page.add("~ 1 Pod=c\n    cpu: 1 -> 2 (+100.0 %)\u{202e}\n");
        let text = page.finish("A & B", "3 events");
        assert!(text.contains("<title>A &amp; B</title>") && text.contains("<pre>3 events</pre>"), "{text}");
        assert!(text.contains(
            "<span class=\"removed\">- 1 Pod=a\n</span><span class=\"added\">+ 1 Pod=&lt;b&gt;\n</span>"
        ));
        assert!(
            text.contains(
                "<span class=\"changed\">~ 1 Pod=c\n    cpu: 1 -&gt; 2 (+100.0 %)\\u{202e}\n</span>"
            )
        );
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let mut page = Page::default();
        page.add(&format!("- {}\n", "x".repeat(MAX_BYTES - 100)));
        page.add(&format!("- {}\n", "y".repeat(200)));
        page.add("- z\n");
        let text = page.finish("t", "s");
        assert!(text.contains("1 more events that differ are left out") && text.contains("- z\n"));
        assert!(Page::default().finish("t", "s").contains("No event differs."));
    }
}
