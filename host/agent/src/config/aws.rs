//! `aws:` and `instance:` access to AWS, and discovery of the machine.

use std::path::PathBuf;
use std::time::Duration;

use insightd_aws::settings::{AwsSettings, Role};

use super::kubernetes::ENABLED;
use super::reader::{Section, flag, one_of};
use super::values;

/// Default timeout of AWS requests.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Settings for the discovery of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// `true` or `false` if configured; if absent, discovery runs unless the machine is known not to be an EC2 instance.
    pub enabled: Option<bool>,
    /// `true` to read the instance tags: Auto Scaling group, name of the cluster.
    pub tags: bool,
    /// `true` to find the EBS volumes behind the disks.
    pub volumes: bool,
    /// Time between two requests for volumes.
    pub refresh: Duration,
    /// Endpoint of the EC2 API instead of the default one.
    pub endpoint_url: Option<String>,
}

impl Default for Discovery {
    fn default() -> Self {
        Self {
            enabled: None,
            tags: true,
            volumes: true,
            refresh: Duration::from_secs(300),
            endpoint_url: None,
        }
    }
}

/// Returns the settings that every AWS client starts from.
pub(super) fn defaults() -> AwsSettings {
    AwsSettings { timeout: TIMEOUT, ..AwsSettings::default() }
}

pub(super) fn read_aws(section: &Section<'_>) -> AwsSettings {
    let region = section.value("region", region);
    let profile = section.text("profile");
    let fips = section.value("fips", flag).unwrap_or(false);
    let role = read_role(&section.section("role"));
    let ca_file = section.text("ca_file").map(PathBuf::from);
    let timeout = section.value("timeout", |text| match values::duration(text)? {
        time if (Duration::from_secs(1)..=Duration::from_secs(300)).contains(&time) => Ok(time),
        _ => Err("must be from 1s to 5m".to_string()),
    });
    section.finish();
    AwsSettings {
        region,
        profile,
        fips,
        role,
        ca_file,
        timeout: timeout.unwrap_or(TIMEOUT),
        endpoint_url: None,
    }
}

pub(super) fn read_role(section: &Section<'_>) -> Option<Role> {
    let arn = section.value("arn", |text| {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let is_role = matches!(parts.as_slice(), ["arn", partition, "iam", "", account, role]
            if partition.starts_with("aws") && is_account(account) && role.starts_with("role/") && role.len() > 5);
        is_role.then(|| text.to_owned()).ok_or_else(|| {
            format!("invalid role ARN `{text}`: expected arn:aws:iam::ACCOUNT:role/NAME, a 12-digit ACCOUNT")
        })
    });
    let external_id = section.text("external_id");
    if external_id.is_some() && section.get("arn").is_none() {
        section.problem("external_id", "requires `arn`");
    }
    section.finish();
    Some(Role { arn: arn?, external_id })
}

pub(super) fn read_instance(section: &Section<'_>) -> Discovery {
    let default = Discovery::default();
    let enabled = section.value("enabled", one_of(&ENABLED)).flatten();
    let tags = section.value("tags", flag);
    let volumes = section.value("volumes", flag);
    let refresh = section.value("refresh", |text| match values::duration(text)? {
        time if (Duration::from_secs(60)..=Duration::from_secs(86_400)).contains(&time) => Ok(time),
        _ => Err("must be from 1m to 24h".to_string()),
    });
    let endpoint_url = section.value("endpoint_url", endpoint);
    section.finish();
    Discovery {
        enabled,
        tags: tags.unwrap_or(default.tags),
        volumes: volumes.unwrap_or(default.volumes),
        refresh: refresh.unwrap_or(default.refresh),
        endpoint_url,
    }
}

