//! Names for new crates: each is also a package, a Rust crate name, a file and a `file:NAME`.

/// Maximum length of a name.
const MAX_CHARS: usize = 64;

/// Names with a meaning in every Rust crate, or in one that depends on the SDK.
const TAKEN: &[&str] = &[
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "insights-batch",
    "insights-sdk",
    "insights_batch",
    "insights_sdk",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc-macro",
    "proc_macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
];

/// Checks the name of a new crate.
///
/// # Errors
/// Returns the error text if the name is invalid or reserved; it describes valid names.
pub(super) fn check(name: &str) -> Result<(), String> {
    let usable = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    let first = name.chars().next().is_some_and(|c| c.is_ascii_lowercase());
    if !first || name.len() > MAX_CHARS || !name.chars().all(usable) {
        return Err(format!(
            "invalid component name `{name}`: expected a lower case letter, then up to {} lower case \
             letters, digits, `-` and `_`, such as `cost-labels`",
            MAX_CHARS - 1
        ));
    }
    if TAKEN.contains(&name) {
        return Err(format!(
            "`{name}` is reserved in Rust or the SDK; choose another name, such as `{name}-labels`"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_good_everywhere() {
        for name in ["a", "cost-labels", "topk2", "my_labels"] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
        for name in ["", "-a", "2x", "_a", "A", "a b", "a.b", "../a", "ä", &"a".repeat(65)] {
            assert!(check(name).unwrap_err().contains("invalid component name"), "{name}");
        }
        for name in ["fn", "std", "insights-sdk", "proc-macro"] {
            assert!(check(name).unwrap_err().contains("is reserved in Rust"), "{name}");
        }
    }
}
