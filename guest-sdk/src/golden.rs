//! Golden cases: a directory with a configuration, a batch and the expected output.
//!
//! ```text
//! tests/golden/CASE/
//!   config.json        configuration passed to `configure`; `{}` if the file is missing
//!   batch.json         input batch, in the form of `insights_sdk::readable`
//!   limits.json        {"max_event_bytes": N}, for formatters; optional
//!   state.json         state before the call: {"KEY": VALUE, …}; optional
//!   expected.json      expected batch of a transform, or
//!   expected.events    expected events of a formatter, or
//!   expected.error     expected error of `configure` or of the call
//!   expected.state.json  expected state after the call; unchanged state if the file is missing
//! ```
//!
//! In `expected.events` each event takes two lines: `# KEY=VALUE … time_unix_ms=T` with the pairs of its route in order,
//! then its bytes. Events of the type `application/x-protobuf` are shown field by field, as `protoc --decode_raw` does:
//! numbers of fields, texts in quotes, nested messages in braces. Batches are compared by meaning: the order of names, links and siblings does not matter.
//!
//! The state files hold each value of [`crate::state`] as JSON; `{"bytes": "00ff"}` holds bytes that are not JSON as the SDK
//! writes it. A call that returns an error leaves the state unchanged. Every call has state, within the default bounds.
//!
//! A test runs all cases natively; the host runs the same directories against the component. With the environment
//! variable `BLESS=1`, expectations that are not met are rewritten instead; review the difference before you keep it.
//!
//! ```no_run
//! # use insights_sdk::prelude::*;
//! # struct TeamLabel;
//! # impl Transform for TeamLabel {
//! #     const ABOUT: About = About::new("team-label", "1.0.0");
//! #     fn configure(_: &mut Settings) -> Result<Self, ConfigError> { Ok(Self) }
//! #     fn process(&self, _: &Batch) -> Result<(), String> { Ok(()) }
//! # }
//! // In the crate's tests:
//! insights_sdk::golden::run_transform::<TeamLabel>("tests/golden");
//! ```

mod case;
mod compare;
mod protobuf;
mod run;

pub use case::{Case, Expected, GoldenError, cases};
pub use compare::{Diff, Outcome};
pub use run::{format, format_with_state, process, process_with_state, run_formatter, run_transform};
