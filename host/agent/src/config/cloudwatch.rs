//! `type: cloudwatch_logs`, a kind of sink.

use std::collections::BTreeMap;

use insightd_aws::logs::limits::RETENTION_DAYS;
use insightd_aws::settings::Role;

use super::reader::{Section, integer, one_of};
use super::spool::{self, Spool};

/// A sink that delivers to CloudWatch Logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudWatchSink {
    /// Region; the agent's own if absent.
    pub region: Option<String>,
    /// Endpoint instead of the default one of the service.
    pub endpoint_url: Option<String>,
    /// Role to assume; the agent's own if absent.
    pub role: Option<Role>,
    /// Concurrent requests.
    pub concurrency: usize,
    /// `true` to compress request bodies with gzip.
    pub compression: bool,
    /// Resources that the sink may create.
    pub create: Create,
    /// Retention of a new log group, days; unset if absent.
    pub retention_days: Option<u16>,
    /// Tags of a new log group.
    pub tags: BTreeMap<String, String>,
    /// ARN of the KMS key of a new log group.
    pub kms_key: Option<String>,
    /// Buffer of events before delivery.
    pub spool: Spool,
}

/// Resources that a sink may create.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Create {
    /// Log groups and log streams.
    Group,
    /// Log streams.
    Stream,
    /// Nothing.
    Nothing,
}

const CREATE: [(&str, Create); 3] =
    [("group", Create::Group), ("stream", Create::Stream), ("nothing", Create::Nothing)];

pub(super) fn read(section: &Section<'_>) -> CloudWatchSink {
    let retention_days = section.value("retention_days", |text| {
        let days = integer(text)?;
        let known = RETENTION_DAYS.iter().find(|known| u64::from(**known) == days);
        known.copied().ok_or_else(|| {
            let known: Vec<String> = RETENTION_DAYS.iter().map(u16::to_string).collect();
            format!("invalid retention of {days} days: expected one of {}", known.join(", "))
        })
    });
    CloudWatchSink {
        region: section.value("region", super::aws::region),
        endpoint_url: section.value("endpoint_url", super::aws::endpoint),
        role: super::aws::read_role(&section.section("role")),
        concurrency: spool::concurrency(section, 2),
        compression: section.value("compression", one_of(&[("gzip", true), ("none", false)])).unwrap_or(true),
        create: section.value("create", one_of(&CREATE)).unwrap_or(Create::Group),
        retention_days,
        tags: tags(section),
        kms_key: section.value("kms_key", kms_key),
        spool: spool::read(&section.section("spool")),
    }
}

/// Checks that the text is the ARN of a KMS key; `CreateLogGroup` accepts no other form and no alias.
fn kms_key(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let is_key = matches!(parts.as_slice(), ["arn", partition, "kms", region, account, key]
        if partition.starts_with("aws") && !region.is_empty() && super::aws::is_account(account) && key.starts_with("key/") && key.len() > 4);
    is_key.then(|| text.to_owned()).ok_or_else(|| {
        format!(
            "invalid KMS key ARN `{text}`: expected arn:aws:kms:REGION:ACCOUNT:key/ID with a 12-digit ACCOUNT"
        )
    })
}

/// Reads the tags. The limits are those of `CreateLogGroup`.
fn tags(section: &Section<'_>) -> BTreeMap<String, String> {
    let entries = section.named_of("tags", 50).unwrap_or_default();
    let mut tags = BTreeMap::new();
    for (key, item) in entries {
        if key.chars().count() > 128 {
            item.problem("tag key too long: at most 128 characters are allowed");
        }
        let value = item.value(|text| match text.chars().count() {
            0..=256 => Ok(text.to_string()),
            _ => Err("tag value too long: at most 256 characters are allowed".to_string()),
        });
        if key.to_ascii_lowercase().starts_with("aws:") {
            item.problem("tag keys that begin with `aws:` are reserved by AWS");
        }
        tags.insert(key.to_string(), value.unwrap_or_default());
    }
    tags
}
