//! Self-description of a component.

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
    /// Names that the component reads; a trailing `*` matches any suffix.
    pub reads: &'static [&'static str],
    /// Names of the gauges, counters and attributes that the component writes; a trailing `*` matches any suffix.
    pub writes: &'static [&'static str],
}

impl About {
    /// Describes a component that takes no configuration and declares no names.
    pub const fn new(name: &'static str, version: &'static str) -> Self {
        let config_schema = r#"{"type":"object","additionalProperties":false}"#;
        Self { name, version, config_schema, reads: &[], writes: &[] }
    }

    /// Sets the JSON schema of the configuration.
    pub const fn config_schema(self, config_schema: &'static str) -> Self {
        Self { config_schema, ..self }
    }

    /// Sets the names that the component reads.
    pub const fn reads(self, reads: &'static [&'static str]) -> Self {
        Self { reads, ..self }
    }

    /// Sets the names that the component writes.
    pub const fn writes(self, writes: &'static [&'static str]) -> Self {
        Self { writes, ..self }
    }
}
