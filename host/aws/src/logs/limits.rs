//! What CloudWatch Logs takes in one request, and when (`PutLogEvents` in the service's API reference).

use std::time::Duration;

/// Most events in a request.
pub const MAX_EVENTS: u32 = 10_000;

/// Most bytes of a request: of all messages, and [`EVENT_OVERHEAD_BYTES`] for each.
pub const MAX_BATCH_BYTES: usize = 1_048_576;

/// What the service adds to the size of every message.
pub const EVENT_OVERHEAD_BYTES: usize = 26;

/// Most bytes of one event with its overhead, in every partition; some take 1 MiB by now.
pub const MAX_EVENT_BYTES: usize = 256 * 1024;

/// From the first to the last event of a request.
pub const MAX_SPAN: Duration = Duration::from_secs(24 * 3600);

/// Most characters in the name of a log group or a log stream.
pub const MAX_NAME_CHARACTERS: usize = 512;

/// Days that `PutRetentionPolicy` knows.
pub const RETENTION_DAYS: [u16; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];
