//! Names and selectors of all Services.

use std::sync::Arc;

use serde::Deserialize;

use super::{Service, Services, SharedFacts};
use crate::budget::MemoryBudget;
use crate::client::reflect::Handler;
use crate::text::{Object, Pairs, Text, non_empty};

#[derive(Deserialize)]
pub(super) struct WireService<'a> {
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

impl WireService<'_> {
    fn id(&self) -> (&str, &str) {
        (self.metadata.namespace.as_str(), self.metadata.name.as_str())
    }

    /// Returns `None` for services that select no pods: those without a selector, and external names.
    fn service(&self) -> Option<Service> {
        let spec = self.spec.as_ref().filter(|spec| non_empty(&spec.kind) != Some("ExternalName"))?;
        let selector = spec.selector.as_ref()?;
        selector.iter().next()?;
        let (namespace, name) = self.id();
        Service::new(namespace, name, selector.iter())
    }
}

/// Memory for services in bytes: every node holds all of them. Ten thousand take 1 to 2 MiB.
const SERVICES_BYTES: usize = 8 << 20;

pub(super) struct AllServices {
    shared: Arc<SharedFacts>,
    listed: Vec<Service>,
    /// Memory of the published services.
    budget: MemoryBudget,
    /// Memory of the services listed so far.
    listed_budget: MemoryBudget,
    left_out: u64,
}

impl AllServices {
    pub(super) fn new(shared: Arc<SharedFacts>) -> Self {
        Self::within(shared, SERVICES_BYTES)
    }

    fn within(shared: Arc<SharedFacts>, bytes: usize) -> Self {
        let budget = MemoryBudget::new(bytes);
        Self { shared, listed: Vec::new(), budget, listed_budget: budget, left_out: 0 }
    }
}

impl Handler for AllServices {
    type Item<'a> = WireService<'a>;

    fn on_restart(&mut self) {
        self.listed = Vec::new();
        self.listed_budget = self.listed_budget.cleared();
    }

    fn on_listed(&mut self, item: WireService<'_>) {
        let Some(service) = item.service() else { return };
        if !self.listed_budget.replace(0, service.bytes()) {
            self.left_out += 1;
            return;
        }
        // A new list is usually equal to the last one: reuse its memory.
        let (namespace, name) = item.id();
        let state = self.shared.state();
        let same = state.services.get(namespace, name).filter(|known| **known == service).cloned();
        self.listed.push(same.unwrap_or(service));
    }

    fn on_list_end(&mut self) {
        let services = Services::new(std::mem::take(&mut self.listed));
        self.shared.state().services = Arc::new(services);
        self.budget = self.listed_budget;
    }

    fn on_applied(&mut self, item: WireService<'_>) {
        let mut state = self.shared.state();
        let (namespace, name) = item.id();
        let (service, known) = (item.service(), state.services.get(namespace, name));
        if known == service.as_ref() {
            return;
        }
        let before = known.map(Service::bytes);
        let fits = self.budget.replace(before.unwrap_or(0), service.as_ref().map_or(0, Service::bytes));
        match service.filter(|_| fits) {
            Some(service) => drop(Arc::make_mut(&mut state.services).insert(service)),
            None if before.is_some() => Arc::make_mut(&mut state.services).remove(namespace, name),
            None => {}
        }
        self.left_out += u64::from(!fits);
    }

    fn on_deleted(&mut self, item: WireService<'_>) {
        let (namespace, name) = item.id();
        let mut state = self.shared.state();
        if let Some(service) = state.services.get(namespace, name) {
            self.budget.replace(service.bytes(), 0);
            Arc::make_mut(&mut state.services).remove(namespace, name);
        }
    }

    fn left_out(&mut self) -> u64 {
        std::mem::take(&mut self.left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A service of 32 bytes plus overhead.
    fn service(name: &str, selector: &str) -> String {
        serde_json::json!({"metadata": {"name": name, "namespace": "n"}, "spec": {"selector": {"app": selector}}})
            .to_string()
    }

    fn names(shared: &SharedFacts) -> Vec<String> {
        shared.state().services.iter().map(|service| service.name().to_owned()).collect()
    }

    #[test]
    fn services_beyond_the_memory_budget_are_left_out_and_counted() {
        let shared = Arc::new(SharedFacts::default());
        let one = Service::new("n", "a", [("app", "x")]).unwrap().bytes();
        let mut services = AllServices::within(Arc::clone(&shared), 2 * one);
        let read = |text: &'static str| serde_json::from_str::<WireService<'_>>(text).unwrap();
        let text = |name, selector| -> &'static str { service(name, selector).leak() };
        services.on_restart();
        for name in ["a", "b", "c"] {
            services.on_listed(read(text(name, "x")));
        }
        services.on_list_end();
        assert_eq!((names(&shared), services.left_out()), (vec!["a".into(), "b".into()], 1));
        services.on_applied(read(text("d", "x")));
        assert_eq!((names(&shared), services.left_out()), (vec!["a".into(), "b".into()], 1));
        services.on_applied(read(text("a", "y")));
        assert_eq!(
            (names(&shared), services.left_out()),
            (vec!["a".into(), "b".into()], 0),
            "in its own memory"
        );
        services.on_applied(read(text("a", "longer than there is room for")));
        assert_eq!(
            (names(&shared), services.left_out()),
            (vec!["b".to_owned()], 1),
            "the old one is wrong by now"
        );
        services.on_deleted(read(text("b", "x")));
        services.on_applied(read(text("e", "x")));
        services.on_applied(read(text("f", "x")));
        assert_eq!(
            (names(&shared), services.left_out()),
            (vec!["e".into(), "f".into()], 0),
            "their memory is free"
        );
    }
}
