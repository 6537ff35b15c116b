//! Tests of new pipelines and components while the agent runs: a good bundle starts between two ticks, a bad one changes
//! nothing, and no tick is lost.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use insightd_tests::guests;

use crate::agent::{Agent, INTERVAL_MS, config, now_ms};

#[test]
fn a_changed_configuration_runs_from_the_next_tick_on() {
    let agent = Agent::start();
    agent.configure("v1", "none", "");
    agent.wait("the new version", |agent| agent.last_version().as_deref() == Some("v1"));
    agent.wait_for_outcome("installed", "");
    // The same content again gives the same bundle.
    let installed = agent.rollout("installed");
    agent.configure("v1", "none", "# a remark");
    thread::sleep(Duration::from_millis(4 * INTERVAL_MS));
    assert_eq!(agent.rollout("installed"), installed);
    agent.check_ticks();
}

#[test]
fn what_fails_a_check_changes_nothing() {
    let agent = Agent::start();
    agent.wait("a batch to try with", |agent| agent.rollout("running")["bundle"].is_string());
    for (habit, why) in [
        ("panic", "fails on the last batch"),
        ("spin", "fails on the last batch"),
        ("nothing", "rollout.bounds."),
        ("ten times", "rollout.bounds.events_more"),
        ("refuse", "an apple"),
        ("NaN", "fails on the last batch"),
    ] {
        agent.configure("bad", habit, "");
        agent.wait_for_outcome("rejected", why);
    }
    // Files that are not a component, half a component, and a missing file.
    agent.configure("bad", "none", "");
    agent.wait("the good one", |agent| agent.last_version().as_deref() == Some("bad"));
    let wasm = fs::read(guests().join("guest_stage.wasm")).expect("was built");
    let scratch = agent.directory.path().join("scratch");
    for content in [&b"no component at all"[..], &wasm[..wasm.len() / 2]] {
        fs::write(&scratch, content).expect("can be written");
        agent.put(&scratch);
        agent.wait_for_outcome("rejected", "subject");
    }
    agent.put(&guests().join("guest_format.wasm"));
    agent.wait_for_outcome("rejected", "is a formatter");
    fs::remove_file(agent.directory.path().join("transforms/subject.wasm")).expect("can be removed");
    agent.wait_for_outcome("waiting", "No such file");
    fs::write(agent.file(), "pipelines: {").expect("can be written");
    agent.wait_for_outcome("rejected", "insightd.yaml");
    assert_eq!(agent.rollout("rolled_back"), 0);
    agent.check_ticks();
    let versions = agent.last_version();
    assert_eq!(versions.as_deref(), Some("bad"), "the last good one, by its name");
}

#[test]
fn what_fails_while_it_runs_is_rolled_back_and_remembered() {
    let mut agent = Agent::start();
    agent.wait("a batch to try with", |agent| agent.rollout("running")["bundle"].is_string());
    agent.wait("a good bundle is stored", |agent| agent.directory.path().join("state/last-good/id").exists());
    let from = now_ms() + 6 * INTERVAL_MS;
    agent.configure("late", &format!("panic from {from}"), "");
    agent.wait("the new version", |agent| agent.last_version().as_deref() == Some("late"));
    agent.wait_for_outcome("rolled-back", "subject");
    agent.wait("the old version", |agent| agent.last_version().as_deref() == Some("v0"));
    agent.check_ticks();
    // The bad bundle is still configured. The next agent starts with the last good one.
    agent.process.kill().expect("can be killed");
    agent.events.lock().expect("no panic").clear();
    agent.run();
    assert_eq!(agent.last_version().as_deref(), Some("v0"));
    agent.wait("its status", |agent| agent.rollout("running")["origin"] == "last-good");
    agent.wait_for_outcome("rejected", "rolled back");
    agent.configure("v2", "none", "");
    agent.wait("a good version", |agent| agent.last_version().as_deref() == Some("v2"));
    agent.check_ticks();
}

