//! `log.level:` a level, and levels of parts of the agent.
//!
//! The parser of the filter takes any single word as the name of a part, so that a misspelled level would turn
//! everything else off. Here a single word is a level or an error.

use insightd_pipeline::suggest::{closest, did_you_mean};

/// Target prefixes of libraries that log every request and retry, for which the agent has messages of its own.
pub const LIBRARIES: [&str; 16] = [
    "aws_config",
    "aws_credential_types",
    "aws_runtime",
    "aws_sdk",
    "aws_sigv4",
    "aws_smithy",
    "aws_types",
    "cranelift",
    "h2",
    "hyper",
    "kube",
    "reqwest",
    "rustls",
    "tokio",
    "tower",
    "wasmtime",
];

/// Levels, from least to most verbose.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Names of levels in other programs.
const SYNONYMS: [(&str, &str); 8] = [
    ("warning", "warn"),
    ("err", "error"),
    ("fatal", "error"),
    ("critical", "error"),
    ("verbose", "debug"),
    ("fine", "debug"),
    ("all", "trace"),
    ("none", "off"),
];

/// Parts of the agent whose level can be set, beside its libraries: its crates, and `transform` for the logs of components.
const PARTS: [&str; 20] = [
    "insightctl",
    "insightd",
    "insightd_aws",
    "insightd_collect",
    "insightd_compile",
    "insightd_delivery",
    "insightd_ecs",
    "insightd_exposition",
    "insightd_fargate",
    "insightd_files",
    "insightd_instance",
    "insightd_kubernetes",
    "insightd_pipeline",
    "insightd_push",
    "insightd_sandbox",
    "insightd_spool",
    "insightd_state",
    "insightd_upstream",
    "insightd_yaml",
    "transform",
];

/// Parts that were renamed. The old name is accepted, with a warning, until version 0.3.
const RENAMED: [(&str, &str); 2] =
    [("insightd_folder", "insightd_files"), ("insightd_peer", "insightd_upstream")];

/// A parsed log level.
pub(super) struct Level {
    /// Filter directives, the first of which is the level of everything that is not named.
    pub(super) targets: String,
    /// Targets that nothing logs to.
    pub(super) unknown: Vec<String>,
    /// Targets with an old name, and the new one.
    pub(super) renamed: Vec<(&'static str, &'static str)>,
}

impl Level {
    /// Returns what is probably not intended.
    pub(super) fn remarks(&self) -> Vec<String> {
        let renamed = |(old, new): &(&str, &str)| {
            format!("`{old}` is now `{new}`; the old name works until version 0.3")
        };
        let unknown = |target: &String| {
            let meant = did_you_mean(target, PARTS.into_iter());
            format!("unknown part of the agent `{target}`; {meant}known parts: {}", PARTS.join(", "))
        };
        self.renamed.iter().map(renamed).chain(self.unknown.iter().map(unknown)).collect()
    }
}

/// Checks a level of the command line, and returns it as it is.
///
/// # Errors
/// Fails with the reason, as `log.level` of the configuration does.
pub fn log_level(text: &str) -> Result<String, String> {
    parse(text).map(|_| text.to_owned())
}

/// Parses `info`, or `info,insightd_collect=debug`. Parts that are not named have the level `info` if no level stands alone.
///
/// # Errors
/// Fails on a word that is not a level, a second level for all parts, or an invalid name of a part.
pub(super) fn parse(text: &str) -> Result<Level, String> {
    let (mut default, mut parts, mut unknown) = (None, Vec::new(), Vec::new());
    let mut renamed = Vec::new();
    for word in text.split(',').map(str::trim) {
        match word.split_once('=') {
            None => {
                if default.replace(level(word)?).is_some() {
                    return Err(format!("second default level `{word}`: expected PART={word}"));
                }
            }
            Some((part, word)) => {
                let part = part.trim();
                if part.is_empty() || part.contains(['[', ']', '{', '}', '"']) {
                    return Err(format!("invalid part of the agent `{part}`: expected PART={word}"));
                }
                let first = part.split("::").next().unwrap_or_default();
                if let Some((old, new)) = RENAMED.into_iter().find(|(old, _)| *old == first) {
                    renamed.push((old, new));
                    parts.push(format!("{}={}", part.replacen(old, new, 1), level(word.trim())?));
                    continue;
                }
                let is_library = LIBRARIES.iter().any(|library| first.starts_with(library));
                if !PARTS.contains(&first) && !is_library {
                    unknown.push(part.to_owned());
                }
                parts.push(format!("{part}={}", level(word.trim())?));
            }
        }
    }
    parts.insert(0, default.unwrap_or("info").to_owned());
    Ok(Level { targets: parts.join(","), unknown, renamed })
}

