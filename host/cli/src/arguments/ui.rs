//! Options of `ui`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::live::{Agent, interval};

/// Examples of `ui`; part of the help text.
pub(super) const UI_EXAMPLE: &str = "\
On a node, in a pod of a cluster, and over a recording:
  sudo insightctl ui
  insightctl ui --exec 'kubectl exec -n amazon-cloudwatch POD --'
  insightctl demo --save node.jsonl; insightctl ui node.jsonl";

/// Options of `ui`.
#[derive(Debug, Args)]
pub(crate) struct Ui {
    /// Recording of `insightd record`, instead of a running agent
    #[arg(conflicts_with_all = ["socket", "address", "exec"])]
    pub(crate) recording: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) agent: Agent,
    /// Configuration file for the recording and for the playground [default: the built-in pipelines]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Address of the page, on this machine only; port 0 is a free one
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = loopback, default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// Time between two requests for the agent's state
    #[arg(long, value_name = "DURATION", value_parser = interval, default_value = "2s")]
    pub(crate) interval: Duration,
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| "expected ADDRESS:PORT, such as 127.0.0.1:8080 or [::1]:0".to_owned())?;
    match address.ip().is_loopback() {
        true => Ok(address),
        false => {
            Err("the page shows names and values of all pods: only a loopback address is allowed; from \
             elsewhere, forward the port with ssh -L"
                .into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_allowed() {
        for ours in ["127.0.0.1:0", "127.1.2.3:80", "[::1]:8080"] {
            assert!(loopback(ours).is_ok(), "{ours}");
        }
        for other in
            ["0.0.0.0:0", "10.0.0.1:80", "[::]:0", "localhost:80", "127.0.0.1", "[::ffff:127.0.0.1]:80"]
        {
            assert!(loopback(other).is_err(), "{other}");
        }
    }
}
