//! The chart and kustomize render the same objects, field by field.

use std::collections::BTreeMap;
use std::fs;

use insightd_tests::manifests::{Manifests, text};
use serde_json::Value;

use crate::tools::tools;

/// Labels that only Helm sets.
const HELM_LABELS: [&str; 2] = ["app.kubernetes.io/managed-by", "helm.sh/chart"];
/// Makes pods restart when the environment changes. With kustomize, the hash in the ConfigMap's name does.
const HELM_ANNOTATION: &str = "checksum/environment";
/// The ConfigMap whose name has a hash with kustomize.
const HASHED: &str = "insightd-environment";

type Objects = BTreeMap<(String, String, String), Value>;

/// Returns all objects by kind, namespace and name.
fn by_name(objects: Vec<Value>) -> Objects {
    let count = objects.len();
    let key = |object: &Value| {
        let metadata = &object["metadata"];
        (
            text(&object["kind"]).to_owned(),
            text(&metadata["namespace"]).to_owned(),
            text(&metadata["name"]).to_owned(),
        )
    };
    let objects: Objects = objects.into_iter().map(|object| (key(&object), object)).collect();
    assert_eq!(objects.len(), count, "two objects have the same name");
    objects
}

/// Parses configurations, of which only the meaning is compared, and joins lines of base64.
fn without_format(object: &mut Value) {
    for (name, data) in object.get_mut("data").and_then(Value::as_object_mut).into_iter().flatten() {
        if name.ends_with(".yaml") {
            *data = serde_saphyr::from_str(text(data)).expect("a configuration is YAML");
        }
    }
    for (_, data) in object.get_mut("binaryData").and_then(Value::as_object_mut).into_iter().flatten() {
        *data = text(data).split_whitespace().collect::<String>().into();
    }
}

fn from_kustomize(manifests: &Manifests) -> Objects {
    let hashed = manifests.of_kind("ConfigMap").map(|map| text(&map["metadata"]["name"]));
    let hashed = hashed.filter(|name| name.starts_with(HASHED)).collect::<Vec<_>>();
    let [hashed] = hashed[..] else { panic!("not one ConfigMap {HASHED}") };
    assert_eq!(hashed.len(), HASHED.len() + "-0123456789".len(), "{hashed}");
    let mut objects = manifests.objects().to_vec();
    for object in &mut objects {
        rename(object, hashed);
        without_format(object);
    }
    by_name(objects)
}

/// Removes the hash from the ConfigMap's name and from references to it.
fn rename(value: &mut Value, hashed: &str) {
    match value {
        Value::String(name) if name == hashed => *name = HASHED.to_owned(),
        Value::Array(values) => values.iter_mut().for_each(|value| rename(value, hashed)),
        Value::Object(values) => values.values_mut().for_each(|value| rename(value, hashed)),
        _ => {}
    }
}

fn from_helm(manifests: &Manifests) -> Objects {
    let mut objects = manifests.objects().to_vec();
    for object in &mut objects {
        let labels = object["metadata"]["labels"].as_object_mut().expect("every object has labels");
        assert!(HELM_LABELS.iter().all(|label| labels.remove(*label).is_some()));
        if let Some(metadata) = object.pointer_mut("/spec/template/metadata") {
            let annotations = metadata["annotations"].as_object_mut().expect("pods have annotations");
            assert!(annotations.remove(HELM_ANNOTATION).is_some());
            if annotations.is_empty() {
                metadata.as_object_mut().expect("a mapping").remove("annotations");
            }
        }
        without_format(object);
    }
    by_name(objects)
}

fn assert_equal(kustomize: &Objects, helm: &Objects, case: &str) {
    assert_eq!(
        kustomize.keys().collect::<Vec<_>>(),
        helm.keys().collect::<Vec<_>>(),
        "{case}: kustomize, helm"
    );
    for (key, object) in kustomize {
        assert_eq!(object, &helm[key], "{case}: {key:?}: kustomize, helm");
    }
}

#[test]
fn directories_of_the_manifests() {
    let Some(tools) = tools("directories_of_the_manifests") else { return };
    for (kustomization, values) in [
        ("resources: [../base]", "transforms: {shipped: false}"),
        ("resources: [../overlays/transforms]", ""),
        ("resources: [../overlays/cloudwatch]", "{delivery: cloudwatch, transforms: {shipped: false}}"),
        ("resources: [../overlays/cloudwatch-transforms]", "delivery: cloudwatch"),
        (
            "resources: [../overlays/cluster-role]",
            "{clusterRole: {enabled: true}, transforms: {shipped: false}}",
        ),
        (
            "resources: [../base]\ncomponents: [../components/kubelet-before-1.33]",
            "{rbac: {nodesProxy: true}, transforms: {shipped: false}}",
        ),
    ] {
        let kustomize = tools.kustomize("compared", kustomization);
        assert_equal(&from_kustomize(&kustomize), &from_helm(&tools.render(values)), kustomization);
        let lint = tools.lint(true, values);
        assert!(lint.status.success(), "{values}: {}", String::from_utf8_lossy(&lint.stdout));
    }
}