fn level(word: &str) -> Result<&'static str, String> {
    let lower = word.to_ascii_lowercase();
    if let Some(level) = LEVELS.iter().find(|level| **level == lower) {
        return Ok(level);
    }
    let synonym = SYNONYMS.iter().find(|(synonym, _)| *synonym == lower).map(|(_, level)| *level);
    let meant = synonym.or_else(|| closest(word, LEVELS.into_iter()));
    let meant = meant.map(|level| format!("did you mean {level}? ")).unwrap_or_default();
    Err(format!(
        "invalid level `{word}`; {meant}expected off, error, warn, info, debug or trace; for single parts of \
         the agent as in info,insightd_collect=debug"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(text: &str) -> String {
        parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).targets
    }

    fn error(text: &str) -> String {
        parse(text).err().unwrap_or_else(|| panic!("{text} is taken"))
    }

    #[test]
    fn a_level_alone_or_with_levels_of_parts() {
        assert_eq!(targets("info"), "info");
        assert_eq!(targets("WARN"), "warn");
        assert_eq!(targets("info,insightd_collect=debug"), "info,insightd_collect=debug");
        assert_eq!(
            targets(" insightd_collect::cgroup = Trace , error "),
            "error,insightd_collect::cgroup=trace"
        );
        assert_eq!(
            targets("insightd_folder=debug,insightd_peer::status=warn"),
            "info,insightd_files=debug,insightd_upstream::status=warn"
        );
        // The rest of the agent is not silenced.
        assert_eq!(targets("insightd_aws=debug"), "info,insightd_aws=debug");
        for text in ["info", "off,insightd=trace,transform=warn"] {
            targets(text).parse::<tracing_subscriber::filter::Targets>().unwrap();
        }
    }

    #[test]
    fn a_slip_is_an_error_that_says_what_was_meant() {
        for (text, level) in [
            ("debgu", "debug"),
            ("verbose", "debug"),
            ("warning", "warn"),
            ("inof", "info"),
            ("Trase", "trace"),
            ("info,insightd=debgu", "debug"),
            ("eror", "error"),
        ] {
            assert!(error(text).contains(&format!("did you mean {level}?")), "{text}: {}", error(text));
        }
        for text in
            ["loud", "", "info,", "insightd=", "=debug", "3", "insightd", "info,debug", "a[b{c}]=info"]
        {
            error(text);
        }
        assert!(
            error("loud").contains("invalid level `loud`; expected off, error, warn"),
            "{}",
            error("loud")
        );
    }

    #[test]
    fn unknown_log_targets_are_reported() {
        assert_eq!(
            parse("info,insightd_colect=debug,hyper=warn,aws_runtime=off").unwrap().unknown,
            ["insightd_colect"]
        );
    }

    /// Checks that the list has every crate of the agent but the one that has no messages.
    #[test]
    fn the_parts_are_the_crates() {
        let host = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
        for entry in std::fs::read_dir(host).unwrap() {
            let manifest =
                std::fs::read_to_string(entry.unwrap().path().join("Cargo.toml")).unwrap_or_default();
            let Some(name) = manifest.lines().find_map(|line| line.strip_prefix("name = ")) else { continue };
            let name = name.trim_matches('"').replace('-', "_");
            assert!(name == "insightd_memcpy" || PARTS.contains(&name.as_str()), "{name}");
        }
    }
}
