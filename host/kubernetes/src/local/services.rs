//! Names and selectors of all Services.

use std::sync::Arc;

use serde::Deserialize;

use super::{Known, Service, Services};
use crate::client::reflect::Handler;
use crate::text::{Object, Pairs, Text, filled};

#[derive(Deserialize)]
pub(super) struct Wire<'a> {
    #[serde(borrow)]
    metadata: Object<Metadata<'a>>,
    spec: Option<Object<Spec<'a>>>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    namespace: Text<'a>,
}

#[derive(Deserialize)]
struct Spec<'a> {
    #[serde(borrow)]
    selector: Option<Pairs<'a>>,
    #[serde(rename = "type")]
    kind: Option<Text<'a>>,
}

impl Wire<'_> {
    fn id(&self) -> (&str, &str) {
        (self.metadata.namespace.as_str(), self.metadata.name.as_str())
    }

    /// None for services that select no pods: without a selector, or only another name for something elsewhere.
    fn service(&self) -> Option<Service> {
        let spec = self.spec.as_ref().filter(|spec| filled(&spec.kind) != Some("ExternalName"))?;
        let selector = spec.selector.as_ref()?;
        selector.iter().next()?;
        let (namespace, name) = self.id();
        Service::new(namespace, name, selector.iter())
    }
}

pub(super) struct AllServices {
    known: Arc<Known>,
    listed: Vec<Service>,
}

impl AllServices {
    pub(super) fn new(known: Arc<Known>) -> Self {
        Self { known, listed: Vec::new() }
    }
}

impl Handler for AllServices {
    type Item<'a> = Wire<'a>;

    fn on_restart(&mut self) {
        self.listed = Vec::new();
    }

    fn on_listed(&mut self, wire: Wire<'_>) {
        let Some(service) = wire.service() else { return };
        // A second list is most often the first one again: then it is the same memory, too.
        let (namespace, name) = wire.id();
        let state = self.known.state();
        let same = state.services.get(namespace, name).filter(|known| **known == service).cloned();
        self.listed.push(same.unwrap_or(service));
    }

    fn on_list_end(&mut self) {
        let services = Services::new(std::mem::take(&mut self.listed));
        self.known.state().services = Arc::new(services);
    }

    fn on_applied(&mut self, wire: Wire<'_>) {
        let mut state = self.known.state();
        let (namespace, name) = wire.id();
        match wire.service() {
            Some(service) if state.services.get(namespace, name) == Some(&service) => {}
            Some(service) => drop(Arc::make_mut(&mut state.services).insert(service)),
            None if state.services.get(namespace, name).is_none() => {}
            None => Arc::make_mut(&mut state.services).remove(namespace, name),
        }
    }

    fn on_deleted(&mut self, wire: Wire<'_>) {
        let (namespace, name) = wire.id();
        let mut state = self.known.state();
        if state.services.get(namespace, name).is_some() {
            Arc::make_mut(&mut state.services).remove(namespace, name);
        }
    }
}
