//! `type: otlp_http` and `type: prometheus_remote_write`, the kinds of sinks that post requests.

use std::path::PathBuf;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Uri};
use insightd_aws::settings::Role;
use insightd_push::remote_write::Version;
use insightd_push::{HeaderSource, Identity, TlsSettings};

use super::reader::{Section, one_of};
use super::spool::{self, Spool};
use super::values;
use crate::features;

/// A sink that posts requests to a receiver of metrics.
#[derive(Clone, Debug, PartialEq)]
pub struct PushSink {
    /// Protocol of the receiver.
    pub protocol: PushProtocol,
    /// Address that requests are posted to. If absent, that of CloudWatch for OTLP in the region of `sigv4`.
    pub endpoint: Option<Uri>,
    /// Signatures of AWS.
    pub sigv4: Option<SigV4>,
    /// Additional headers.
    pub headers: Vec<(HeaderName, HeaderSource)>,
    /// Certificates.
    pub tls: TlsSettings,
    /// Time limit of a request.
    pub timeout: Duration,
    /// Concurrent requests.
    pub concurrency: usize,
    /// Buffer of requests before delivery.
    pub spool: Spool,
}

/// Protocol of a receiver, with the settings that only it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushProtocol {
    /// OTLP over HTTP.
    Otlp {
        /// `true` to compress requests with gzip.
        compression: bool,
    },
    /// Prometheus remote write.
    RemoteWrite {
        /// Version to send.
        version: Version,
    },
}

/// Signatures of AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigV4 {
    /// Name of the service in signatures.
    pub service: String,
    /// Region; the agent's own if absent.
    pub region: Option<String>,
    /// Role to assume; the agent's own if absent.
    pub role: Option<Role>,
}

/// Most additional headers.
const MAX_HEADERS: usize = 32;

/// Default timeout of a request.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Name of CloudWatch in signatures, the only service with a default address.
const CLOUDWATCH: &str = "monitoring";

/// Name of Amazon Managed Service for Prometheus in signatures.
const MANAGED_PROMETHEUS: &str = "aps";

/// Reads a sink of type `otlp_http`.
pub(super) fn read_otlp(section: &Section<'_>) -> PushSink {
    let compression =
        section.value("compression", one_of(&[("gzip", true), ("none", false)])).unwrap_or(true);
    read(section, PushProtocol::Otlp { compression })
}

/// Reads a sink of type `prometheus_remote_write`.
pub(super) fn read_remote_write(section: &Section<'_>) -> PushSink {
    let versions = [("auto", Version::Auto), ("1", Version::One), ("2", Version::Two)];
    let version = section.value("version", one_of(&versions)).unwrap_or(Version::Auto);
    read(section, PushProtocol::RemoteWrite { version })
}

fn read(section: &Section<'_>, protocol: PushProtocol) -> PushSink {
    let is_otlp = matches!(protocol, PushProtocol::Otlp { .. });
    let endpoint = section.value("endpoint_url", endpoint);
    let has_sigv4 = section.get("sigv4").is_some();
    let sigv4 = sigv4(&section.section("sigv4"), if is_otlp { CLOUDWATCH } else { MANAGED_PROMETHEUS });
    let sigv4 = has_sigv4.then_some(sigv4);
    if sigv4.is_some() && !features::HAS_AWS {
        section.problem("sigv4", features::NO_AWS_CLIENTS);
    }
    let has_default = is_otlp && sigv4.as_ref().is_some_and(|sigv4| sigv4.service == CLOUDWATCH);
    if section.get("endpoint_url").is_none() && !has_default {
        section.problem(
            "endpoint_url",
            if is_otlp {
                "required: the address of the receiver, such as http://collector:4318/v1/metrics; only CloudWatch \
                 (`sigv4` with the service monitoring) has a default"
            } else {
                "required: the address of the receiver, such as http://prometheus:9090/api/v1/write"
            },
        );
    }
    if endpoint.as_ref().is_some_and(|endpoint| endpoint.path() == "/") {
        section.warn(
            "endpoint_url",
            if is_otlp {
                "has no path; receivers of OTLP listen at /v1/metrics"
            } else {
                "has no path; Prometheus listens at /api/v1/write"
            },
        );
    }
    let timeout = section.value("timeout", |text| match values::duration(text)? {
        time if (Duration::from_secs(1)..=Duration::from_secs(300)).contains(&time) => Ok(time),
        _ => Err("must be from 1s to 5m".to_string()),
    });
    let headers = headers(section);
    let sets_authorization = headers.iter().any(|(name, _)| *name == AUTHORIZATION);
    if sigv4.is_some() && sets_authorization {
        section.warn("sigv4", "the signature is overwritten: `Authorization` is set as well");
    }
    PushSink {
        protocol,
        endpoint,
        sigv4,
        headers,
        tls: tls(&section.section("tls")),
        timeout: timeout.unwrap_or(TIMEOUT),
        concurrency: spool::concurrency(section, if is_otlp { 2 } else { 1 }),
        spool: spool::read(&section.section("spool")),
    }
}

