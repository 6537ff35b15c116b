//! Names that controllers build: a Job of a CronJob, a ReplicaSet of a Deployment.

/// Letters and digits of generated suffixes: none that can form a word, none that look alike.
const SAFE: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// Seconds since the Unix epoch when Kubernetes began: no Job is older. Suffixes such as the date 20240115 are minutes
/// long before it.
const FIRST_SECOND: u64 = 1_401_580_800;
/// A scheduled time may be ahead of a node's clock that runs slow.
const SLACK_SECONDS: u64 = 86_400;

/// Name of the CronJob, where `job` ends in a time at which one was scheduled: minutes since the Unix epoch, or seconds
/// before Kubernetes 1.21.
pub(crate) fn cron_job(job: &str, now_unix_ms: u64) -> Option<&str> {
    let (name, suffix) = job.rsplit_once('-')?;
    if name.is_empty() || !suffix.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = suffix.parse().ok()?;
    let seconds = if suffix.len() == 10 { number } else { number.checked_mul(60)? };
    let last = now_unix_ms / 1000 + SLACK_SECONDS;
    (FIRST_SECOND..=last).contains(&seconds).then_some(name)
}

/// What the reference calls a Job that no CronJob made: the text before the first `.` or `-`.
pub(crate) fn job_prefix(job: &str) -> &str {
    job.split(['.', '-']).next().unwrap_or(job)
}

/// Name of the owner of a ReplicaSet whose pods have the label `hash`.
pub(crate) fn without_hash<'n>(replica_set: &'n str, hash: &str) -> Option<&'n str> {
    let name = replica_set.strip_suffix(hash)?.strip_suffix('-')?;
    (!name.is_empty() && !hash.is_empty()).then_some(name)
}

/// The same without the label: a suffix of the length and the letters of a pod template's hash, a 32-bit number of
/// eight digits or more with every digit written as a safe letter. No word looks like that.
pub(crate) fn without_likely_hash(replica_set: &str) -> Option<&str> {
    let (name, suffix) = replica_set.rsplit_once('-')?;
    let is_hash = (8..=10).contains(&suffix.len()) && suffix.bytes().all(|byte| SAFE.contains(&byte));
    (is_hash && !name.is_empty()).then_some(name)
}
