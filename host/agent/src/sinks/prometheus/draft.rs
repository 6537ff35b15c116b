//! The page that a tick fills.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;
use hyper::body::Bytes;

use super::event::{Family, Kind, SampleSpan};
use super::page::{self, Page, PublishedFamily};

/// Most families of a page: the memory that a family takes is not among the bytes of the page.
pub(super) const MAX_FAMILIES: usize = 10_000;

/// A page that is being filled.
#[derive(Debug, Default)]
pub(super) struct Draft {
    families: BTreeMap<String, DraftFamily>,
    /// Bytes of the page in the text format.
    bytes: u64,
    /// Number of accepted events, and their bytes.
    events: u64,
    event_bytes: u64,
    /// Keys are random, so that no component can choose series whose hashes collide.
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct DraftFamily {
    kind: Option<Kind>,
    help: Option<String>,
    /// Sample lines in the order of arrival.
    samples: Vec<u8>,
    /// The series in `samples`.
    series: HashTable<Series>,
}

/// Position of a name with its labels in the sample lines of a family, which have at most [`u32::MAX`] bytes: so says the range of
/// `max_bytes`.
#[derive(Clone, Copy, Debug)]
struct Series {
    begin: u32,
    length: u32,
}

/// The reason why an event was not accepted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The page would exceed its bound.
    Full,
    /// The page has [`MAX_FAMILIES`] families already.
    TooManyFamilies,
    /// The family has another type in an earlier event.
    OtherKind { known: Kind },
}

impl Draft {
    /// Adds an event, whose sample lines are `spans`. Returns the number of samples whose series is on the page already: of those, the first
    /// stays.
    pub(super) fn add(
        &mut self,
        event: &Family<'_>,
        spans: &[SampleSpan],
        max_bytes: u64,
    ) -> Result<u64, Refused> {
        let known = self.families.get(event.name);
        if known.is_none() && self.families.len() == MAX_FAMILIES {
            return Err(Refused::TooManyFamilies);
        }
        let (known_kind, known_help) =
            known.map_or((None, None), |known| (known.kind, known.help.as_deref()));
        if let (Some(known), Some(_)) = (known_kind, event.kind)
            && known_kind != event.kind
        {
            return Err(Refused::OtherKind { known });
        }
        let (kind, help) = (known_kind.or(event.kind), known_help.or(event.help));
        let head = |kind, help| page::text_head(event.name, kind, help).len() as u64;
        let more_head = head(kind, help) - head(known_kind, known_help);
        let more_samples: u64 = spans.iter().map(|span| span.line.len() as u64).sum();
        if self.bytes + more_head + more_samples > max_bytes {
            return Err(Refused::Full);
        }
        // Looked up again, because the name is copied only for a new family.
        if known.is_none() {
            self.families.insert(event.name.to_owned(), DraftFamily::default());
        }
        let Some(family) = self.families.get_mut(event.name) else { return Ok(0) };
        family.kind = kind;
        if family.help.is_none() {
            family.help = event.help.map(str::to_owned);
        }
        let before = family.samples.len();
        let duplicates = family.push(event, spans, &self.hasher);
        self.bytes += more_head + (family.samples.len() - before) as u64;
        self.events += 1;
        self.event_bytes += event.text.len() as u64;
        Ok(duplicates)
    }

    /// Returns true if nothing was accepted.
    pub(super) fn is_empty(&self) -> bool {
        self.families.is_empty()
    }

    /// Returns the number of accepted events.
    pub(super) fn events(&self) -> u64 {
        self.events
    }

    /// Returns the bytes of these events.
    pub(super) fn event_bytes(&self) -> u64 {
        self.event_bytes
    }

    /// Returns the page.
    pub(super) fn finish(self) -> Page {
        let is_family = |name: &str| self.families.contains_key(name);
        let heads: Vec<[Bytes; 2]> = self
            .families
            .iter()
            .map(|(name, family)| {
                let (kind, help) = (family.kind, family.help.as_deref());
                let text = page::text_head(name, kind, help);
                [Bytes::from(text), Bytes::from(page::open_head(name, kind, help, is_family))]
            })
            .collect();
        let mut series = 0;
        let families = heads.into_iter().zip(self.families.into_values());
        let families = families.map(|([text_head, open_head], family)| {
            series += family.series.len() as u64;
            let mut samples = family.samples;
            // The page lives for a whole interval.
            samples.shrink_to_fit();
            PublishedFamily { text_head, open_head, samples: Bytes::from(samples) }
        });
        let families = families.collect();
        Page::new(families, self.bytes, series)
    }
}

impl DraftFamily {
    /// Appends the sample lines whose series is new. Returns the number of the others.
    fn push(&mut self, event: &Family<'_>, spans: &[SampleSpan], hasher: &RandomState) -> u64 {
        let mut duplicates = 0;
        for span in spans {
            let name_end = span.line.start + event.name.len();
            // The lines of a family differ only behind the name; `name{}` is the series `name`.
            let labels = match &event.text[name_end..span.series_end] {
                "{}" => "",
                labels => labels,
            };
            let begin = self.samples.len() + event.name.len();
            let series = Series { begin: begin as u32, length: labels.len() as u32 };
            let samples = &self.samples;
            let is_same = |other: &Series| other.of(samples) == labels.as_bytes();
            let hash = hasher.hash_one(labels.as_bytes());
            if self.series.find(hash, is_same).is_some() {
                duplicates += 1;
                continue;
            }
            self.series.insert_unique(hash, series, |series| hasher.hash_one(series.of(samples)));
            self.samples.extend_from_slice(&event.text.as_bytes()[span.line.clone()]);
        }
        duplicates
    }
}

impl Series {
    /// Returns the labels, with their braces.
    fn of(self, samples: &[u8]) -> &[u8] {
        let begin = self.begin as usize;
        samples.get(begin..begin + self.length as usize).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
