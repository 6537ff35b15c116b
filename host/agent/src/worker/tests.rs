use std::sync::Mutex;

use insightd_pipeline::Sha256;
use insightd_pipeline::bundle::BundleOrigin;

use super::*;
use crate::assemble;
use crate::config::{Config, Environment};
use crate::snapshot::Snapshot;
use crate::sources::{Sample, Source};

/// A source that notes its calls.
#[derive(Debug)]
struct Noting {
    scope: Scope,
    calls: Arc<Mutex<Vec<String>>>,
}

impl Noting {
    fn note(&self, call: String) {
        self.calls.lock().unwrap().push(call);
    }
}

impl Source for Noting {
    fn scope(&self) -> Scope {
        self.scope
    }

    fn want(&mut self, facts: OptionalFacts) {
        self.note(format!("want {}", if facts.is_empty() { "nothing" } else { "something" }));
    }

    fn prime(&mut self) {
        self.note("prime".into());
    }

    fn sample(&mut self, _: u64, _: &mut dyn FnMut(Sample)) {
        self.note("sample".into());
    }
}

/// Returns the bundle of the default configuration under a number.
fn defaults(number: u8) -> Bundle {
    let config = Config::without_file(&Environment::default()).unwrap().1;
    let snapshot = Snapshot::new(String::new(), config.clone(), None);
    let mut library = assemble::library(&snapshot).unwrap();
    let pipelines = assemble::pipelines(&config, &mut library, &["stdout".into()]).unwrap();
    let id = Generation(Sha256([number; 32]));
    Bundle { pipelines, id, origin: BundleOrigin::Defaults, trial_ticks: 0 }
}

fn tick(worker: &mut Worker, time_unix_ms: u64) {
    let ended = worker.tick(Tick { time_unix_ms, lateness_ms: 0, left_out: 0 });
    assert!(matches!(ended, Err(WorkError::SinksClosed)), "there are no sinks");
}

#[test]
fn the_default_chain_reads_no_optional_facts() {
    let bundle = defaults(1);
    let names: Vec<&str> = bundle.reads(Scope::Node).collect();
    assert!(names.contains(&"memory.*") && names.contains(&"LaunchType"), "those of all stages: {names:?}");
    assert!(OptionalFacts::from_reads(names).is_empty());
    assert!(OptionalFacts::from_reads(bundle.reads(Scope::Cluster)).is_empty());
}

#[test]
fn sources_are_told_before_they_read_and_when_the_bundle_changes() {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let mut sources = Sources::default();
    sources.add(Noting { scope: Scope::Node, calls: Arc::clone(&calls) });
    let sinks = SinkSet::new(Vec::new());
    let mut worker = Worker::new(sources, defaults(1), sinks, States::open(None));
    let taken = || std::mem::take(&mut *calls.lock().unwrap());
    worker.prime().unwrap();
    assert_eq!(taken(), ["want nothing", "prime"]);
    tick(&mut worker, 1000);
    assert_eq!(taken(), ["sample"]);
    worker.generations.swap(defaults(2), 2000);
    tick(&mut worker, 2000);
    assert_eq!(taken(), ["want nothing", "sample"]);
    tick(&mut worker, 3000);
    assert_eq!(taken(), ["sample"]);
}
