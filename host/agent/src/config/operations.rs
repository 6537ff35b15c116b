//! `operations:` the operations server.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use super::reader::Section;

/// Settings for the operations server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operations {
    /// Address of `/healthz`, `/readyz` and `/metrics`; `None` disables the server.
    pub listen: Option<SocketAddr>,
}

impl Default for Operations {
    fn default() -> Self {
        Self { listen: Some(SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9464))) }
    }
}

/// Reads the section.
pub(super) fn read(section: &Section<'_>) -> Operations {
    let listen = section.value("listen", listen);
    section.finish();
    listen.map_or_else(Operations::default, |listen| Operations { listen })
}

fn listen(text: &str) -> Result<Option<SocketAddr>, String> {
    if text == "none" {
        return Ok(None);
    }
    address(text, 9464, ", or none").map(Some)
}

/// Parses an address with a fixed port. The error shows `port` in its examples, and then `others`, the values other than addresses.
pub(super) fn address(text: &str, port: u16, others: &str) -> Result<SocketAddr, String> {
    match text.parse::<SocketAddr>() {
        Ok(address) if address.port() > 0 => Ok(address),
        Ok(_) => Err("port 0 selects another port at every start; configure a fixed port".into()),
        Err(_) => Err(format!(
            "invalid address `{text}`: expected IP:PORT, such as 127.0.0.1:{port} or [::]:{port}{others}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::reader::Problems;
    use insightd_yaml as yaml;

    fn read_text(text: &str) -> (Operations, Option<String>) {
        let (problems, root) = (Problems::default(), yaml::parse(text).unwrap());
        let operations = read(&Section::root(root.as_ref(), &problems));
        (operations, problems.into_report(None).map(|report| report.to_string()))
    }

    #[test]
    fn loopback_by_default() {
        for text in ["", "listen:", "listen: ~"] {
            let (operations, report) = read_text(text);
            assert_eq!((operations, report), (Operations::default(), None), "{text}");
        }
        let listen = Operations::default().listen.unwrap();
        assert!(listen.ip().is_loopback());
        assert_eq!(listen.port(), 9464);
    }

    #[test]
    fn an_address_or_none() {
        assert_eq!(read_text("listen: none").0.listen, None);
        for address in ["0.0.0.0:9464", "10.0.0.7:80", "[::1]:9464", "[::]:1"] {
            let (operations, report) = read_text(&format!("listen: '{address}'"));
            assert_eq!((operations.listen, report), (Some(address.parse().unwrap()), None), "{address}");
        }
    }

    #[test]
    fn mistakes_are_reported() {
        for (text, wanted) in [
            ("listen: 9464", "invalid address `9464`"),
            ("listen: localhost:9464", "invalid address"),
            ("listen: 127.0.0.1:0", "port 0"),
            ("listen: 127.0.0.1:65536", "invalid address"),
            ("listen: [127.0.0.1:1]", "expected one value"),
            ("port: 1", "unknown key; known here: listen"),
        ] {
            let report = read_text(text).1.unwrap_or_default();
            assert!(report.contains(wanted), "{text}: {report}");
        }
    }
}
