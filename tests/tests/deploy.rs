//! Tests of the manifests of `deploy/`, without a cluster: the rendered objects are consistent, request only the declared
//! permissions, and contain a configuration that the agent accepts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use insightd_tests::deploy::{IMAGE_NAME, Mounted, copy, plain_copy};
use insightd_tests::manifests::{Manifests, files, kubectl, list, text};
use insightd_tests::{built, program, skipped, top};
use serde_json::{Value, json};

/// Maximum bytes of a ConfigMap's data.
const CONFIG_MAP_BYTES: usize = 1 << 20;

/// The directories that render without a built component.
const PLAIN: [&str; 6] = [
    "base",
    "overlays/cluster-role",
    "overlays/cloudwatch",
    "overlays/scrape",
    "fargate",
    "overlays/fargate-cloudwatch",
];
/// Those of them that are about Fargate nodes, with a StatefulSet in place of the DaemonSet.
const FARGATE: [&str; 2] = ["fargate", "overlays/fargate-cloudwatch"];
/// Those that hold components, and an example of an operator's own.
const OTHERS: [&str; 5] = [
    "overlays/transforms",
    "overlays/cloudwatch-transforms",
    "overlays/own-transform",
    "overlays/prometheus",
    "overlays/old",
];

/// Renders all directories once; returns `None`, with a message, without kubectl.
fn rendered(test: &str) -> Option<&'static BTreeMap<&'static str, Manifests>> {
    static RENDERED: OnceLock<Option<BTreeMap<&str, Manifests>>> = OnceLock::new();
    let rendered = RENDERED.get_or_init(|| kubectl().map(|kubectl| render(&kubectl))).as_ref();
    if rendered.is_none() {
        skipped(test, "no kubectl: put one on the path, name it in KUBECTL, or run tests/node/build");
    }
    rendered
}

fn render(kubectl: &Path) -> BTreeMap<&'static str, Manifests> {
    let copy = copy();
    let deploy = copy.path().join("deploy");
    // Of the team any component will do.
    for (overlay, from, to) in [
        ("own-transform", "utilization.wasm", "team.wasm"),
        ("prometheus", "prometheus.wasm", "prometheus.wasm"),
    ] {
        let directory = deploy.join("overlays").join(overlay).join("transforms");
        fs::create_dir_all(&directory).expect("can be made");
        fs::copy(built(&format!("transforms/{from}")), directory.join(to)).expect("can be copied");
    }
    let old = deploy.join("overlays/old");
    fs::create_dir(&old).expect("can be made");
    let text = "resources: [../../base]\ncomponents: [../../components/kubelet-before-1.33]\n";
    fs::write(old.join("kustomization.yaml"), text).expect("can be written");
    let directories = PLAIN.into_iter().chain(OTHERS);
    directories.map(|directory| (directory, Manifests::render(kubectl, &deploy.join(directory)))).collect()
}

#[test]
fn a_plain_checkout_renders() {
    let Some(all) = rendered("a_plain_checkout_renders") else { return };
    let kubectl = kubectl().expect("rendered before");
    let copy = plain_copy();
    for directory in PLAIN {
        let manifests = Manifests::render(&kubectl, &copy.path().join("deploy").join(directory));
        assert_eq!(manifests.objects(), all[directory].objects(), "{directory}");
        for (name, data) in manifests.of_kind("ConfigMap").flat_map(files) {
            assert!(!String::from_utf8_lossy(&data).contains("use: file:"), "{directory}: {name}");
        }
    }
}

#[test]
fn only_the_namespace_component_has_a_namespace() {
    let Some(all) = rendered("only_the_namespace_component_has_a_namespace") else { return };
    for (directory, manifests) in all {
        assert_eq!(manifests.of_kind("Namespace").count(), 0, "{directory}");
    }
    let kubectl = kubectl().expect("rendered before");
    let namespace = Manifests::render(&kubectl, &top().join("deploy/components/namespace"));
    assert_eq!(namespace.objects().len(), 1);
    let labels = &namespace.get("Namespace", "amazon-cloudwatch")["metadata"]["labels"];
    assert_eq!(labels, &json!({"pod-security.kubernetes.io/enforce": "privileged"}));
}

#[test]
fn configurations_with_files_name_the_same_components() {
    for (built_in, with_files) in [
        ("base/insightd.yaml", "overlays/transforms/insightd.yaml"),
        ("overlays/cloudwatch/insightd.yaml", "overlays/cloudwatch-transforms/insightd.yaml"),
    ] {
        let read = |path: &str| -> Value {
            let text = fs::read_to_string(top().join("deploy").join(path)).expect("can be read");
            serde_saphyr::from_str(&text.replace("builtin:", "file:")).expect("is YAML")
        };
        assert_eq!(read(built_in), read(with_files), "{with_files}");
    }
}

