//! Names built by controllers: a Job of a CronJob, a ReplicaSet of a Deployment.

/// Alphabet of generated suffixes in Kubernetes: no vowels, so that no words form, and no characters that look alike.
const SAFE: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// Start of Kubernetes in seconds since the Unix epoch: no Job is older. It rejects suffixes such as the date 20240115,
/// which lies long before it when read as minutes.
const FIRST_SECOND: u64 = 1_401_580_800;
/// Tolerance for scheduled times ahead of a slow node clock.
const SLACK_SECONDS: u64 = 86_400;

/// Returns the name of the CronJob if `job` ends in a plausible scheduled time: minutes since the Unix epoch, or seconds
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

/// Returns the name under which the Container Insights agents report a Job without a CronJob: the text before the first `.`
/// or `-`.
pub(crate) fn job_prefix(job: &str) -> &str {
    job.split(['.', '-']).next().unwrap_or(job)
}

/// Returns the name of the owner of a ReplicaSet whose pods have the label value `hash`.
pub(crate) fn without_hash<'n>(replica_set: &'n str, hash: &str) -> Option<&'n str> {
    let name = replica_set.strip_suffix(hash)?.strip_suffix('-')?;
    (!name.is_empty() && !hash.is_empty()).then_some(name)
}

/// Returns the same without a label: strips a suffix that has the length and the alphabet of a pod template hash, which is a
/// 32-bit number of eight digits or more with every digit encoded as a safe character. No word has that form.
pub(crate) fn without_likely_hash(replica_set: &str) -> Option<&str> {
    let (name, suffix) = replica_set.rsplit_once('-')?;
    let is_hash = (8..=10).contains(&suffix.len()) && suffix.bytes().all(|byte| SAFE.contains(&byte));
    (is_hash && !name.is_empty()).then_some(name)
}
