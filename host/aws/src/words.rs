//! Foreign words in our messages.

use std::error::Error;

/// Characters of foreign text that one message shows.
const SHOWN: usize = 240;

/// The texts of an error and of what caused it, each once; without what differs from one request to the next.
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

/// What a service said, as much of it as a message shows.
pub fn shortened(text: impl Into<String>) -> String {
    let mut text = text.into();
    if let Some((at, _)) = text.char_indices().nth(SHOWN) {
        text.truncate(at);
        text.push('…');
    }
    text
}
