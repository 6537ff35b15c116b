//! The page that is served, and its counters. Shared by the tick, the server and the agent's own metrics.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use insightd_upstream::lock;

use super::page::Page;

/// The page of the last tick.
#[derive(Debug)]
pub struct ServedPage {
    listen: SocketAddr,
    current: Mutex<Option<Arc<Page>>>,
    scrapes: AtomicU64,
    duplicates: AtomicU64,
}

impl ServedPage {
    pub(super) fn new(listen: SocketAddr) -> Self {
        let (scrapes, duplicates) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { listen, current: Mutex::default(), scrapes, duplicates }
    }

    /// Returns the address of the page.
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Returns the bytes of the page in the text format; `None` before the first tick.
    pub fn bytes(&self) -> Option<u64> {
        self.current().map(|page| page.bytes())
    }

    /// Returns the number of samples on the page; `None` before the first tick.
    pub fn series(&self) -> Option<u64> {
        self.current().map(|page| page.series())
    }

    /// Returns the number of responses with the page.
    pub fn scrapes(&self) -> u64 {
        self.scrapes.load(Ordering::Relaxed)
    }

    /// Returns the number of samples that were left out as duplicates.
    pub fn duplicates(&self) -> u64 {
        self.duplicates.load(Ordering::Relaxed)
    }

    /// Returns the page; `None` before the first tick.
    pub(super) fn current(&self) -> Option<Arc<Page>> {
        lock(&self.current).clone()
    }

    /// Replaces the page. Responses in progress keep the old one.
    pub(super) fn replace(&self, page: Page) {
        let page = Arc::new(page);
        let before = lock(&self.current).replace(page);
        drop(before);
    }

    pub(super) fn count_scrape(&self) {
        self.scrapes.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_duplicates(&self, samples: u64) {
        self.duplicates.fetch_add(samples, Ordering::Relaxed);
    }
}
