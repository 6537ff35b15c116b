//! Check of the host that a request names.
//!
//! A page in a browser on the node can have its own host name resolve to the loopback address and then read the responses of this server
//! as if they came from the page's origin (DNS rebinding). It cannot choose the host name in the request.

use std::net::{Ipv4Addr, Ipv6Addr};

use hyper::Request;
use hyper::header::HOST;

/// Returns true if a request names an IP address, `localhost` or this node. A request without a host, possible in HTTP/1.0, does not
/// come from a browser and is accepted.
pub fn is_ours<B>(request: &Request<B>, node_name: &str) -> bool {
    let is_ours = |name: &str| is_address_or_node(name, node_name);
    let of_uri = request.uri().authority().map(|authority| authority.as_str());
    let mut headers = request.headers().get_all(HOST).iter();
    of_uri.is_none_or(is_ours) && headers.all(|header| header.to_str().is_ok_and(is_ours))
}

fn is_address_or_node(host: &str, node_name: &str) -> bool {
    if let Some(rest) = host.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else { return false };
        // An IPv6 zone has a meaning for the client only.
        let address = address.split_once('%').map_or(address, |(address, _)| address);
        return address.parse::<Ipv6Addr>().is_ok() && (port.is_empty() || is_port(port.strip_prefix(':')));
    }
    let name = match host.split_once(':') {
        Some((_, port)) if !is_port(Some(port)) => return false,
        Some((name, _)) => name,
        None => host,
    };
    let is = |other: &str| !other.is_empty() && name.eq_ignore_ascii_case(other);
    name.parse::<Ipv4Addr>().is_ok() || is("localhost") || is(node_name)
}

fn is_port(text: Option<&str>) -> bool {
    text.is_some_and(|text| text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_own_names_are_answered() {
        for ours in [
            "127.0.0.1",
            "127.0.0.1:9464",
            "10.2.3.4:80",
            "localhost",
            "LOCALHOST:9464",
            "[::1]",
            "[::1]:9464",
            "[fe80::1%eth0]:9464",
            "ip-10-0-0-1.ec2.internal",
            "IP-10-0-0-1.ec2.internal:9464",
        ] {
            assert!(is_address_or_node(ours, "ip-10-0-0-1.ec2.internal"), "{ours}");
        }
        for other in [
            "",
            ":9464",
            "evil.example",
            "evil.example:9464",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "localhost:evil",
            "127.0.0.1:94640000",
            "[::1",
            "[evil.example]",
            "[::1]evil",
            "user@127.0.0.1",
            "127.0.0.1:1:2",
            "0x7f.1",
        ] {
            assert!(!is_address_or_node(other, "ip-10-0-0-1.ec2.internal"), "{other}");
        }
        assert!(!is_address_or_node("", ""), "no name is no node's");
    }

    #[test]
    fn every_name_of_a_request_counts() {
        let request = |uri: &str, hosts: &[&str]| {
            let mut request = Request::get(uri);
            for host in hosts {
                request = request.header(HOST, *host);
            }
            is_ours(&request.body(()).unwrap(), "n1")
        };
        assert!(request("/status", &[]) && request("/status", &["n1"]));
        assert!(!request("/status", &["n1", "evil.example"]) && !request("/status", &["n1,evil.example"]));
        assert!(!request("http://evil.example/status", &["localhost"]));
        assert!(request("http://localhost/status", &["localhost"]));
    }
}
