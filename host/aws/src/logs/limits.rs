//! Limits of CloudWatch Logs on requests (`PutLogEvents` in the service's API reference).

use std::time::Duration;

/// Maximum number of events in a request.
pub(crate) const MAX_EVENTS: u32 = 10_000;

/// Maximum size of a request in bytes: the sum of all messages, plus [`EVENT_OVERHEAD_BYTES`] for each.
pub(crate) const MAX_BATCH_BYTES: usize = 1_048_576;

/// Bytes that the service adds to the size of every message.
pub(crate) const EVENT_OVERHEAD_BYTES: usize = 26;

/// Maximum size of an event with its overhead that every partition accepts, bytes; some accept 1 MiB.
pub(crate) const MAX_EVENT_BYTES: usize = 256 * 1024;

/// Maximum time between the first and the last event of a request.
pub(crate) const MAX_SPAN: Duration = Duration::from_secs(24 * 3600);

/// Maximum number of characters in the name of a log group or log stream.
pub(crate) const MAX_NAME_CHARACTERS: usize = 512;

/// Retention periods that `PutRetentionPolicy` accepts, days.
pub const RETENTION_DAYS: [u16; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];
