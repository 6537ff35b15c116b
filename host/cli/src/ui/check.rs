//! Checks of a request before anything is done for it.
//!
//! Every page in the user's browser, and every program of other users on the machine, can send requests to the loopback
//! address. The token keeps programs out; the host keeps out pages whose name resolves to the loopback address (DNS
//! rebinding); the origin keeps other pages from sending what changes something.

use std::net::{Ipv4Addr, Ipv6Addr};

use hyper::header::{HOST, ORIGIN};
use hyper::{Method, Request, StatusCode};

use super::query::Query;
use super::token::Token;

/// Header with the token.
const HEADER: &str = "x-token";

/// A rejected request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rejected {
    pub(super) status: StatusCode,
    pub(super) reason: &'static str,
}

/// Checks host, token and, of requests other than GET and HEAD, the origin.
///
/// # Errors
/// The request is not from our page.
pub(super) fn check<B>(request: &Request<B>, query: &Query, token: &Token) -> Result<(), Rejected> {
    let forbidden = |reason| Err(Rejected { status: StatusCode::FORBIDDEN, reason });
    let Some(host) = host(request) else {
        return forbidden("unknown host: use the address that insightctl printed");
    };
    let mut of_header = request.headers().get_all(HEADER).iter().filter_map(|value| value.to_str().ok());
    let is_known = of_header.any(|value| token.is(value)) || query.all("token").any(|value| token.is(value));
    if !is_known {
        return forbidden("missing or wrong token: open the address that insightctl printed");
    }
    match *request.method() {
        Method::GET | Method::HEAD => Ok(()),
        Method::POST if is_ours(request, host) => Ok(()),
        Method::POST => forbidden("the request is not from this page"),
        _ => Err(Rejected { status: StatusCode::METHOD_NOT_ALLOWED, reason: "method not allowed" }),
    }
}

/// Returns the host that the request names, if it is exactly one and loopback.
fn host<B>(request: &Request<B>) -> Option<&str> {
    let mut headers = request.headers().get_all(HOST).iter();
    let (host, None) = (headers.next()?.to_str().ok()?, headers.next()) else { return None };
    let is_uri_same = request.uri().authority().is_none_or(|authority| authority.as_str() == host);
    (is_uri_same && is_loopback(host)).then_some(host)
}

fn is_loopback(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, port)) => (name, port.strip_prefix(':').or(port.is_empty().then_some("80"))),
        None => match host.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (host, Some("80")),
        },
    };
    let is_port = port
        .is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok());
    let is_ip = match host.starts_with('[') {
        true => name.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback()),
        false => name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback()),
    };
    is_port && (is_ip || name.eq_ignore_ascii_case("localhost"))
}

/// Returns true if the origin is the page of this host.
fn is_ours<B>(request: &Request<B>, host: &str) -> bool {
    let mut headers = request.headers().get_all(ORIGIN).iter();
    let (Some(origin), None) = (headers.next(), headers.next()) else { return false };
    origin.to_str().is_ok_and(|origin| origin.strip_prefix("http://") == Some(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(method: &str, uri: &str, headers: &[(&str, &str)], token: &Token) -> u16 {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).unwrap();
        let query = Query::parse(request.uri().query().unwrap_or_default()).unwrap();
        check(&request, &query, token).map_or_else(|rejected| rejected.status.as_u16(), |()| 200)
    }

    #[test]
    fn every_request_needs_the_token() {
        let token = Token::new().unwrap();
        let (right, host) = (token.as_str().to_owned(), ("host", "127.0.0.1:4000"));
        let get = |uri: &str, headers: &[(&str, &str)]| checked("GET", uri, headers, &token);
        assert_eq!(get(&format!("/?token={right}"), &[host]), 200);
        assert_eq!(get("/api/status", &[host, ("x-token", &right)]), 200);
        assert_eq!(get(&format!("/?token=x&token={right}"), &[host]), 200);
        for (uri, header) in [("/", ""), ("/?token=", ""), ("/?token=0", "0"), ("/?Token=00", &right[..31])] {
            assert_eq!(get(uri, &[host, ("x-token", header)]), 403, "{uri} {header}");
        }
    }

    #[test]
    fn the_host_is_loopback() {
        let token = Token::new().unwrap();
        let get = |hosts: &[&str]| {
            let mut headers: Vec<(&str, &str)> = hosts.iter().map(|host| ("host", *host)).collect();
            headers.push(("x-token", token.as_str()));
            checked("GET", "/", &headers, &token)
        };
        for ours in
            ["127.0.0.1:1", "127.0.0.1", "127.9.9.9:65535", "localhost:80", "LOCALHOST", "[::1]:80", "[::1]"]
        {
            assert_eq!(get(&[ours]), 200, "{ours}");
        }
        for other in [
            "",
            "evil.example",
            "evil.example:80",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "10.0.0.1",
            "0.0.0.0",
            "127.0.0.1:x",
            "127.0.0.1:99999",
            "127.0.0.1:+80",
            "user@127.0.0.1",
            "[::1",
            "[::1]x",
            "[::2]",
            "[localhost]x",
            "::1",
            "2130706433",
            "127.1",
        ] {
            assert_eq!(get(&[other]), 403, "{other}");
        }
        assert_eq!(get(&[]), 403);
        assert_eq!(get(&["127.0.0.1", "evil.example"]), 403);
        let headers = [("host", "127.0.0.1"), ("x-token", token.as_str())];
        assert_eq!(checked("GET", "http://evil.example/", &headers, &token), 403);
    }

    #[test]
    fn what_changes_something_needs_our_origin() {
        let token = Token::new().unwrap();
        let send = |method: &str, origins: &[&str]| {
            let mut headers = vec![("host", "127.0.0.1:4000"), ("x-token", token.as_str())];
            headers.extend(origins.iter().map(|origin| ("origin", *origin)));
            checked(method, "/api/playground", &headers, &token)
        };
        assert_eq!(send("POST", &["http://127.0.0.1:4000"]), 200);
        for other in ["http://127.0.0.1:4001", "https://127.0.0.1:4000", "http://localhost:4000", "null", ""]
        {
            assert_eq!(send("POST", &[other]), 403, "{other}");
        }
        assert_eq!(send("POST", &[]), 403);
        assert_eq!(send("POST", &["http://127.0.0.1:4000", "http://evil.example"]), 403);
        for method in ["PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT"] {
            assert_eq!(send(method, &["http://127.0.0.1:4000"]), 405, "{method}");
        }
    }
}
