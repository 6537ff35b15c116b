//! Requirements of a configuration on its machine: files, directories, credentials.

use std::fs::{self, File};
use std::path::Path;

use insightd_pipeline::library;
use insightd_pipeline::{Origin, PipelineSpec, Problem};
use insightd_push::HeaderSource;

use crate::config::{Config, Environment, SinkKind};

/// Returns a problem for everything that this machine lacks.
pub(super) fn problems(config: &Config, environment: &Environment) -> Vec<Problem> {
    let mut check = Check(Vec::new());
    check.directory("host.root", Some(&config.host.root));
    check.directory("transforms_dir", config.transforms_dir.as_deref());
    check.writable("state_dir", config.state_dir.as_deref());
    check.file("aws.ca_file", config.aws.ca_file.as_deref());
    if let Some(path) = &config.api.kubeconfig
        && let Err(error) = insightd_kubernetes::client::check_kubeconfig(path)
    {
        check.add("api.kubeconfig", error.to_string());
    }
    if config.kubelet.enabled != Some(false) && config.kubelet.url.is_some() {
        check.file("kubelet.token_file", Some(&config.kubelet.token_file));
        for (index, file) in config.kubelet.ca_files.iter().enumerate() {
            check.file(&format!("kubelet.ca_files[{index}]"), Some(file));
        }
    }
    if config
        .pipelines
        .iter()
        .flat_map(PipelineSpec::components)
        .any(|component| component.origin == Origin::File)
    {
        let beside = library::compiler_beside();
        check.file("compiler", Some(config.compiler.as_deref().unwrap_or(&beside)));
    }
    let mut delivers = false;
    for sink in config.sinks.iter().filter(|sink| super::super::is_used(config, sink)) {
        let key = format!("sinks.{}", sink.name);
        match &sink.kind {
            SinkKind::Stdout { .. } | SinkKind::Prometheus(_) => {}
            SinkKind::File(file) => {
                let parent = file.path.parent().filter(|parent| !parent.as_os_str().is_empty());
                check.writable(&format!("{key}.path"), Some(parent.unwrap_or(Path::new("."))));
            }
            SinkKind::CloudWatch(cloudwatch) => {
                check.writable(&format!("{key}.spool.dir"), cloudwatch.spool.dir.as_deref());
                delivers = true;
            }
            SinkKind::Push(push) => {
                check.writable(&format!("{key}.spool.dir"), push.spool.dir.as_deref());
                check.file(&format!("{key}.tls.ca_file"), push.tls.ca_file.as_deref());
                if let Some(identity) = &push.tls.identity {
                    check.file(&format!("{key}.tls.cert_file"), Some(&identity.cert_file));
                    check.file(&format!("{key}.tls.key_file"), Some(&identity.key_file));
                }
                for (name, source) in &push.headers {
                    if let HeaderSource::File { path, .. } = source {
                        check.file(&format!("{key}: header `{name}`"), Some(path));
                    }
                }
                delivers |= push.sigv4.is_some();
            }
        }
    }
    if delivers
        && !environment.has_credentials
        && config.aws.profile.is_none()
        && config.instance.enabled == Some(false)
    {
        check.add(
            "aws",
            "no AWS credentials: set an AWS environment variable or `aws.profile`, or enable `instance`"
                .into(),
        );
    }
    check.0
}

struct Check(Vec<Problem>);

impl Check {
    fn add(&mut self, key: &str, message: String) {
        self.0.push(Problem { at: None, path: key.into(), message });
    }

    fn directory(&mut self, key: &str, path: Option<&Path>) -> bool {
        let Some(path) = path else { return false };
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => return true,
            Ok(_) => self.add(key, format!("{} is not a directory", path.display())),
            Err(error) => self.add(key, format!("{}: {error}", path.display())),
        }
        false
    }

    fn writable(&mut self, key: &str, path: Option<&Path>) {
        let Some(path) = path.filter(|path| self.directory(key, Some(path))) else { return };
        if let Err(error) = rustix::fs::access(path, rustix::fs::Access::WRITE_OK) {
            self.add(key, format!("{} is not writable: {error}", path.display()));
        }
    }

    fn file(&mut self, key: &str, path: Option<&Path>) {
        let Some(path) = path else { return };
        match fs::metadata(path) {
            Ok(metadata) if !metadata.is_file() => {
                self.add(key, format!("{} is not a regular file", path.display()))
            }
            Ok(_) => {
                if let Err(error) = File::open(path) {
                    self.add(key, format!("{}: {error}", path.display()));
                }
            }
            Err(error) => self.add(key, format!("{}: {error}", path.display())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_on_the_machine_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().display();
        let (environment, file) = (Environment::default(), directory.path().join("file"));
        fs::write(&file, "x").unwrap();
        let text = format!(
            "host: {{root: {path}/none}}\ntransforms_dir: {path}/file\nstate_dir: {path}\naws: {{ca_file: {path}/ca}}\n\
             api: {{kubeconfig: {path}/file}}\nkubelet: {{url: 'https://a', token_file: {path}/file, ca_files: [{path}]}}\ninstance: {{enabled: false}}\n\
             sinks: {{c: {{type: cloudwatch_logs, spool: {{dir: {path}/spool}}}}, unused: {{type: file, path: /none/a}}, f: {{type: file, path: {path}/x/events}}}}\n\
             pipelines: [{{name: a, outputs: [{{formatter: {{use: 'builtin:emf'}}, sink: c}}, {{formatter: {{use: 'builtin:emf'}}, sink: f}}]}}]\n"
        );
        let config = Config::parse(&text, None, &environment).unwrap();
        let found = problems(&config, &environment);
        let keys: Vec<&str> = found.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(
            keys,
            [
                "host.root",
                "transforms_dir",
                "aws.ca_file",
                "api.kubeconfig",
                "kubelet.ca_files[0]",
                "sinks.c.spool.dir",
                "sinks.f.path",
                "aws"
            ]
        );
        assert!(found[3].message.contains("file:1:1: expected a kubeconfig"), "{}", found[3].message);
        assert!(found[1].message.ends_with("file is not a directory"), "{}", found[1].message);
    }
}
