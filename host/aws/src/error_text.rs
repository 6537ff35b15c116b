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

/// Shortens foreign text to the length that a message shows, with an ellipsis at the end.
pub fn shortened(text: impl Into<String>) -> String {
    let mut text = text.into();
    if let Some((at, _)) = text.char_indices().nth(SHOWN) {
        text.truncate(at);
        text.push('…');
    }
    text
}
