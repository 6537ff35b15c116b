//! Error text from outside, prepared for messages of the agent.

use std::error::Error;

/// Maximum number of characters of foreign text in one message.
const SHOWN: usize = 240;

/// Joins the texts of an error and its causes with `: `, each text once, and shortens the result.
pub fn causes(error: &(dyn Error + 'static)) -> String {
    let mut all = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if !all.contains(&text) {
            if !all.is_empty() {
                all.push_str(": ");
            }
            all.push_str(&text);
        }
        next = error.source();
    }
    shortened(all)
}

/// Returns the first cause of type `E`. Also searches the inner error of an I/O error, which its `source` skips.
pub fn cause<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        next = match error.downcast_ref::<std::io::Error>() {
            Some(error) => error.get_ref().map(|inner| inner as _).or_else(|| error.source()),
            None => error.source(),
        };
    }
    None
}

/// Shortens foreign text to the length that a message shows, with an ellipsis at the end.
pub fn shortened(text: impl Into<String>) -> String {
    let mut text = text.into();
    if let Some((at, _)) = text.char_indices().nth(SHOWN) {
        text.truncate(at);
        text.push('…');
    }
    text
}
