//! Serves the samples of the last tick for Prometheus to scrape.
//!
//! Each event is one family of metrics in the Prometheus text format. The events of a tick are merged into a page, which replaces the
//! previous one when the tick ends. A task on the runtime serves it. Neither waits for the other: they share only a pointer.

mod draft;
mod event;
mod page;
mod respond;
mod served;

use std::sync::Arc;

use insights_batch::Event;

use self::draft::{Draft, Refused};
use self::event::SampleSpan;
use super::{Delivered, Sink, SinkError};
use crate::config::PrometheusSink;

pub use event::{InvalidFamily, InvalidReason};
pub(crate) use respond::serve;
pub use served::ServedPage;

/// A sink that fills pages.
#[derive(Debug)]
pub struct Prometheus {
    max_bytes: u64,
    served: Arc<ServedPage>,
    draft: Draft,
    /// The sample lines of one event; kept for its memory.
    spans: Vec<SampleSpan>,
}

/// The part of a Prometheus sink that a task on the runtime serves.
#[derive(Clone, Debug)]
pub struct ToServe {
    /// Name of the sink.
    pub name: String,
    /// The settings of the sink.
    pub settings: PrometheusSink,
    /// The page of the last tick.
    pub page: Arc<ServedPage>,
}

impl Prometheus {
    /// Creates a sink that fills the returned page.
    pub fn new(settings: &PrometheusSink) -> (Self, Arc<ServedPage>) {
        let served = Arc::new(ServedPage::new(settings.listen));
        let sink = Self {
            max_bytes: settings.max_bytes,
            served: Arc::clone(&served),
            draft: Draft::default(),
            spans: Vec::new(),
        };
        (sink, served)
    }

    fn add(&mut self, event: &Event<'_>) -> Result<(), SinkError> {
        let family = event::parse(event.bytes, &mut self.spans).map_err(SinkError::Exposition)?;
        let duplicates =
            self.draft.add(&family, &self.spans, self.max_bytes).map_err(|refused| match refused {
                Refused::Full => SinkError::PageFull { max_bytes: self.max_bytes },
                Refused::TooManyFamilies => SinkError::TooManyFamilies { max: draft::MAX_FAMILIES },
                Refused::OtherKind { known } => SinkError::OtherKind {
                    family: insightd_upstream::error_text::shortened(family.name),
                    known: known.as_str(),
                },
            })?;
        self.served.count_duplicates(duplicates);
        Ok(())
    }
}

impl Sink for Prometheus {
    fn accept(&mut self, content_type: &str, events: &mut dyn Iterator<Item = Event<'_>>) -> Delivered {
        let mut delivered = Delivered::default();
        let fits = is_text_format(content_type);
        for event in events {
            let added = if fits { self.add(&event) } else { Err(wrong_content_type(content_type)) };
            if let Err(error) = added {
                delivered.lost += 1;
                delivered.error.get_or_insert(error);
            }
        }
        delivered
    }

    fn end_tick(&mut self) -> Delivered {
        let draft = std::mem::take(&mut self.draft);
        let (events, bytes) = (draft.events(), draft.event_bytes());
        self.served.replace(draft.finish());
        Delivered { events, bytes, ..Delivered::default() }
    }

    /// Leaves the last page: no tick follows whose absence of events would mean anything.
    fn finish(&mut self) -> Delivered {
        if self.draft.is_empty() { Delivered::default() } else { self.end_tick() }
    }
}

/// Returns true for the content type of the Prometheus text format.
fn is_text_format(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let is_text = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("text/plain"));
    is_text && parts.any(|parameter| parameter.eq_ignore_ascii_case("version=0.0.4"))
}

fn wrong_content_type(content_type: &str) -> SinkError {
    let found = insightd_upstream::error_text::shortened(content_type).escape_debug().to_string();
    SinkError::ContentType { found, expected: "the Prometheus text format (text/plain; version=0.0.4)" }
}

#[cfg(test)]
mod tests;