fn sigv4(section: &Section<'_>, default: &str) -> SigV4 {
    let service = section.value("service", |text| {
        let is_name = !text.is_empty()
            && text.len() <= 64
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        is_name
            .then(|| text.to_owned())
            .ok_or_else(|| format!("invalid service name `{text}`: expected a name such as monitoring"))
    });
    let sigv4 = SigV4 {
        service: service.unwrap_or_else(|| default.to_owned()),
        region: section.value("region", super::aws::region),
        role: super::aws::read_role(&section.section("role")),
    };
    section.finish();
    sigv4
}

/// Reads the three sources of headers.
fn headers(section: &Section<'_>) -> Vec<(HeaderName, HeaderSource)> {
    let mut headers: Vec<(HeaderName, HeaderSource)> = Vec::new();
    let name = |text: &str| {
        let reserved = [
            "content-type",
            "content-encoding",
            "content-length",
            "host",
            "transfer-encoding",
            "connection",
            "x-prometheus-remote-write-version",
        ];
        match HeaderName::try_from(text) {
            Ok(name) if reserved.contains(&name.as_str()) => {
                Err(format!("the agent sets the header `{text}` itself"))
            }
            Ok(name) => Ok(name),
            Err(_) => Err(format!("invalid header name `{text}`")),
        }
    };
    for (key, item) in section.named_of("headers", MAX_HEADERS).unwrap_or_default() {
        let value = item.value(|text| {
            let mut value = HeaderValue::from_str(text)
                .map_err(|_| "invalid header value: control character or not ASCII".to_string())?;
            value.set_sensitive(true);
            Ok(HeaderSource::Value(value))
        });
        match (name(key), value) {
            (Ok(name), Some(value)) => headers.push((name, value)),
            (Err(problem), _) => item.problem(problem),
            (Ok(_), None) => {}
        }
    }
    for (key, item) in section.named_of("header_files", MAX_HEADERS).unwrap_or_default() {
        let file = item.value(super::reader::non_empty);
        match (name(key), file) {
            (Ok(name), Some(path)) => {
                headers.push((name, HeaderSource::File { prefix: "", path: path.into() }));
            }
            (Err(problem), _) => item.problem(problem),
            (Ok(_), None) => {}
        }
    }
    if let Some(path) = section.text("bearer_token_file") {
        headers.push((AUTHORIZATION, HeaderSource::File { prefix: "Bearer ", path: path.into() }));
    }
    for (index, (name, _)) in headers.iter().enumerate() {
        if headers[..index].iter().any(|(earlier, _)| earlier == name) {
            section.problem("headers", format!("the header `{name}` is set twice"));
        }
    }
    headers
}

fn tls(section: &Section<'_>) -> TlsSettings {
    let file = |key| section.text(key).map(PathBuf::from);
    let (ca_file, cert_file, key_file) = (file("ca_file"), file("cert_file"), file("key_file"));
    let identity = match (cert_file, key_file) {
        (Some(cert_file), Some(key_file)) => Some(Identity { cert_file, key_file }),
        (None, None) => None,
        (Some(_), None) => {
            section.problem("key_file", "must be set together with `cert_file`");
            None
        }
        (None, Some(_)) => {
            section.problem("cert_file", "must be set together with `key_file`");
            None
        }
    };
    section.finish();
    TlsSettings { ca_file, identity }
}

