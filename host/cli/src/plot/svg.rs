//! A writer of SVG elements.

use std::fmt::{Display, Write as _};

/// SVG text, in which only [`Svg::text`] and attributes take foreign text: both escape it.
#[derive(Debug, Default)]
pub(super) struct Svg {
    text: String,
    open: Vec<&'static str>,
}

impl Svg {
    /// Begins an element.
    pub(super) fn begin(&mut self, name: &'static str, attributes: &[(&str, &dyn Display)]) {
        self.tag(name, attributes);
        self.text.push_str(">\n");
        self.open.push(name);
    }

    /// Ends the element that was begun last.
    pub(super) fn end(&mut self) {
        if let Some(name) = self.open.pop() {
            let _ = writeln!(self.text, "</{name}>");
        }
    }

    /// Writes an element without content.
    pub(super) fn empty(&mut self, name: &str, attributes: &[(&str, &dyn Display)]) {
        self.tag(name, attributes);
        self.text.push_str("/>\n");
    }

    /// Writes an element that contains text.
    pub(super) fn text(&mut self, name: &str, attributes: &[(&str, &dyn Display)], content: &str) {
        self.tag(name, attributes);
        let _ = writeln!(self.text, ">{}</{name}>", escaped(content));
    }

    /// Writes text of ours as it is.
    pub(super) fn raw(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn tag(&mut self, name: &str, attributes: &[(&str, &dyn Display)]) {
        let _ = write!(self.text, "<{name}");
        for (key, value) in attributes {
            let _ = write!(self.text, " {key}=\"{}\"", escaped(&value.to_string()));
        }
    }

    /// Ends all elements, and returns the text.
    pub(super) fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.end();
        }
        self.text
    }
}

/// Escapes the markup of XML. Characters that XML does not allow, and those that hide or reorder text, become visible.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in insightd::visible::line(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_escaped() {
        let mut svg = Svg::default();
        svg.begin("g", &[("id", &"a\"b")]);
        svg.text("text", &[], "</text><script>&\u{1}\u{202e}\u{ffff}");
        svg.begin("a", &[]);
        svg.empty("path", &[("d", &1.5)]);
        let text = svg.finish();
        let expected = "<g id=\"a&quot;b\">\n<text>&lt;/text&gt;&lt;script&gt;&amp;\\u{1}\\u{202e}\u{fffd}</text>\n\
                        <a>\n<path d=\"1.5\"/>\n</a>\n</g>\n";
        assert_eq!(text, expected);
    }
}
