//! What a component says of itself.

/// Name, version, configuration schema and vocabulary of a component, known at compile time.
///
/// ```
/// use insights_sdk::About;
///
/// const ABOUT: About = About::new("team-label", "1.0.0")
///     .config_schema(r#"{"type":"object","properties":{"label":{"type":"string"}}}"#)
///     .reads(&["label.*"])
///     .writes(&["team"]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// Short name, such as `utilization`.
    pub name: &'static str,
    /// Semantic version; `env!("CARGO_PKG_VERSION")` is the usual value.
    pub version: &'static str,
    /// JSON schema (draft 2020-12) of the configuration.
    pub config_schema: &'static str,
    /// Names it reads; a trailing `*` stands for any rest.
    pub reads: &'static [&'static str],
    /// Names it writes: gauges, counters and attributes; a trailing `*` stands for any rest.
    pub writes: &'static [&'static str],
}

impl About {
    /// A component without configuration that says nothing of the names it uses.
    pub const fn new(name: &'static str, version: &'static str) -> Self {
        let config_schema = r#"{"type":"object","additionalProperties":false}"#;
        Self { name, version, config_schema, reads: &[], writes: &[] }
    }

    /// Sets the schema of the configuration.
    pub const fn config_schema(self, config_schema: &'static str) -> Self {
        Self { config_schema, ..self }
    }

    /// Sets the names it reads.
    pub const fn reads(self, reads: &'static [&'static str]) -> Self {
        Self { reads, ..self }
    }

    /// Sets the names it writes.
    pub const fn writes(self, writes: &'static [&'static str]) -> Self {
        Self { writes, ..self }
    }
}