/// Returns kind, namespace and name of every object that another object references.
fn references(manifests: &Manifests) -> Vec<(&'static str, Value, Value)> {
    let mut named = Vec::new();
    for binding in manifests.of_kind("RoleBinding").chain(manifests.of_kind("ClusterRoleBinding")) {
        let role = &binding["roleRef"];
        let kind = if role["kind"] == "Role" { "Role" } else { "ClusterRole" };
        let namespace = if kind == "Role" { &binding["metadata"]["namespace"] } else { &Value::Null };
        named.push((kind, namespace.clone(), role["name"].clone()));
        for subject in list(&binding["subjects"]) {
            named.push(("ServiceAccount", subject["namespace"].clone(), subject["name"].clone()));
        }
    }
    let namespace = json!("amazon-cloudwatch");
    for (_, pod) in manifests.pod_templates() {
        named.push(("ServiceAccount", namespace.clone(), pod["serviceAccountName"].clone()));
        let mut maps: Vec<Value> = Vec::new();
        for volume in list(&pod["volumes"]) {
            maps.extend(volume.pointer("/configMap/name").cloned());
            let sources = list(&volume["projected"]["sources"]).iter().map(|source| &source["configMap"]);
            maps.extend(sources.filter(|map| map["optional"] != true).map(|map| map["name"].clone()));
        }
        for container in list(&pod["containers"]) {
            let sources = list(&container["envFrom"]).iter();
            maps.extend(sources.filter_map(|source| source.pointer("/configMapRef/name").cloned()));
        }
        named.extend(maps.into_iter().map(|map| ("ConfigMap", namespace.clone(), map)));
    }
    named
}

#[test]
fn what_is_named_is_there() {
    for (directory, manifests) in rendered("what_is_named_is_there").into_iter().flatten() {
        let named = references(manifests);
        let is_fargate = FARGATE.contains(directory);
        assert!(named.len() > if is_fargate { 6 } else { 10 }, "{named:?}");
        for (kind, namespace, name) in named {
            let metadata = &manifests.get(kind, text(&name))["metadata"];
            assert_eq!(metadata["namespace"], namespace, "{kind} {name}");
        }
        let namespaces: BTreeSet<&str> =
            manifests.objects().iter().map(|object| text(&object["metadata"]["namespace"])).collect();
        // The namespace of events about nodes, and the namespace of everything else.
        let mut expected = BTreeSet::from(["", "amazon-cloudwatch", "default"]);
        if is_fargate {
            expected.remove("default");
        }
        assert_eq!(namespaces, expected, "{directory}");
    }
}

#[test]
fn config_maps_fit_and_the_agent_takes_the_configuration() {
    let Some(all) = rendered("config_maps_fit_and_the_agent_takes_the_configuration") else { return };
    for (directory, manifests) in all {
        for map in manifests.of_kind("ConfigMap") {
            let bytes: usize = files(map).iter().map(|(name, data)| name.len() + data.len()).sum();
            assert!(bytes <= CONFIG_MAP_BYTES, "{directory}: {}: {bytes} bytes", map["metadata"]["name"]);
        }
        let mounted = Mounted::new(manifests);
        assert!(!mounted.configurations().is_empty());
        for configuration in mounted.configurations() {
            let (said, error) = mounted.check(configuration, &program("insightd-compile"));
            let formatter = match *directory {
                "overlays/prometheus" => "file:prometheus",
                directory if directory.ends_with("transforms") => "file:emf",
                _ => "builtin:emf",
            };
            assert!(said.contains(formatter) && said.contains(": ok, bundle "), "{directory}: {said}{error}");
        }
    }
}

/// PodMonitors select ports by name: each declared port of a DaemonSet is one that the configuration listens on, on all addresses.
#[test]
fn declared_ports_are_listened_on() {
    let Some(all) = rendered("declared_ports_are_listened_on") else { return };
    for (directory, expected) in [
        ("base", json!([])),
        ("overlays/scrape", json!([["operations", 9464]])),
        ("overlays/prometheus", json!([["operations", 9464], ["workloads", 9465]])),
    ] {
        let manifests = &all[directory];
        let containers = &manifests.get("DaemonSet", "insightd")["spec"]["template"]["spec"]["containers"];
        let ports = list(&containers[0]["ports"]).iter();
        let ports: Value = ports.map(|port| json!([port["name"], port["containerPort"]])).collect();
        assert_eq!(ports, expected, "{directory}");
        let text = Mounted::new(manifests).configurations().concat();
        let open: Vec<&str> =
            text.lines().filter_map(|line| line.trim().strip_prefix("listen: 0.0.0.0:")).collect();
        let expected: Vec<String> = list(&expected).iter().map(|port| port[1].to_string()).collect();
        assert_eq!(open, expected, "{directory}");
    }
}

