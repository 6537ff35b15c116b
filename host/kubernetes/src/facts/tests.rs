use super::*;

fn service(namespace: &str, name: &str, selector: &[(&str, &str)]) -> Service {
    Service::new(namespace, name, selector.iter().copied()).unwrap()
}

fn pod(namespace: &str, labels: &[(&str, &str)]) -> Pod {
    let labels = labels.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    Pod { namespace: namespace.into(), labels, ..Pod::default() }
}

#[test]
fn a_service_returns_the_texts_it_was_created_from() {
    let shop = service("shop", "web", &[("app", "web"), ("tier", "")]);
    assert_eq!((shop.namespace(), shop.name()), ("shop", "web"));
    assert_eq!(shop.selector().collect::<Vec<_>>(), [("app", "web"), ("tier", "")]);
    assert_eq!(service("shop", "bare", &[]).selector().count(), 0);
    assert_eq!(service("shop", "odd", &[("", "")]).selector().collect::<Vec<_>>(), [("", "")]);
    assert!(Service::new("a\0b", "c", []).is_none() && Service::new("a", "b", [("k", "\0")]).is_none());
}

#[test]
fn a_service_selects_pods_by_all_labels() {
    let labels = [("app", "web"), ("tier", "front"), ("zone", "")];
    for (selector, selects) in [
        (&[("app", "web")] as &[_], true),
        (&[("app", "web"), ("tier", "front")], true),
        (&[("app", "web"), ("tier", "back")], false),
        (&[("app", "web"), ("other", "x")], false),
        (&[("zone", "")], true),
        (&[("missing", "")], false),
        (&[], false),
    ] {
        let service = service("shop", "web", selector);
        assert_eq!(service.selects(&pod("shop", &labels)), selects, "{service:?}");
        assert!(!service.selects(&pod("other", &labels)), "another namespace: {service:?}");
    }
    assert!(!service("shop", "web", &[("app", "web")]).selects(&pod("shop", &[])));
}

#[test]
fn services_are_sorted_and_found_by_name() {
    let mut services = Services::new(vec![
        service("b", "x", &[("v", "1")]),
        service("a-b", "y", &[]),
        service("a", "z", &[]),
        service("b", "x", &[("v", "2")]),
        service("a", "b", &[]),
    ]);
    let ids = |services: &Services| {
        services.iter().map(|one| format!("{}/{}", one.namespace(), one.name())).collect::<Vec<_>>()
    };
    assert_eq!(ids(&services), ["a/b", "a/z", "a-b/y", "b/x"]);
    assert_eq!(services.get("b", "x"), Some(&service("b", "x", &[("v", "2")])), "the last counts");
    assert_eq!(services.in_namespace("a").len(), 2);
    assert!(services.in_namespace("a-").is_empty() && services.in_namespace("zz").is_empty());

    assert!(!services.insert(service("b", "x", &[("v", "2")])), "as it was");
    assert!(services.insert(service("b", "x", &[("v", "3")])));
    assert!(services.insert(service("aa", "n", &[])));
    services.remove("a", "z");
    services.remove("a", "none");
    assert_eq!(ids(&services), ["a/b", "a-b/y", "aa/n", "b/x"]);
}

#[test]
fn condition_statuses_are_parsed() {
    let values = ["True", "False", "Unknown", "odd"].map(|text| ConditionStatus::parse(text).value());
    assert_eq!(values, [1.0, 0.0, -1.0, -1.0]);
}
