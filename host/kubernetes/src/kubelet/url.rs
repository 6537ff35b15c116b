//! URLs of kubelets.

use std::net::Ipv6Addr;

use http::Uri;

use crate::client::ClientError;

/// Port of the kubelet's read-write server.
const PORT: u16 = 10_250;

/// Longest name of an interface in bytes: `IFNAMSIZ` without its NUL.
const INTERFACE_BYTES: usize = 15;

/// Returns the kubelet's URL on a node with this host name or IP address. An IPv6 address gets brackets, and its zone the
/// escape of RFC 6874.
pub fn url_for_host(host: &str) -> String {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let (address, zone) = split_zone(bare);
    if address.parse::<Ipv6Addr>().is_err() {
        return format!("https://{host}:{PORT}");
    }
    match zone {
        Some(zone) => format!("https://[{address}%25{zone}]:{PORT}"),
        None => format!("https://[{address}]:{PORT}"),
    }
}

/// Splits off the zone of an address, with or without the escape.
fn split_zone(text: &str) -> (&str, Option<&str>) {
    match text.split_once('%') {
        Some((address, zone)) => (address, Some(zone.strip_prefix("25").unwrap_or(zone))),
        None => (text, None),
    }
}

/// A parsed URL.
#[derive(Debug)]
pub(super) struct Address {
    /// The URL without a zone, which neither HTTP clients nor certificates support.
    pub(super) uri: Uri,
    /// The zone of a link-local address: the interface that leads to it.
    pub(super) interface: Option<String>,
    pub(super) is_secure: bool,
}

impl Address {
    /// Parses a URL.
    ///
    /// # Errors
    /// If `url` is not the address of a kubelet.
    pub(super) fn parse(url: &str) -> Result<Self, ClientError> {
        let wrong = |error: String| ClientError::Url { url: url.to_owned(), server: "the kubelet", error };
        let (text, interface) = match within_brackets(url).map(|host| (host, split_zone(host))) {
            Some((host, (address, Some(zone)))) => {
                let is_name = (1..=INTERFACE_BYTES).contains(&zone.len())
                    && zone.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/');
                if !is_name || zone.bytes().all(|byte| byte.is_ascii_digit()) {
                    return Err(wrong(format!(
                        "invalid zone {zone:?}: expected the name of an interface, such as eth0"
                    )));
                }
                (url.replacen(host, address, 1), Some(zone.to_owned()))
            }
            _ => (url.to_owned(), None),
        };
        let uri: Uri = text.parse().map_err(|error: http::uri::InvalidUri| wrong(error.to_string()))?;
        let is_secure = match (uri.scheme_str(), uri.host()) {
            (Some("https"), Some(_)) => true,
            (Some("http"), Some(_)) => false,
            _ => return Err(wrong("expected a URL such as https://10.0.0.7:10250".into())),
        };
        Ok(Self { uri, interface, is_secure })
    }
}

/// Returns the IPv6 host of a URL.
fn within_brackets(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://[")?;
    Some(rest.split_once(']')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_built_from_hosts() {
        for (host, url) in [
            ("10.0.0.7", "https://10.0.0.7:10250"),
            ("fd00::7", "https://[fd00::7]:10250"),
            ("[fd00::7]", "https://[fd00::7]:10250"),
            ("fe80::1%eth0", "https://[fe80::1%25eth0]:10250"),
            ("fe80::1%25eth0", "https://[fe80::1%25eth0]:10250"),
            ("::ffff:10.0.0.7", "https://[::ffff:10.0.0.7]:10250"),
            ("node-a.example", "https://node-a.example:10250"),
        ] {
            assert_eq!(url_for_host(host), url);
            assert!(Address::parse(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn a_zone_becomes_the_interface() {
        for url in ["https://[fe80::1%25eth0]:10250", "https://[fe80::1%eth0]:10250"] {
            let address = Address::parse(url).unwrap();
            assert_eq!(address.uri.to_string(), "https://[fe80::1]:10250/");
            assert_eq!((address.interface.as_deref(), address.is_secure), (Some("eth0"), true));
        }
        assert_eq!(Address::parse("http://[fd00::7]:10255").unwrap().interface, None);
    }

    #[test]
    fn invalid_addresses_are_errors() {
        for url in [
            "10.0.0.7:10250",
            "https://",
            "ftp://10.0.0.7",
            "https://fd00::7:10250",
            "https://[fe80::1%25]:10250",
            "https://[fe80::1%252]:10250",
            "https://[fe80::1%25a/b]:10250",
            "https://[fe80::1%25averyverylongname]:10250",
        ] {
            let text = Address::parse(url).unwrap_err().to_string();
            assert!(text.contains("invalid address of the kubelet"), "{url}: {text}");
        }
    }
}