#[test]
fn shipped_components_need_no_compiler() {
    let Some(all) = rendered("shipped_components_need_no_compiler") else { return };
    let mounted = Mounted::new(&all["overlays/transforms"]);
    let [configuration] = mounted.configurations() else { panic!("not one configuration") };
    let none = mounted.transforms().join("no-compiler");
    let (said, error) = mounted.check(configuration, &none);
    assert!(said.contains(": ok, bundle "), "{said}{error}");
    // An additional empty custom section makes it a different file.
    let emf = mounted.transforms().join("emf.wasm");
    let shipped = fs::read(&emf).expect("is there");
    fs::write(&emf, [&shipped[..], &[0, 1, 0]].concat()).expect("can be written");
    let (_, error) = mounted.check(configuration, &none);
    assert!(error.contains("no-compiler"), "{error}");
}

#[test]
fn images_have_the_version_of_the_workspace() {
    let image = format!("{IMAGE_NAME}:{}", env!("CARGO_PKG_VERSION"));
    for manifests in
        rendered("images_have_the_version_of_the_workspace").into_iter().flat_map(BTreeMap::values)
    {
        for (what, pod) in manifests.pod_templates() {
            for container in list(&pod["containers"]) {
                assert_eq!(container["image"], image, "{what}");
            }
        }
    }
}

#[test]
fn pods_have_no_more_than_they_need() {
    for manifests in rendered("pods_have_no_more_than_they_need").into_iter().flat_map(BTreeMap::values) {
        for (what, pod) in manifests.pod_templates() {
            assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault", "{what}");
            assert!(pod["hostPID"] != true && pod["hostIPC"] != true, "{what}");
            let paths: Vec<&Value> =
                list(&pod["volumes"]).iter().filter(|volume| volume["hostPath"].is_object()).collect();
            // The spool of a pod without directories of its node.
            let own: Vec<&Value> = list(&pod["volumes"])
                .iter()
                .filter(|volume| volume["emptyDir"].is_object())
                .map(|volume| &volume["name"])
                .collect();
            for container in list(&pod["containers"]) {
                let context = &container["securityContext"];
                assert_eq!(context["capabilities"], json!({"drop": ["ALL"]}), "{what}");
                assert_eq!(context["allowPrivilegeEscalation"], false, "{what}");
                assert_eq!(context["readOnlyRootFilesystem"], true, "{what}");
                assert!(container["resources"]["limits"]["memory"].is_string(), "{what}");
                for mount in list(&container["volumeMounts"]) {
                    let volume = paths.iter().find(|volume| volume["name"] == mount["name"]);
                    let path = volume.map_or("", |volume| text(&volume["hostPath"]["path"]));
                    // Only one directory of the host is writable, and mounts added later to the host's root are visible.
                    let is_spool = mount["mountPath"] == "/var/lib/insightd"
                        && (path == "/var/lib/insightd" || own.contains(&&mount["name"]));
                    assert!(mount["readOnly"] == true || is_spool, "{what}: {mount}");
                    assert!(path != "/" || mount["mountPropagation"] == "HostToContainer", "{what}: {mount}");
                }
            }
        }
    }
}

/// Returns the permissions of a service account: `VERB RESOURCE`, followed by the resource names if it is restricted to
/// some.
fn rights(manifests: &Manifests, account: &str) -> BTreeSet<String> {
    let mut rights = BTreeSet::new();
    for binding in manifests.of_kind("RoleBinding").chain(manifests.of_kind("ClusterRoleBinding")) {
        if !list(&binding["subjects"]).iter().any(|subject| subject["name"] == account) {
            continue;
        }
        let role = manifests.get(text(&binding["roleRef"]["kind"]), text(&binding["roleRef"]["name"]));
        for rule in list(&role["rules"]) {
            for (resource, verb) in list(&rule["resources"])
                .iter()
                .flat_map(|resource| list(&rule["verbs"]).iter().map(move |verb| (resource, verb)))
            {
                let names = list(&rule["resourceNames"]);
                let only = names.iter().map(|name| format!(" {}", text(name))).collect::<String>();
                rights.insert(format!("{} {}{only}", text(verb), text(resource)));
            }
        }
    }
    rights
}

