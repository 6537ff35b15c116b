//! Detection of configuration changes that take effect only at a restart.

use crate::config::{Config, Sink};

/// Returns the keys of the configuration that differ, except those that apply without a restart.
pub(super) fn keys(started_with: &Config, now: &Config) -> Vec<String> {
    // Destructured in full, so that a new key cannot be forgotten.
    let Config {
        interval,
        offset,
        role,
        log,
        host,
        node,
        aws,
        instance,
        kubelet,
        ecs,
        api,
        cluster,
        leader,
        fargate,
        operations,
        transforms_dir,
        state_dir,
        rollout: _,
        compiler,
        limits,
        sinks,
        pipelines: _,
        variables: _,
        warnings: _,
    } = now;
    let before = started_with;
    let differs = [
        ("interval", *interval != before.interval),
        ("offset", *offset != before.offset),
        ("role", *role != before.role),
        ("log", *log != before.log),
        ("host", *host != before.host),
        ("node", *node != before.node),
        ("aws", *aws != before.aws),
        ("instance", *instance != before.instance),
        ("kubelet", *kubelet != before.kubelet),
        ("ecs", *ecs != before.ecs),
        ("api", *api != before.api),
        ("cluster", *cluster != before.cluster),
        ("leader", *leader != before.leader),
        ("fargate", *fargate != before.fargate),
        ("operations", *operations != before.operations),
        ("transforms_dir", *transforms_dir != before.transforms_dir),
        ("state_dir", *state_dir != before.state_dir),
        ("compiler", *compiler != before.compiler),
        ("limits", *limits != before.limits),
    ];
    let keys = differs.iter().filter(|(_, differs)| *differs).map(|(key, _)| (*key).to_owned());
    keys.chain(sink_keys(&before.sinks, sinks)).collect()
}

/// Returns the keys of sinks that were added, removed or changed.
fn sink_keys(before: &[Sink], now: &[Sink]) -> Vec<String> {
    let is_same = |sink: &Sink, others: &[Sink]| others.contains(sink);
    let mut names: Vec<&str> =
        now.iter().filter(|sink| !is_same(sink, before)).map(|sink| &*sink.name).collect();
    let gone = before.iter().filter(|sink| !now.iter().any(|other| other.name == sink.name));
    names.extend(gone.map(|sink| &*sink.name));
    names.into_iter().map(|name| format!("sinks.{name}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    fn config(text: &str) -> Config {
        Config::parse(text, None, &Environment::default()).unwrap()
    }

    #[test]
    fn the_keys_that_differ_are_named() {
        let before = config("sinks: {a: {type: file, path: /a}, b: {type: file, path: /b}}");
        assert!(keys(&before, &before).is_empty());
        let now = "interval: 7s\nlog: {level: debug}\nrollout: {canary: 5%}\nsinks: {b: {type: file, path: /c}, c: {type: stdout}}";
        let found = keys(&before, &config(now));
        assert_eq!(found, ["interval", "log", "sinks.b", "sinks.c", "sinks.a"]);
        assert_eq!(keys(&before, &config("state_dir: /x")), ["state_dir", "sinks.a", "sinks.b"]);
    }
}