#[test]
fn a_plain_checkout() {
    let Some(tools) = tools("a_plain_checkout") else { return };
    let base = tools.kustomize("plain", "resources: [../base]");
    assert_equal(&from_kustomize(&base), &from_helm(&tools.render_plain("")), "no components");
    let lint = tools.lint(false, "");
    assert!(lint.status.success(), "{}", String::from_utf8_lossy(&lint.stdout));
}

/// The component is in a ConfigMap that the chart does not own.
#[test]
fn a_component_of_a_team() {
    let Some(tools) = tools("a_component_of_a_team") else { return };
    let overlay = tools.deploy(true).join("overlays/own-transform");
    fs::create_dir_all(overlay.join("transforms")).expect("can be made");
    fs::write(overlay.join("transforms/team.wasm"), "any").expect("can be written");
    let config = fs::read_to_string(overlay.join("insightd.yaml")).expect("can be read");
    let config: Value = serde_saphyr::from_str(&config).expect("is YAML");
    let values = serde_json::json!({
        "transforms": {"shipped": false, "existingConfigMaps": ["insightd-team"]},
        "config": {"pipelines": config["pipelines"]},
    });
    let mut kustomize = from_kustomize(&tools.kustomize("team", "resources: [../overlays/own-transform]"));
    let team = ("ConfigMap".to_owned(), "amazon-cloudwatch".to_owned(), "insightd-team".to_owned());
    assert!(kustomize.remove(&team).is_some());
    assert_equal(&kustomize, &from_helm(&tools.render(&values.to_string())), "own-transform");
}

/// The kustomization of a cluster, as in deploy/README.md and deploy/iam/README.md, and the values for the same.
#[test]
fn a_cluster_of_an_operator() {
    let Some(tools) = tools("a_cluster_of_an_operator") else { return };
    let kustomization = r#"
resources: [../overlays/cloudwatch-transforms]
images: [{name: localhost/insightd, newName: registry.example.com/insightd, newTag: 0.1.0-1}]
configMapGenerator:
  - name: insightd-environment
    namespace: amazon-cloudwatch
    behavior: merge
    literals: [K8S_CLUSTER_NAME=shop-production, AWS_REGION=us-west-2, "NO_PROXY=169.254.169.254"]
  - {name: insightd-transforms, namespace: amazon-cloudwatch, behavior: merge, files: [team.wasm]}
patches:
  - target: {kind: ServiceAccount, name: insightd}
    patch: |
      - op: add
        path: /metadata/annotations
        value: {eks.amazonaws.com/role-arn: "arn:aws:iam::123456789012:role/insightd"}
  - target: {kind: DaemonSet, name: insightd}
    patch: |
      - {op: replace, path: /spec/template/spec/tolerations, value: [{key: gpu, operator: Exists}]}
      - {op: add, path: /spec/template/spec/nodeSelector/insightd, value: "yes"}
      - {op: replace, path: /spec/template/spec/containers/0/resources/limits/memory, value: 192Mi}
      - {op: add, path: /spec/template/metadata/annotations, value: {team: platform}}
      - {op: add, path: /spec/template/spec/imagePullSecrets, value: [{name: registry}]}
"#;
    let values = r#"
image: {repository: registry.example.com/insightd, tag: 0.1.0-1, pullSecrets: [registry]}
clusterName: shop-production
region: us-west-2
environment: {NO_PROXY: 169.254.169.254}
delivery: cloudwatch
transforms: {extra: {team: /2E=}}
serviceAccount:
  annotations: {eks.amazonaws.com/role-arn: "arn:aws:iam::123456789012:role/insightd"}
tolerations: [{key: gpu, operator: Exists}]
nodeSelector: {insightd: "yes"}
resources: {limits: {memory: 192Mi}}
podAnnotations: {team: platform}
"#;
    let directory = tools.deploy(true).join("operator");
    fs::create_dir_all(&directory).expect("can be made");
    // A byte that is not UTF-8 puts it into `binaryData`, like every component.
    fs::write(directory.join("team.wasm"), [0xff, b'a']).expect("can be written");
    let kustomize = tools.kustomize("operator", kustomization);
    assert_equal(&from_kustomize(&kustomize), &from_helm(&tools.render(values)), "operator");
}
