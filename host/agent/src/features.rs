//! Optional parts of the agent, which are cargo features, and messages about those that this build leaves out.

/// True if this build has the clients of AWS services (feature `aws`).
pub const HAS_AWS: bool = cfg!(feature = "aws");

/// True if this build embeds the built-in `script` (feature `script`).
pub const HAS_SCRIPT: bool = cfg!(feature = "script");

/// Error text for a sink that needs the clients of AWS services.
pub const NO_AWS_CLIENTS: &str = "this build has no AWS clients: build with `make build`";

/// Logs the parts that this build leaves out; nothing for a complete build.
pub(crate) fn log_left_out() {
    if let Some(parts) = left_out(HAS_AWS, HAS_SCRIPT) {
        tracing::info!(parts, "this build leaves out parts of the agent: `make build` builds all of it");
    }
}

fn left_out(has_aws: bool, has_script: bool) -> Option<&'static str> {
    match (has_aws, has_script) {
        (true, true) => None,
        (false, true) => {
            Some("sinks of type cloudwatch_logs, `sigv4`, instance metadata, services of ECS tasks")
        }
        (true, false) => Some("builtin:script"),
        (false, false) => Some(
            "sinks of type cloudwatch_logs, `sigv4`, instance metadata, services of ECS tasks, builtin:script",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_incomplete_build_names_parts() {
        assert_eq!(left_out(true, true), None);
        let (no_aws, no_script) = (left_out(false, true).unwrap(), left_out(true, false).unwrap());
        assert_eq!(left_out(false, false).unwrap(), format!("{no_aws}, {no_script}"));
    }
}
