//! Values of environment variables, which may be secrets and which messages therefore do not show.

use std::cell::RefCell;
use std::collections::BTreeMap;

use insightd_yaml::Position;

/// Characters around values in messages.
const QUOTES: [char; 2] = ['`', '"'];

/// Shortest value that is looked for outside of quotes, bytes: shorter ones occur in words by chance.
const MIN_BYTES: usize = 4;

/// Values that come from environment variables, with the texts of the file in their place, by position.
#[derive(Default)]
pub(super) struct Hidden(RefCell<BTreeMap<Position, (String, String)>>);

impl Hidden {
    /// Adds a value, and the text of the file that stands for it.
    pub(super) fn add(&self, at: Position, value: &str, written: &str) {
        self.0.borrow_mut().insert(at, (value.into(), written.into()));
    }

    /// Returns a message about the value at a position, with the text of the file in place of a hidden value.
    pub(super) fn filter(&self, at: Option<Position>, message: String) -> String {
        match at.and_then(|at| self.0.borrow().get(&at).cloned()) {
            Some((value, written)) => without_value(&message, &value, &written),
            None => message,
        }
    }
}

/// Returns a message with `written` in place of the value and of every quoted part of it.
fn without_value(message: &str, value: &str, written: &str) -> String {
    let is_plain = |c: char| !c.is_control() && c.is_ascii() && !QUOTES.contains(&c) && c != '\\';
    // Quoted parts of other values could not be told apart from the message.
    if !value.chars().all(is_plain) {
        return format!("invalid value of `{written}`");
    }
    let message = match value.len() >= MIN_BYTES {
        true => message.replace(value, written),
        false => message.to_owned(),
    };
    let parts = message.split_inclusive(QUOTES).enumerate().map(|(index, part)| {
        let quoted = part.strip_suffix(QUOTES).filter(|_| index % 2 == 1);
        match quoted.filter(|quoted| !quoted.is_empty() && value.contains(quoted)) {
            Some(quoted) => format!("{written}{}", &part[quoted.len()..]),
            None => part.to_owned(),
        }
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_replaced_where_messages_show_them() {
        for (message, value, shown) in [
            ("invalid duration `hunter22`: expected …", "hunter22", "invalid duration `${A}`: expected …"),
            ("hunter22 is written by `x`…", "hunter22", "${A} is written by `x`…"),
            (
                "invalid level `bug`; did you mean debug?",
                "info,bug",
                "invalid level `${A}`; did you mean debug?",
            ),
            ("invalid name \"b\": it is a `b c`", "b", "invalid name \"${A}\": it is a `b c`"),
            ("must be from 1m to 24h", "1m", "must be from 1m to 24h"),
            ("invalid name \"a\\nb\"", "a\nb", "invalid value of `${A}`"),
            ("found `a`b`", "a`b", "invalid value of `${A}`"),
        ] {
            assert_eq!(without_value(message, value, "${A}"), shown);
        }
    }
}
