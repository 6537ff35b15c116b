//! Addresses on the command line.

use std::net::SocketAddr;

/// Checks the address of an agent: a host name or IP address, and a port.
pub(super) fn address(text: &str) -> Result<String, String> {
    let is_host = |host: &str| !host.is_empty() && !host.contains([':', '/', '[', ']', '@', ' ']);
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    let is_named = || text.rsplit_once(':').is_some_and(|(host, port)| is_host(host) && is_port(port));
    let is_address = text.parse::<SocketAddr>().is_ok_and(|address| address.port() > 0);
    match is_address || is_named() {
        true => Ok(text.into()),
        false => Err("expected HOST:PORT, such as localhost:9464 or [::1]:9464".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_hosts_with_ports() {
        for right in [
            "localhost:9464",
            "127.0.0.1:1",
            "[::1]:9464",
            "[fe80::1%2]:9464",
            "ip-10-0-0-1.ec2.internal:65535",
        ] {
            assert_eq!(address(right).as_deref(), Ok(right));
        }
        for wrong in [
            "",
            "localhost",
            ":9464",
            "localhost:",
            "localhost:0",
            "localhost:65536",
            "::1",
            "::1:9464",
            "[::1]",
            "127.0.0.1:0",
            "http://localhost:9464",
            "a b:1",
        ] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }
}
