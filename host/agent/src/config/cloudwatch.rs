//! `type: cloudwatch_logs`, a kind of sink.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use insightd_aws::logs::limits::RETENTION_DAYS;
use insightd_aws::settings::Role;

use super::reader::{Section, integer, one_of};
use super::values;

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

/// Settings for the buffer of events before delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spool {
    /// Parent directory of the spools, in which this sink has one with its name; in memory alone if absent.
    pub dir: Option<PathBuf>,
    /// Most bytes on disk.
    pub max_bytes: u64,
    /// Age beyond which events are dropped.
    pub max_age: Duration,
    /// Most bytes in memory while the directory cannot be used.
    pub memory_max_bytes: u64,
    /// `true` to sync blocks to the disk.
    pub sync: bool,
}

impl Default for Spool {
    fn default() -> Self {
        Self {
            dir: None,
            max_bytes: 256 << 20,
            // The service rejects events older than 14 days.
            max_age: Duration::from_secs(13 * 24 * 3600),
            memory_max_bytes: 4 << 20,
            sync: true,
        }
    }
}

const CREATE: [(&str, Create); 3] =
    [("group", Create::Group), ("stream", Create::Stream), ("nothing", Create::Nothing)];

pub(super) fn read(section: &Section<'_>) -> CloudWatchSink {
    let concurrency = section.value("concurrency", |text| match integer(text)? {
        number @ 1..=16 => Ok(number as usize),
        _ => Err("must be from 1 to 16".to_string()),
    });
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
        concurrency: concurrency.unwrap_or(2),
        compression: section.value("compression", one_of(&[("gzip", true), ("none", false)])).unwrap_or(true),
        create: section.value("create", one_of(&CREATE)).unwrap_or(Create::Group),
        retention_days,
        tags: tags(section),
        kms_key: section.value("kms_key", kms_key),
        spool: spool(&section.section("spool")),
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

fn spool(section: &Section<'_>) -> Spool {
    let default = Spool::default();
    let at_least = |least: u64| {
        move |text: &str| match values::size(text)? {
            bytes if bytes >= least => Ok(bytes),
            _ => Err(format!("must be {}MiB or more", least >> 20)),
        }
    };
    let spool = Spool {
        dir: section.text("dir").map(PathBuf::from),
        max_bytes: section.value("max_bytes", at_least(16 << 20)).unwrap_or(default.max_bytes),
        max_age: section.value("max_age", max_age).unwrap_or(default.max_age),
        memory_max_bytes: section
            .value("memory_max_bytes", at_least(1 << 20))
            .unwrap_or(default.memory_max_bytes),
        sync: section.value("sync", one_of(&[("always", true), ("never", false)])).unwrap_or(default.sync),
    };
    super::sections::warn_if_relative(section, "dir");
    section.finish();
    spool
}

/// Parses the age limit, from 1 hour to 14 days; the service rejects older events.
fn max_age(text: &str) -> Result<Duration, String> {
    const HOUR: Duration = Duration::from_secs(3600);
    match values::duration(text)? {
        age if (HOUR..=HOUR * 14 * 24).contains(&age) => Ok(age),
        _ => Err("must be from 1h to 336h (two weeks)".to_string()),
    }
}