/// Nothing was proven good before the failure: the previous bundle continues its probation, also after a restart.
#[test]
fn what_fails_before_anything_was_proven_does_not_run_again() {
    let mut agent = Agent::start();
    let state = agent.directory.path().join("state");
    let trial = "rollout: {trial_ticks: 1000}";
    agent.process.kill().expect("can be killed");
    agent.process.wait().expect("ends");
    fs::remove_dir_all(&state).expect("can be removed");
    agent.configure("v0", "none", trial);
    agent.run();
    agent.wait("a batch to try with", |agent| agent.rollout("running")["bundle"].is_string());
    let from = now_ms() + 6 * INTERVAL_MS;
    agent.configure("late", &format!("panic from {from}"), trial);
    agent.wait("the new version", |agent| agent.last_version().as_deref() == Some("late"));
    agent.wait_for_outcome("rolled-back", "subject");
    let why = agent.rollout("latest")["why"].clone();
    agent.configure("late", &format!("panic from {from}"), &format!("# a remark\n{trial}"));
    agent.wait("the old version", |agent| agent.last_version().as_deref() == Some("v0"));
    thread::sleep(Duration::from_millis(2 * INTERVAL_MS));
    assert_eq!(agent.rollout("latest")["why"], why, "the reason stays");
    let taken = || {
        let names = fs::read_dir(&state).expect("a directory").flatten().map(|entry| entry.file_name());
        names.filter(|name| name.to_string_lossy().starts_with("taken-")).count()
    };
    assert_eq!(taken(), 1, "that of the bundle that failed is gone");
    for _ in 0..2 {
        agent.process.kill().expect("can be killed");
        agent.events.lock().expect("no panic").clear();
        agent.run();
        assert_eq!(agent.last_version().as_deref(), Some("v0"));
        agent.wait("its status", |agent| agent.rollout("running")["origin"] == "resumed-trial");
        agent.wait_for_outcome("rejected", "rolled back: node/");
    }
    agent.configure("v2", "none", trial);
    agent.wait("a good version", |agent| agent.last_version().as_deref() == Some("v2"));
}

#[test]
fn switch_and_canary_hold_it() {
    let agent = Agent::start();
    agent.wait("a good bundle is stored", |agent| agent.directory.path().join("state/last-good/id").exists());
    agent.configure("v1", "none", "rollout: {enabled: false}");
    agent.wait_for_outcome("held", "rollout.enabled");
    agent.configure("v1", "none", "rollout: {canary: 0%}");
    agent.wait_for_outcome("held", "rollout.canary");
    agent.configure("v1", "ten times", "rollout: {canary: 100%}");
    agent.wait_for_outcome("rejected", "events_more");
    assert_eq!(agent.last_version().as_deref(), Some("v0"));
    // Operators can allow it explicitly.
    let bounds = "rollout: {bounds: {events_more: any, bytes_more: any}}";
    agent.configure("v1", "ten times", bounds);
    agent.wait("ten times as many", |agent| agent.last_version().as_deref() == Some("v1"));
    // A tenth of that exceeds the bounds, but this bundle was good before.
    agent.configure("v0", "none", "");
    agent.wait("what was good", |agent| agent.last_version().as_deref() == Some("v0"));
}

/// A component sees which node it runs on. A node does not accept a bundle because a canary did: it tests the bundle on its
/// own data.
#[test]
fn what_behaves_on_the_canary_alone_is_rejected_elsewhere() {
    for (name, is_canary) in [("canary", true), ("another", false)] {
        let mut agent = Agent::start();
        let node = format!("node: {{name: {name}}}");
        agent.configure("v0", "none", &node);
        agent.process.kill().expect("can be killed");
        agent.events.lock().expect("no panic").clear();
        agent.run();
        agent.wait("a batch to try with", |agent| agent.rollout("running")["bundle"].is_string());
        agent.configure("v1", "trip over another", &node);
        if is_canary {
            agent.wait("the new version", |agent| agent.last_version().as_deref() == Some("v1"));
            agent.wait_for_outcome("installed", "");
        } else {
            agent.wait_for_outcome("rejected", "fails on the last batch");
            assert_eq!(agent.last_version().as_deref(), Some("v0"));
        }
        agent.check_ticks();
    }
}

