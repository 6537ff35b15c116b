//! Likely reasons for syntax errors in YAML.

use super::Position;

/// Number of lines that are checked for another language.
const LINES: usize = 200;

/// Returns the likely reason for a syntax error at this position, or `None`.
pub fn hint(text: &str, at: Position) -> Option<&'static str> {
    let line = text.lines().nth(at.line.saturating_sub(1)).unwrap_or_default();
    // a plain scalar that continues on an indented line fails at its start
    let next = text.lines().nth(at.line).unwrap_or_default();
    if is_indented_by_tab(line) || is_indented_by_tab(next) {
        Some("tabs are not allowed for indentation; use spaces")
    } else if line.contains("${") {
        Some("quote a value with `${…}` inside `{…}` or `[…]`")
    } else if line.contains("{{") || line.contains("{%") {
        Some("is this an unrendered template?")
    } else if text.lines().take(LINES).any(is_toml) {
        Some("this looks like TOML: the configuration is YAML, with `key: value`")
    } else if line.contains(" //") || text.lines().take(LINES).any(is_comment_of_c) {
        Some("comments begin with `#`")
    } else if text.trim_start().starts_with('{') {
        Some("this looks like JSON: is a comma, a quote or a bracket missing?")
    } else {
        None
    }
}

fn is_comment_of_c(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("//") || line.starts_with("/*")
}

fn is_indented_by_tab(line: &str) -> bool {
    line.chars().take_while(|character| character.is_whitespace()).any(|character| character == '\t')
}

/// Returns true for `[table]` alone on a line, or `key = value`.
fn is_toml(line: &str) -> bool {
    let line = line.trim();
    let is_name = |name: &str| {
        !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
    };
    let table = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let table =
        table.map(|name| name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name));
    let key = line.split_once('=').map(|(key, _)| key.trim_end());
    table.or(key).is_some_and(is_name)
}
