//! Takes part in a leader election and prints one line per event: `leading`, `stopped`, `observed IDENTITY`, `ended`; after
//! the process was stopped and continued, `woke leading` or `woke following`, depending on its first belief.
//!
//! ```text
//! elect --kubeconfig FILE --identity NAME [--kind configmap|lease] [--namespace NS] [--name NAME]
//!       [--lease SECONDS] [--renew SECONDS] [--retry SECONDS] [--no-release]
//! ```
//!
//! On SIGTERM it releases the lock, unless `--no-release` is given, and ends.

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use insightd_kubernetes::client::{ApiSettings, api_client};
use insightd_kubernetes::events::{EventRecorder, EventRecorderSettings};
use insightd_kubernetes::leader::{Election, LeaderSettings, LockKind};
use tokio::signal::unix::{SignalKind, signal};

/// Poll interval.
const LOOK: Duration = Duration::from_millis(50);

struct Options {
    kubeconfig: PathBuf,
    settings: LeaderSettings,
    release: bool,
}

fn options() -> Result<Options, Box<dyn Error>> {
    let mut kubeconfig = None;
    let mut settings = LeaderSettings::new(LockKind::ConfigMap, "default", "");
    let mut release = true;
    let mut arguments = std::env::args().skip(1);
    while let Some(flag) = arguments.next() {
        if flag == "--no-release" {
            release = false;
            continue;
        }
        let value = arguments.next().ok_or_else(|| format!("{flag} requires a value"))?;
        let seconds = || value.parse().map(Duration::from_secs_f64);
        match flag.as_str() {
            "--kubeconfig" => kubeconfig = Some(PathBuf::from(value)),
            "--identity" => settings.identity = value,
            "--namespace" => settings.namespace = value,
            "--name" => settings.name = value,
            "--lease" => settings.lease_duration = seconds()?,
            "--renew" => settings.renew_deadline = seconds()?,
            "--retry" => settings.retry_period = seconds()?,
            "--kind" => {
                settings.kind = match value.as_str() {
                    "configmap" => LockKind::ConfigMap,
                    "lease" => LockKind::Lease,
                    _ => return Err(format!("invalid --kind {value}: expected configmap or lease").into()),
                }
            }
            _ => return Err(format!("unknown option {flag}").into()),
        }
    }
    Ok(Options { kubeconfig: kubeconfig.ok_or("--kubeconfig is missing")?, settings, release })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let options = options()?;
    let api = ApiSettings { kubeconfig: Some(options.kubeconfig), user_agent: "elect".to_owned() };
    let (client, _) = api_client(&api)?;
    let node_name = options.settings.identity.clone();
    let recorder = EventRecorder::new(
        client.clone(),
        EventRecorderSettings { component: "elect".to_owned(), node_name, pod: None },
    );
    let election = Election::start(client, options.settings, Some(recorder.clone()))?;

    let mut watched = election.leadership();
    let leadership = election.leadership();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut observed = None;
    let mut looked = Instant::now();
    loop {
        tokio::select! {
            leads = watched.changed() => println!("{}", if leads { "leading" } else { "stopped" }),
            _ = terminate.recv() => break,
            () = tokio::time::sleep(LOOK) => {}
        }
        if looked.elapsed() > Duration::from_secs(1) {
            println!("woke {}", if leadership.is_leader() { "leading" } else { "following" });
        }
        looked = Instant::now();
        let holder = leadership.holder();
        if holder != observed {
            println!("observed {}", holder.as_deref().unwrap_or(""));
            observed = holder;
        }
    }
    if options.release {
        election.release().await;
    } else {
        drop(election);
    }
    println!("ended");
    let _ = tokio::time::timeout(Duration::from_secs(5), recorder.flush()).await;
    Ok(())
}