/// A configuration may name a component that arrives a moment later, by its hash.
#[test]
fn a_pinned_component_is_waited_for() {
    let agent = Agent::start();
    let author = guests().join("guest_author.wasm");
    let output = Command::new("sha256sum").arg(&author).output().expect("sha256sum runs").stdout;
    let hash = String::from_utf8(output).expect("UTF-8")[..64].to_owned();
    let text =
        config(&agent, "v1", "none", "").replace("config: {habit: \"none\"}", &format!("sha256: {hash}"));
    assert!(text.contains(&hash));
    fs::write(agent.file(), text).expect("can be written");
    agent.wait_for_outcome("waiting", "SHA-256");
    assert_eq!(agent.last_version().as_deref(), Some("v0"));
    agent.put(&author);
    agent.wait("the new version", |agent| agent.last_version().as_deref() == Some("v1"));
    agent.check_ticks();
}

/// Replaces `..data` as in a mounted ConfigMap.
#[test]
fn a_mount_is_swapped() {
    let agent = Agent::start();
    let transforms = agent.directory.path().join("transforms");
    // An additional custom section makes it a different file with the same behaviour.
    let fill = |name: &str| {
        fs::create_dir(transforms.join(name)).expect("can be made");
        let mut wasm = fs::read(guests().join("guest_stage.wasm")).expect("was built");
        wasm.extend([0, name.len() as u8 + 1, name.len() as u8]);
        wasm.extend(name.bytes());
        fs::write(transforms.join(name).join("subject.wasm"), wasm).expect("can be written");
        let fresh = transforms.join("..data_tmp");
        std::os::unix::fs::symlink(name, &fresh).expect("can be made");
        fs::rename(fresh, transforms.join("..data")).expect("can be renamed");
    };
    fill("..1");
    let link = transforms.join("link");
    std::os::unix::fs::symlink("..data/subject.wasm", &link).expect("can be made");
    fs::rename(link, transforms.join("subject.wasm")).expect("can be renamed");
    thread::sleep(Duration::from_millis(2 * INTERVAL_MS));
    let before = agent.rollout("running")["bundle"].clone();
    fill("..2");
    agent.wait("the new component", |agent| {
        let bundle = agent.rollout("running")["bundle"].clone();
        bundle.is_string() && bundle != before
    });
    agent.check_ticks();
}

/// Reloads many bundles in a row, at varying points of a tick; `RELOADS` replaces the default of 20.
#[test]
fn many_reloads_leave_nothing_behind() {
    let reloads = std::env::var("RELOADS").map_or(20, |text| text.parse().expect("RELOADS is a number"));
    let agent = Agent::start();
    let process = agent.process.id();
    // Directories of cgroups stay open, and vary with other processes on the machine.
    let is_counted = |path: &Path| fs::read_link(path).is_ok_and(|to| !to.starts_with("/sys/fs/cgroup"));
    let files = || {
        let files = fs::read_dir(format!("/proc/{process}/fd")).expect("the agent lives").flatten();
        files.filter(|file| is_counted(&file.path())).count()
    };
    let threads = || fs::read_dir(format!("/proc/{process}/task")).expect("the agent lives").count();
    let resident_kib = || -> u64 {
        let smaps = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).expect("the agent lives");
        let line = smaps.lines().find(|line| line.starts_with("Rss:")).expect("a process has a size");
        line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number of KiB")
    };
    agent.wait("a first bundle", |agent| agent.rollout("running")["bundle"].is_string());
    let reload = |version: &str| {
        // The point within a tick varies with this, and with the duration of the previous reload.
        let point = version.bytes().fold(7_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
        thread::sleep(Duration::from_millis(point % INTERVAL_MS));
        agent.configure(version, "none", "");
        agent.wait("the new version", |agent| agent.last_version().as_deref() == Some(version));
    };
    (0..10).for_each(|number| reload(&format!("w{number}")));
    let before = (files(), threads());
    let resident_before = resident_kib();
    (0..reloads).for_each(|number| reload(&format!("r{number}")));
    // A status request may still have a connection open.
    thread::sleep(Duration::from_secs(1));
    assert_eq!((files(), threads()), before);
    let resident = resident_kib();
    println!("{reloads} reloads: {resident_before} KiB resident before, {resident} after");
    assert!(
        resident <= resident_before + 1024,
        "{resident_before} KiB before, {resident} after {reloads} reloads"
    );
    agent.check_ticks();
}
