//! Addresses of servers.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use http::Uri;

/// An address that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid address `{address}`: {reason}; expected http://HOST:PORT")]
pub struct UrlError {
    address: String,
    reason: String,
}

/// The address of a server, with the path that all requests begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BaseUrl {
    host: String,
    port: u16,
    authority: String,
    path: String,
}

impl BaseUrl {
    /// Parses an address such as `http://169.254.170.2/v4/ID`.
    ///
    /// # Errors
    /// If it is not a URL with the scheme `http`, or has user information or a query.
    pub(crate) fn parse(address: &str) -> Result<Self, UrlError> {
        let invalid = |reason: &str| UrlError { address: address.to_owned(), reason: reason.to_owned() };
        let uri: Uri = address.parse().map_err(|error: http::uri::InvalidUri| invalid(&error.to_string()))?;
        if uri.scheme_str() != Some("http") {
            return Err(invalid("the scheme is not http"));
        }
        let authority = uri.authority().ok_or_else(|| invalid("no host"))?;
        if authority.as_str().contains('@') || uri.query().is_some() {
            return Err(invalid("user information and a query are not supported"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(invalid("no host"));
        }
        Ok(Self {
            host: host.to_owned(),
            port: authority.port_u16().unwrap_or(80),
            authority: authority.as_str().to_owned(),
            path: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    pub(crate) fn from_ip(address: IpAddr, port: u16) -> Self {
        let authority = SocketAddr::new(address, port).to_string();
        Self { host: address.to_string(), port, authority, path: String::new() }
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_split() {
        for (address, host, port, authority, path) in [
            ("http://169.254.170.2/v4/abc-1", "169.254.170.2", 80, "169.254.170.2", "/v4/abc-1"),
            ("http://127.0.0.1:51678", "127.0.0.1", 51678, "127.0.0.1:51678", ""),
            ("http://[fd00:ec2::23]:51678/", "fd00:ec2::23", 51678, "[fd00:ec2::23]:51678", ""),
            ("HTTP://ecs.internal:8080/x/", "ecs.internal", 8080, "ecs.internal:8080", "/x"),
        ] {
            let url = BaseUrl::parse(address).unwrap();
            assert_eq!((url.host(), url.port(), url.authority(), url.path()), (host, port, authority, path));
        }
        let v6 = BaseUrl::from_ip("fd00:ec2::23".parse().unwrap(), 51678);
        assert_eq!((v6.to_string().as_str(), v6.host()), ("http://[fd00:ec2::23]:51678", "fd00:ec2::23"));
    }

    #[test]
    fn other_addresses_are_errors() {
        for address in [
            "",
            "127.0.0.1:51678",
            "https://127.0.0.1",
            "http://",
            "http://u:p@h",
            "http://h/?a=b",
            "/v4",
            "unix:/run",
        ] {
            let error = BaseUrl::parse(address).unwrap_err().to_string();
            assert!(error.contains(&format!("`{address}`")) && error.contains("expected http://"), "{error}");
        }
    }
}
