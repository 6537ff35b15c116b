//! The frames that are shown, and the state of the connection to the agent.

use serde_json::{Value, json};

use super::text;
use crate::arguments::View;
use crate::top::model::{Mode, Tap};
use crate::ui::session::Session;

/// Returns the status.
pub(super) fn document(session: &Session) -> Value {
    let now_ms = session.now_ms();
    session.read(View::Pods, None, |model| {
        let (_, frames) = model.position();
        let tap = match &model.tap {
            Tap::Waiting => json!({"state": "waiting"}),
            Tap::Open => json!({"state": "open"}),
            Tap::Absent(reason) => json!({"state": "absent", "reason": text(reason)}),
        };
        json!({
            "mode": match model.mode { Mode::Live => "live", Mode::Recording => "recording" },
            "source": text(&model.source),
            "frames": frames,
            "is_complete": model.is_complete,
            "problem": model.problem.as_deref().map(text),
            "tap": tap,
            "skipped_batches": model.skipped,
            "unreachable": model.unreachable.as_deref().map(text),
            "silent_seconds": model.silent_ms(now_ms).map(|ms| ms / 1000),
            "has_data": model.has_data(),
            "time_unix_ms": model.time_unix_ms(),
            "version": env!("CARGO_PKG_VERSION"),
        })
    })
}
