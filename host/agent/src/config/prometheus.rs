//! `type: prometheus`, a kind of sink.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use super::reader::Section;
use super::{operations, values};

/// A sink that serves the samples of the last tick for Prometheus to scrape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrometheusSink {
    /// Address of the page.
    pub listen: SocketAddr,
    /// Most bytes of the page in the text format.
    pub max_bytes: u64,
    /// Age beyond which the page is not served; derived from the interval if absent.
    pub stale_after: Option<Duration>,
}

const PORT: u16 = 9465;

/// Reads the keys of the sink. `interval` is the time between two ticks.
pub(super) fn read(section: &Section<'_>, interval: Duration) -> PrometheusSink {
    let listen = section.value("listen", |text| operations::address(text, PORT, ""));
    let max_bytes = section.value("max_bytes", |text| match values::size(text)? {
        bytes if (1 << 20..=1 << 30).contains(&bytes) => Ok(bytes),
        _ => Err("must be from 1MiB to 1GiB".to_string()),
    });
    let stale_after = section.value("stale_after", |text| match values::duration(text)? {
        age if age <= interval => {
            Err("must be longer than `interval`: the page would be stale before the next tick".into())
        }
        age if age > Duration::from_secs(24 * 3600) => Err("must be 24h or less".to_string()),
        age => Ok(age),
    });
    PrometheusSink {
        listen: listen.unwrap_or(SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, PORT))),
        max_bytes: max_bytes.unwrap_or(64 << 20),
        stale_after,
    }
}

/// Returns true if two servers cannot listen on these addresses at the same time.
pub(super) fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    let is_same = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() == b.port() && is_same
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Environment, SinkKind};

    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, None, &Environment::default()).map_err(|report| report.to_string())
    }

    fn sink(keys: &str) -> Result<PrometheusSink, String> {
        let config = parse(&format!("sinks: {{p: {{type: prometheus, {keys}}}}}"))?;
        let found = config.sinks.into_iter().find_map(|sink| match sink.kind {
            SinkKind::Prometheus(sink) => Some(sink),
            _ => None,
        });
        Ok(found.unwrap())
    }

    #[test]
    fn loopback_by_default() {
        let wanted = PrometheusSink {
            listen: "127.0.0.1:9465".parse().unwrap(),
            max_bytes: 64 << 20,
            stale_after: None,
        };
        assert_eq!(sink(""), Ok(wanted));
        let wanted = PrometheusSink {
            listen: "[::]:80".parse().unwrap(),
            max_bytes: 1 << 30,
            stale_after: Some(Duration::from_secs(61)),
        };
        assert_eq!(sink("listen: '[::]:80', max_bytes: 1GiB, stale_after: 61s"), Ok(wanted));
    }

    #[test]
    fn mistakes_are_reported() {
        for (keys, wanted) in [
            (
                "listen: 9465",
                "sinks.p.listen: invalid address `9465`: expected IP:PORT, such as 127.0.0.1:9465 or [::]:9465",
            ),
            ("listen: none", "invalid address `none`"),
            ("listen: '0.0.0.0:0'", "port 0"),
            ("max_bytes: 1023KiB", "sinks.p.max_bytes: must be from 1MiB to 1GiB"),
            ("max_bytes: 2GiB", "must be from 1MiB to 1GiB"),
            ("stale_after: 60s", "sinks.p.stale_after: must be longer than `interval`"),
            ("stale_after: 25h", "must be 24h or less"),
            ("path: /metrics", "unknown key; known here: type, listen, max_bytes, stale_after"),
        ] {
            let error = sink(keys).unwrap_err();
            assert!(error.contains(wanted), "{keys}: {error}");
        }
    }

    #[test]
    fn an_address_belongs_to_one_server() {
        let two = |a: &str, b: &str| {
            let sinks =
                format!("{{type: prometheus, listen: '{a}'}}, b: {{type: prometheus, listen: '{b}'}}");
            parse(&format!("sinks: {{a: {sinks}}}")).map(|_| ())
        };
        for (a, b) in
            [("127.0.0.1:9465", "127.0.0.1:9466"), ("127.0.0.1:1", "10.0.0.1:1"), ("127.0.0.1:1", "[::1]:1")]
        {
            assert_eq!(two(a, b), Ok(()), "{a} {b}");
        }
        for (a, b) in [
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("127.0.0.1:1", "0.0.0.0:1"),
            ("[::]:1", "10.0.0.1:1"),
            ("[::]:1", "[::1]:1"),
        ] {
            let error = two(a, b).unwrap_err();
            let wanted = format!("sinks.b: the address {b} is already used by the sink `a` ({a})");
            assert!(error.contains(&wanted), "{error}");
        }
        let error = sink("listen: '0.0.0.0:9464'").unwrap_err();
        let wanted =
            "sinks.p: the address 0.0.0.0:9464 is already used by `operations.listen` (127.0.0.1:9464)";
        assert!(error.contains(wanted), "{error}");
        assert!(
            parse("operations: {listen: none}\nsinks: {p: {type: prometheus, listen: '0.0.0.0:9464'}}")
                .is_ok()
        );
    }
}
