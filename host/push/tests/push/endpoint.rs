//! Requests to a real HTTP server on loopback: content, headers, certificates, and responses that no receiver should give.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http::header::AUTHORIZATION;
use insightd_delivery::{RejectedEvents, Reply, RetryClass, Transport};
use insightd_push::{
    BodyKind, Encoding, HeaderSource, Identity, Protocol, Push, PushSettings, SignError, SignFuture,
    Signature, Signer, TlsSettings, Unsigned,
};

use crate::server::{Script, Server};

fn settings(url: &str) -> PushSettings {
    PushSettings {
        endpoint: format!("{url}/v1/metrics").parse().unwrap(),
        headers: Vec::new(),
        tls: TlsSettings::default(),
        timeout: Duration::from_secs(30),
    }
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

async fn send_with(push: &Push) -> Reply {
    let kind = BodyKind { content_type: "application/x-protobuf".into(), encoding: Encoding::Gzip };
    push.send(&kind.key(), 1, b"body".to_vec()).await
}

async fn send(settings: PushSettings) -> Reply {
    send_with(&Push::new(settings, Protocol::Otlp, None)).await
}

fn accepted() -> Reply {
    Reply::Accepted(RejectedEvents::default())
}

/// Asserts that the reply is a retry, and returns its class and text.
fn retry(reply: Reply) -> (RetryClass, String) {
    match reply {
        Reply::Retry { retry_class, only_destination: false, error } => (retry_class, error),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_body_arrives_as_it_is_with_its_headers() {
    let server = Server::start(Script::Status(200, "", b"")).await;
    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("token");
    std::fs::write(&token, "one\n").unwrap();
    let mut settings = settings(&server.url);
    settings.headers = vec![
        ("x-scope-orgid".parse().unwrap(), HeaderSource::Value("team".parse().unwrap())),
        (AUTHORIZATION, HeaderSource::File { prefix: "Bearer ", path: token.clone() }),
    ];
    let push = Push::new(settings, Protocol::Otlp, None);
    assert_eq!(send_with(&push).await, accepted());
    std::fs::write(&token, "two\n").unwrap();
    assert_eq!(send_with(&push).await, accepted());
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    let request = &requests[0];
    assert_eq!(
        (request.line.as_str(), request.body.as_slice()),
        ("POST /v1/metrics HTTP/1.1", b"body".as_slice())
    );
    for (name, value) in [
        ("content-type", "application/x-protobuf"),
        ("content-encoding", "gzip"),
        ("content-length", "4"),
        ("x-scope-orgid", "team"),
        ("authorization", "Bearer one"),
        ("host", server.url.trim_start_matches("http://")),
    ] {
        assert_eq!(request.header(name), value, "{name}");
    }
    assert!(request.header("user-agent").starts_with("insightd/"));
    assert_eq!(requests[1].header("authorization"), "Bearer two");
    assert_eq!(server.connections(), 1, "requests share a connection");
}

#[tokio::test]
async fn a_missing_token_is_an_error_and_no_request() {
    let server = Server::start(Script::Status(200, "", b"")).await;
    let mut settings = settings(&server.url);
    let source = HeaderSource::File { prefix: "Bearer ", path: "/nonexistent/token".into() };
    settings.headers = vec![(AUTHORIZATION, source)];
    let (class, text) = retry(send(settings).await);
    assert_eq!(class, RetryClass::Refused);
    assert!(text.contains("header `authorization`: cannot read /nonexistent/token"), "{text}");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn servers_that_do_not_respond_are_retried() {
    let url = Server::start(Script::Status(200, "", b"")).await.url.clone();
    let (class, text) = retry(send(settings(&url)).await);
    assert_eq!(class, RetryClass::Unavailable);
    assert!(text.starts_with(&url) && text.contains("server unreachable"), "{text}");

    let silent = Server::start(Script::Silence).await;
    let mut impatient = settings(&silent.url);
    impatient.timeout = Duration::from_secs(1);
    let (class, text) = retry(send(impatient).await);
    assert!(class == RetryClass::Unavailable && text.contains("timed out after 1 s"), "{text}");

    let closing = Server::start(Script::Close).await;
    let (class, text) = retry(send(settings(&closing.url)).await);
    assert!(class == RetryClass::Unavailable && text.contains("connection lost"), "{text}");
}

#[tokio::test]
async fn endless_and_garbage_responses_cost_a_bounded_amount() {
    let endless = Server::start(Script::Endless).await;
    let (class, text) = retry(send(settings(&endless.url)).await);
    assert!(class == RetryClass::Unavailable && text.contains("cannot read the response (200)"), "{text}");
    let garbage = Server::start(Script::Garbage).await;
    let (class, text) = retry(send(settings(&garbage.url)).await);
    assert!(class == RetryClass::Unavailable && text.len() < 600, "{text}");
}

#[tokio::test]
async fn a_partial_success_is_not_sent_again() {
    let body = &[0x0a, 9, 0x08, 2, 0x12, 5, b'd', b'r', b'o', b'p', b's'];
    let server = Server::start(Script::Status(200, "application/x-protobuf", body)).await;
    let reply = send(settings(&server.url)).await;
    assert_eq!(reply, Reply::Accepted(RejectedEvents { points: 2, ..RejectedEvents::default() }));
}

#[tokio::test]
async fn a_block_of_an_unknown_kind_is_undeliverable() {
    let server = Server::start(Script::Status(200, "", b"")).await;
    let push = Push::new(settings(&server.url), Protocol::Otlp, None);
    assert!(matches!(push.send(b"group\0stream", 1, Vec::new()).await, Reply::Undeliverable(_)));
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn certificates_are_verified_and_presented() {
    let server = Server::start_tls(Script::Status(200, "", b"")).await;
    let trusting = |identity| PushSettings {
        tls: TlsSettings { ca_file: Some(data("ca.pem")), identity },
        ..settings(&server.url)
    };
    let own = Identity { cert_file: data("client.pem"), key_file: data("client.key") };
    assert_eq!(send(trusting(Some(own))).await, accepted());
    let (class, text) = retry(send(trusting(None)).await);
    assert_eq!(class, RetryClass::Unavailable, "{text}");
    let (_, text) = retry(send(settings(&server.url)).await);
    assert!(text.contains("UnknownIssuer"), "{text}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_replaced_certificate_is_used() {
    let server = Server::start_tls(Script::Status(200, "", b"")).await;
    let directory = tempfile::tempdir().unwrap();
    let ca_file = directory.path().join("ca.pem");
    std::fs::copy(data("server.pem"), &ca_file).unwrap();
    let identity = Some(Identity { cert_file: data("client.pem"), key_file: data("client.key") });
    let tls = TlsSettings { ca_file: Some(ca_file.clone()), identity };
    let push = Push::new(PushSettings { tls, ..settings(&server.url) }, Protocol::Otlp, None);
    // A certificate of a server is not an authority.
    retry(send_with(&push).await);
    std::fs::remove_file(&ca_file).unwrap();
    let (class, text) = retry(send_with(&push).await);
    assert!(class == RetryClass::Refused && text.contains("tls.ca_file: cannot read"), "{text}");
    std::fs::copy(data("ca.pem"), &ca_file).unwrap();
    assert_eq!(send_with(&push).await, accepted());
}

/// Signs with a fixed header and expects that a rejection changes the next signature.
#[derive(Debug)]
struct FixedSigner(Result<&'static str, &'static str>);

impl Signer for FixedSigner {
    fn sign<'r>(&'r self, request: Unsigned<'r>) -> SignFuture<'r> {
        assert!(request.headers.iter().any(|(name, _)| *name == "host"), "{request:?}");
        assert_eq!(request.body, b"body");
        Box::pin(async {
            let value = self.0.map_err(|error| SignError(error.into()))?;
            let value = value.parse().map_err(|_| SignError("invalid".into()))?;
            Ok(Signature { headers: vec![(AUTHORIZATION, value)], revision: 7 })
        })
    }

    fn rejected(&self, revision: u64, server_date: Option<&str>) -> bool {
        assert_eq!(revision, 7);
        server_date.is_some()
    }
}

#[tokio::test]
async fn requests_are_signed_and_a_rejected_signature_is_renewed() {
    let server = Server::start(Script::Status(200, "", b"")).await;
    let push = |server: &Server, signer| {
        Push::new(settings(&server.url), Protocol::Otlp, Some(Box::new(FixedSigner(signer))))
    };
    assert_eq!(send_with(&push(&server, Ok("signed"))).await, accepted());
    assert_eq!(server.requests()[0].header("authorization"), "signed");
    let (class, text) = retry(send_with(&push(&server, Err("no credentials"))).await);
    assert!(
        class == RetryClass::Refused && text.contains("cannot sign the request: no credentials"),
        "{text}"
    );
    assert_eq!(server.requests().len(), 1);

    let refusing = Server::start(Script::Status(403, "application/json", br#"{"message":"skewed"}"#)).await;
    let (class, text) = retry(send_with(&push(&refusing, Ok("old"))).await);
    assert!(class == RetryClass::Refused && text.contains("skewed"), "{text}");
    assert_eq!(refusing.requests().len(), 2, "a new signature may be accepted at once");
    let (class, _) = retry(send(settings(&refusing.url)).await);
    assert_eq!(class, RetryClass::Refused);
}