/// Parses the address of a receiver.
fn endpoint(text: &str) -> Result<Uri, String> {
    let invalid = || format!("invalid address `{text}`: expected https://HOST/PATH");
    let uri: Uri = super::aws::endpoint(text)?.parse().map_err(|_| invalid())?;
    uri.host().is_some_and(|host| !host.is_empty()).then_some(uri).ok_or_else(invalid)
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Environment, SinkKind};
    use super::*;

    fn parse(sink: &str) -> Result<(PushSink, Vec<String>), String> {
        parse_type("otlp_http", sink)
    }

    fn parse_type(kind: &str, sink: &str) -> Result<(PushSink, Vec<String>), String> {
        let text = format!("sinks: {{o: {{type: {kind}, {sink}}}}}");
        let config =
            Config::parse(&text, None, &Environment::default()).map_err(|report| report.to_string())?;
        let warnings = config.warnings.0.iter().map(|warning| warning.message.clone()).collect();
        match config.sinks.into_iter().find(|sink| sink.name == "o").unwrap().kind {
            SinkKind::Push(sink) => Ok((*sink, warnings)),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn an_address_or_cloudwatch_is_enough() {
        let (sink, warnings) = parse("endpoint_url: 'http://collector:4318/v1/metrics'").unwrap();
        assert_eq!(sink.endpoint.unwrap().to_string(), "http://collector:4318/v1/metrics");
        assert_eq!(sink.protocol, PushProtocol::Otlp { compression: true });
        assert!(sink.sigv4.is_none() && sink.headers.is_empty() && warnings.is_empty());
        assert_eq!((sink.timeout, sink.concurrency), (Duration::from_secs(10), 2));
        let (sink, _) = parse("sigv4: {}").unwrap();
        assert_eq!(sink.sigv4.unwrap().service, "monitoring");
        assert!(sink.endpoint.is_none());
        let (_, warnings) = parse("endpoint_url: 'http://collector:4318'").unwrap();
        assert!(warnings[0].contains("listen at /v1/metrics"), "{warnings:?}");
    }

    #[test]
    fn remote_write_needs_an_address_and_has_a_version() {
        let parse = |sink: &str| parse_type("prometheus_remote_write", sink);
        let (sink, warnings) = parse("endpoint_url: 'http://p:9090/api/v1/write'").unwrap();
        assert_eq!(sink.protocol, PushProtocol::RemoteWrite { version: Version::Auto });
        assert_eq!((sink.timeout, sink.concurrency, warnings.len()), (Duration::from_secs(10), 1, 0));
        for (text, version) in [("auto", Version::Auto), ("1", Version::One), ("2", Version::Two)] {
            let (sink, _) = parse(&format!("endpoint_url: 'http://p/w', version: {text}")).unwrap();
            assert_eq!(sink.protocol, PushProtocol::RemoteWrite { version });
        }
        let (sink, _) = parse("endpoint_url: 'https://aps/w', sigv4: {region: eu-west-1}").unwrap();
        assert_eq!(sink.sigv4.unwrap().service, "aps");
        let (_, warnings) = parse("endpoint_url: 'http://p:9090'").unwrap();
        assert!(warnings[0].contains("listens at /api/v1/write"), "{warnings:?}");
        for (sink, wanted) in [
            (
                "sigv4: {}",
                "endpoint_url: required: the address of the receiver, such as http://prometheus:9090",
            ),
            ("sigv4: {service: monitoring}", "endpoint_url: required"),
            ("endpoint_url: 'http://p/w', version: 3", "expected one of auto, 1, 2"),
            ("endpoint_url: 'http://p/w', compression: gzip", "unknown key"),
            (
                "endpoint_url: 'http://p/w', headers: {X-Prometheus-Remote-Write-Version: x}",
                "the agent sets the header `X-Prometheus-Remote-Write-Version` itself",
            ),
        ] {
            let report = parse(sink).unwrap_err();
            assert!(report.contains(wanted), "{sink}: {report}");
        }
    }

    #[test]
    fn headers_come_from_text_and_files_and_stay_secret() {
        let (sink, _) = parse(
            "endpoint_url: 'https://c/v1/metrics', headers: {X-Scope-OrgID: secret}, header_files: {X-Key: /key}, bearer_token_file: /token",
        )
        .unwrap();
        let names: Vec<&str> = sink.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["x-scope-orgid", "x-key", "authorization"]);
        assert!(!format!("{sink:?}").contains("secret"), "{sink:?}");
    }

    #[test]
    fn mistakes_are_reported() {
        let with = |rest: &str| format!("endpoint_url: 'https://c/v1/metrics', {rest}");
        for (sink, wanted) in [
            ("compression: gzip".to_owned(), "endpoint_url: required"),
            ("sigv4: {service: aps}".to_owned(), "endpoint_url: required"),
            ("endpoint_url: collector".to_owned(), "invalid address `collector`"),
            ("endpoint_url: 'https://user:pass@c/'".to_owned(), "invalid address"),
            ("endpoint_url: 'https://[::'".to_owned(), "invalid address"),
            (with("sigv4: {service: 'A B'}"), "invalid service name `A B`"),
            (with("sigv4: {regoin: x}"), "did you mean `region`?"),
            (with("headers: {'a b': x}"), "invalid header name `a b`"),
            (with("headers: {Host: x}"), "the agent sets the header `Host` itself"),
            (with("headers: {a: \"x\\ny\"}"), "invalid header value"),
            (with("headers: {a: x}, header_files: {A: /x}"), "the header `a` is set twice"),
            (with("tls: {cert_file: /c}"), "tls.key_file: must be set together with `cert_file`"),
            (with("tls: {key_file: /c}"), "tls.cert_file: must be set together with `key_file`"),
            (with("timeout: 0s"), "must be from 1s to 5m"),
            (with("concurrency: 17"), "must be from 1 to 16"),
            (with("compression: zstd"), "expected one of gzip, none"),
        ] {
            let report = parse(&sink).unwrap_err();
            assert!(report.contains(wanted), "{sink}: {report}");
        }
    }
}