/// Returns true if the text is an AWS account ID: 12 digits.
pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Checks that the text has the form of a region: a DNS label, since it becomes part of host names.
pub(super) fn region(text: &str) -> Result<String, String> {
    let is_label = !text.is_empty()
        && text.len() <= 63
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if is_label {
        Ok(text.into())
    } else {
        Err(format!("invalid region `{text}`: expected a name such as us-west-2"))
    }
}

/// Checks that the text is the address of an API: a scheme and a host.
pub(super) fn endpoint(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
    if host.is_empty() || host.contains(['?', '#', '@', ' ']) {
        return Err(format!("invalid address `{text}`: expected https://HOST"));
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Environment};
    use super::*;

    fn config(text: &str) -> Config {
        Config::parse(text, None, &Environment::default()).unwrap()
    }

    fn problem(text: &str) -> String {
        Config::parse(text, None, &Environment::default()).unwrap_err().to_string()
    }

    #[test]
    fn nothing_said_leaves_all_to_be_found() {
        let read = config("");
        assert_eq!(read.aws, AwsSettings { timeout: TIMEOUT, ..AwsSettings::default() });
        assert_eq!(read.instance, Discovery::default());
    }

    #[test]
    fn all_that_can_be_said() {
        let read = config(
            "aws: {region: cn-north-1, profile: p, fips: true, ca_file: /ca.pem, timeout: 30s, role: {arn: \
             'arn:aws-cn:iam::123456789012:role/path/name', external_id: x}}\ninstance: {enabled: true, tags: false, \
             volumes: false, refresh: 10m, endpoint_url: 'https://vpce-1.ec2.us-west-2.vpce.amazonaws.com'}",
        );
        assert_eq!(read.aws.region.as_deref(), Some("cn-north-1"));
        let role = read.aws.role.unwrap();
        assert_eq!(
            (role.arn.as_str(), role.external_id.as_deref()),
            ("arn:aws-cn:iam::123456789012:role/path/name", Some("x"))
        );
        assert!(read.aws.fips && read.aws.timeout == Duration::from_secs(30));
        assert_eq!(
            (read.instance.enabled, read.instance.tags, read.instance.volumes),
            (Some(true), false, false)
        );
        assert_eq!(read.instance.refresh, Duration::from_secs(600));
        assert!(read.instance.endpoint_url.unwrap().starts_with("https://vpce-1"));
    }

    #[test]
    fn mistakes_are_reported() {
        for (text, wanted) in [
            ("aws: {region: 'US West'}", "invalid region `US West`"),
            ("aws: {timeout: 0s}", "from 1s to 5m"),
            ("aws: {role: {arn: name}}", "invalid role ARN"),
            ("aws: {role: {arn: 'arn:aws:iam::12:role/a'}}", "a 12-digit ACCOUNT"),
            ("aws: {role: {arn: 'arn:aws:iam::123456789012:role/'}}", "invalid role ARN"),
            ("sinks: {a: {type: cloudwatch_logs, kms_key: bar}}", "invalid KMS key ARN `bar`"),
            (
                "sinks: {a: {type: cloudwatch_logs, kms_key: 'arn:aws:kms:x:123456789012:alias/a'}}",
                "invalid KMS key ARN",
            ),
            ("sinks: {a: {type: cloudwatch_logs, tags: {'aws:x': y}}}", "begin with `aws:`"),
            ("limits: {cpu_time: 1h}", "must be 60s or less"),
            ("limits: {wall_time: 1h}", "must be 10m or less"),
            ("aws: {role: {external_id: x}}", "requires `arn`"),
            ("aws: {endpoint_url: 'https://x'}", "unknown key"),
            ("instance: {refresh: 1s}", "from 1m to 24h"),
            ("instance: {endpoint_url: ec2.example.org}", "invalid address"),
            ("ecs: {services_endpoint_url: ecs.example.org}", "invalid address"),
            ("instance: {enabled: maybe}", "expected one of auto, true, false"),
        ] {
            let report = problem(text);
            assert!(report.contains(wanted), "{text}: {report}");
        }
    }
}
