//! Tests of the manifests of `deploy/`, without a cluster: the rendered objects are consistent, request only the declared
//! permissions, and contain a configuration that the agent accepts.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use insightd_tests::manifests::{Manifests, files, kubectl, list, text};
use insightd_tests::{built, program, skipped, top};
use serde_json::{Value, json};

/// Maximum bytes of a ConfigMap's data.
const CONFIG_MAP_BYTES: usize = 1 << 20;

/// The directories that operators apply, and an example of their own.
const FOLDERS: [&str; 5] =
    ["base", "overlays/cluster-role", "overlays/own-transform", "overlays/old", "overlays/cloudwatch"];

/// Renders all directories once; returns `None`, with a message, without kubectl.
fn rendered(test: &str) -> Option<&'static [Manifests; 5]> {
    static RENDERED: OnceLock<Option<[Manifests; 5]>> = OnceLock::new();
    let rendered = RENDERED.get_or_init(|| kubectl().map(|kubectl| render(&kubectl))).as_ref();
    if rendered.is_none() {
        skipped(test, "no kubectl: put one on the path, name it in KUBECTL, or run tests/node/build");
    }
    rendered
}

fn render(kubectl: &Path) -> [Manifests; 5] {
    let copy = tempfile::tempdir().expect("a directory");
    let deploy = copy.path().join("deploy");
    let status = Command::new("cp").arg("-r").arg(top().join("deploy")).arg(&deploy).status();
    assert!(status.expect("cp starts").success());
    // A component of the operator; any component will do.
    let team = deploy.join("overlays/own-transform/transforms");
    fs::create_dir_all(&team).expect("can be made");
    fs::copy(built("transforms/utilization.wasm"), team.join("team.wasm")).expect("can be copied");
    let old = deploy.join("overlays/old");
    fs::create_dir(&old).expect("can be made");
    let text = "resources: [../../base]\ncomponents: [../../components/kubelet-before-1.33]\n";
    fs::write(old.join("kustomization.yaml"), text).expect("can be written");
    FOLDERS.map(|directory| Manifests::render(kubectl, &deploy.join(directory)))
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
            let sources = list(&volume["projected"]["sources"]).iter();
            maps.extend(sources.filter_map(|source| source.pointer("/configMap/name").cloned()));
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
    for manifests in rendered("what_is_named_is_there").into_iter().flatten() {
        let named = references(manifests);
        assert!(named.len() > 10, "{named:?}");
        for (kind, namespace, name) in named {
            let metadata = &manifests.get(kind, text(&name))["metadata"];
            assert_eq!(metadata["namespace"], namespace, "{kind} {name}");
        }
        let namespaces: BTreeSet<&str> =
            manifests.objects().iter().map(|object| text(&object["metadata"]["namespace"])).collect();
        // The namespace of events about nodes, and the namespace of everything else.
        assert_eq!(namespaces, BTreeSet::from(["", "amazon-cloudwatch", "default"]));
    }
}

#[test]
fn config_maps_fit_and_the_agent_takes_the_configuration() {
    let Some(all) = rendered("config_maps_fit_and_the_agent_takes_the_configuration") else { return };
    for manifests in all {
        let directory = tempfile::tempdir().expect("a directory");
        let transforms = directory.path().join("transforms");
        fs::create_dir(&transforms).expect("can be made");
        let mut configurations = Vec::new();
        for map in manifests.of_kind("ConfigMap") {
            let files = files(map);
            let bytes: usize = files.iter().map(|(name, data)| name.len() + data.len()).sum();
            assert!(bytes <= CONFIG_MAP_BYTES, "{}: {bytes} bytes", map["metadata"]["name"]);
            for (name, data) in files {
                match name.rsplit('.').next() {
                    Some("wasm") => fs::write(transforms.join(name), data).expect("can be written"),
                    Some("yaml") => configurations.push(String::from_utf8(data).expect("UTF-8")),
                    _ => {}
                }
            }
        }
        assert!(!configurations.is_empty());
        for configuration in configurations {
            check(directory.path(), &configuration);
        }
    }
}

/// Runs `insightd check` with the components of the ConfigMaps mounted as in the pod.
fn check(directory: &Path, configuration: &str) {
    let compiler = program("insightd-compile");
    let (said, error) = run_check(directory, configuration, &compiler);
    assert!(said.contains("file:emf") && said.contains(": ok, bundle "), "{said}{error}\n{configuration}");
}

#[test]
fn shipped_components_need_no_compiler() {
    let Some([base, ..]) = rendered("shipped_components_need_no_compiler") else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let transforms = directory.path().join("transforms");
    fs::create_dir(&transforms).expect("can be made");
    let mut configuration = String::new();
    for (name, data) in base.of_kind("ConfigMap").flat_map(files) {
        match name.ends_with(".wasm") {
            true => fs::write(transforms.join(name), data).expect("can be written"),
            false if name == "insightd.yaml" => configuration = String::from_utf8(data).expect("UTF-8"),
            false => {}
        }
    }
    let none = directory.path().join("no-compiler");
    let (said, error) = run_check(directory.path(), &configuration, &none);
    assert!(said.contains(": ok, bundle "), "{said}{error}");
    // An additional empty custom section makes it a different file.
    let emf = transforms.join("emf.wasm");
    let shipped = fs::read(&emf).expect("is there");
    fs::write(&emf, [&shipped[..], &[0, 1, 0]].concat()).expect("can be written");
    let (_, error) = run_check(directory.path(), &configuration, &none);
    assert!(error.contains("no-compiler"), "{error}");
}

/// Runs `insightd check`; returns its standard output and standard error.
fn run_check(directory: &Path, configuration: &str, compiler: &Path) -> (String, String) {
    let mounted = "transforms_dir: /etc/insightd/transforms\n";
    assert!(configuration.contains(mounted), "{configuration}");
    let here = format!("transforms_dir: {:?}\ncompiler: {:?}\n", directory.join("transforms"), compiler);
    let file = directory.join("insightd.yaml");
    fs::write(&file, configuration.replace(mounted, &here)).expect("can be written");
    let mut agent = Command::new(program("insightd"));
    let output = agent.arg("check").arg(&file).env_clear().output().expect("the agent starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (said, String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn images_have_the_version_of_the_workspace() {
    for manifests in rendered("images_have_the_version_of_the_workspace").into_iter().flatten() {
        for (what, pod) in manifests.pod_templates() {
            for container in list(&pod["containers"]) {
                let image = concat!("docker.io/library/insightd:", env!("CARGO_PKG_VERSION"));
                assert_eq!(container["image"], image, "{what}");
            }
        }
    }
}

#[test]
fn pods_have_no_more_than_they_need() {
    for manifests in rendered("pods_have_no_more_than_they_need").into_iter().flatten() {
        for (what, pod) in manifests.pod_templates() {
            assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault", "{what}");
            assert!(pod["hostPID"] != true && pod["hostIPC"] != true, "{what}");
            let paths: Vec<&Value> =
                list(&pod["volumes"]).iter().filter(|volume| volume["hostPath"].is_object()).collect();
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
                    assert!(mount["readOnly"] == true || path == "/var/lib/insightd", "{what}: {mount}");
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
    let Some([base, split, _, old, _]) = rendered("rights_are_those_that_are_used") else { return };
    let set = |lines: &[&str]| lines.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    let node = set(&[
        "create events",
        "get jobs",
        "get nodes",
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
        "daemonsets",
        "deployments",
        "endpointslices",
        "namespaces",
        "nodes",
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
}