#[test]
fn rights_are_those_that_are_used() {
    let Some(all) = rendered("rights_are_those_that_are_used") else { return };
    let (base, split, old) = (&all["base"], &all["overlays/cluster-role"], &all["overlays/old"]);
    let set = |lines: &[&str]| lines.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    let node = set(&[
        "create events",
        "get jobs",
        "get nodes/pods",
        "get nodes/stats",
        "list nodes",
        "list services",
        "watch nodes",
        "watch services",
    ]);
    let leader = set(&[
        "create configmaps",
        "create leases",
        "get configmaps otel-container-insight-clusterleader",
        "get leases otel-container-insight-clusterleader",
        "update configmaps otel-container-insight-clusterleader",
        "update leases otel-container-insight-clusterleader",
    ]);
    let kinds = [
        "cronjobs",
        "daemonsets",
        "deployments",
        "endpointslices",
        "ingresses",
        "jobs",
        "namespaces",
        "nodes",
        "persistentvolumeclaims",
        "persistentvolumes",
        "pods",
        "replicasets",
        "services",
        "statefulsets",
    ];
    let watched: BTreeSet<String> =
        kinds.iter().flat_map(|kind| [format!("list {kind}"), format!("watch {kind}")]).collect();
    let cluster: BTreeSet<String> = &leader | &watched;

    assert_eq!(rights(base, "insightd"), &node | &cluster);
    assert_eq!(rights(split, "insightd"), node);
    assert_eq!(rights(split, "insightd-cluster"), &cluster | &set(&["create events"]));
    assert_eq!(rights(old, "insightd"), &(&node | &cluster) | &set(&["get nodes/proxy"]));
    for directory in FARGATE {
        assert_eq!(
            rights(&all[directory], "insightd-fargate"),
            set(&[
                "create events",
                "get jobs",
                "get nodes/proxy",
                "get statefulsets insightd-fargate",
                "list nodes",
                "list pods",
                "list services",
                "patch statefulsets insightd-fargate",
                "watch nodes",
                "watch pods",
                "watch services",
            ])
        );
    }
}

/// Returns the selected labels and the template of a StatefulSet's pods.
fn stateful_set(manifests: &Manifests) -> (&Value, &Value) {
    let spec = &manifests.get("StatefulSet", "insightd-fargate")["spec"];
    (&spec["selector"]["matchLabels"], &spec["template"])
}

#[test]
fn the_stateful_set_runs_on_fargate() {
    let Some(all) = rendered("the_stateful_set_runs_on_fargate") else { return };
    for directory in FARGATE {
        let (selected, template) = stateful_set(&all[directory]);
        let pod = &template["spec"];
        assert_eq!(&template["metadata"]["labels"], selected);
        // Neither directories of the node nor its network; the size of a Fargate node follows from the requests.
        assert!(pod["hostNetwork"] != true && pod["priorityClassName"].is_null());
        assert!(list(&pod["volumes"]).iter().all(|volume| volume["hostPath"].is_null()));
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        for container in list(&pod["containers"]) {
            assert_eq!(container["resources"]["requests"], container["resources"]["limits"]);
            assert!(list(&container["ports"]).iter().all(|port| port["hostPort"].is_null()));
            // The agent's StatefulSet is found by the name of the pod.
            let names: Vec<&str> =
                list(&container["env"]).iter().map(|variable| text(&variable["name"])).collect();
            assert!(["POD_NAME", "K8S_NAMESPACE"].iter().all(|name| names.contains(name)), "{names:?}");
        }
        let service = &all[directory].get("Service", "insightd-fargate")["spec"];
        assert_eq!(&service["selector"], selected);
    }
}

#[test]
fn the_fargate_profile_selects_only_the_stateful_set() {
    let Some(all) = rendered("the_fargate_profile_selects_only_the_stateful_set") else { return };
    let profile = fs::read(top().join("deploy/fargate/fargate-profile.json")).expect("can be read");
    let profile: Value = serde_json::from_slice(&profile).expect("is JSON");
    let [selector] = list(&profile["selectors"]) else { panic!("not one selector") };
    let wanted = selector["labels"].as_object().expect("labels");
    let selects = |object: &Value| {
        let labels = &object["spec"]["template"]["metadata"]["labels"];
        object["metadata"]["namespace"] == selector["namespace"]
            && wanted.iter().all(|(key, value)| labels[key] == *value)
    };
    for (directory, manifests) in all {
        let workloads = manifests.objects().iter().filter(|object| object["spec"]["template"].is_object());
        for workload in workloads {
            let is_ours = FARGATE.contains(directory) && workload["kind"] == "StatefulSet";
            assert_eq!(selects(workload), is_ours, "{directory}: {}", workload["metadata"]["name"]);
        }
        // A pod of the DaemonSet on a Fargate node would wait forever.
        for daemon_set in manifests.of_kind("DaemonSet") {
            let terms = "/spec/template/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
            let terms = list(daemon_set.pointer(terms).expect("node affinity"));
            let excludes =
                json!({"key": "eks.amazonaws.com/compute-type", "operator": "NotIn", "values": ["fargate"]});
            assert!(
                terms.iter().all(|term| list(&term["matchExpressions"]).contains(&excludes)),
                "{directory}"
            );
        }
    }
}
