//! Golden cases: a folder with a configuration, a batch, and what must come out.
//!
//! ```text
//! tests/golden/CASE/
//!   config.json        what `configure` gets; `{}` where the file is missing
//!   batch.json         the batch, in the form of `insights_sdk::readable`
//!   limits.json        {"max_event_bytes": N}, for formatters; optional
//!   state.json         what is remembered before the call: {"KEY": VALUE, …}; optional
//!   expected.json      the batch that must come out of a transform, or
//!   expected.events    the events that must come out of a formatter, or
//!   expected.error     the error that `configure` or the call must give
//!   expected.state.json  what must be remembered after it; without this file, what was before
//! ```
//!
//! In `expected.events` each event is two lines: `# KEY=VALUE … time_unix_ms=T` with the pairs of its route in order, then
//! its bytes. Batches are compared by what they say: the order of names, links and siblings does not matter.
//!
//! A value of [`crate::state`] stands in both state files as the JSON that it is; `{"bytes": "00ff"}` are bytes that are
//! none. A call that ends in an error leaves the state as it was. Every case has state within the default bounds.
//!
//! A test runs all cases natively; the host runs the same folders against the component. With the environment variable
//! `BLESS=1` expectations that are not met are rewritten instead; read the difference before you keep it.
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
mod run;
mod state;

pub use case::{Case, Expected, GoldenError, cases};
pub use compare::{Diff, Outcome};
pub use run::{format, format_with_state, process, process_with_state, run_formatter, run_transform};
