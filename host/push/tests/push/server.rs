//! A server that records requests and responds as a test wants, with or without TLS that requires a client certificate.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// The behavior of a server.
#[derive(Clone, Copy)]
pub(crate) enum Script {
    /// A response with this status, media type and body.
    Status(u16, &'static str, &'static [u8]),
    /// No response.
    Silence,
    /// The connection is closed after the request.
    Close,
    /// A body without an end.
    Endless,
    /// Bytes that are not HTTP.
    Garbage,
    /// These responses in turn, with this header each, then 200.
    Sequence(&'static [u16], &'static str),
    /// These responses in turn, each with a header of its own; the last one from then on.
    Responses(&'static [(u16, &'static str)]),
    /// 200 with this header, after a time.
    Slow(Duration, &'static str),
}

/// A received request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) line: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }
}

#[derive(Default)]
struct Log {
    requests: Vec<Request>,
    connections: usize,
}

pub(crate) struct Server {
    pub(crate) url: String,
    log: Arc<Mutex<Log>>,
    script: Arc<Mutex<Script>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(crate) async fn start(script: Script) -> Self {
        Self::run(script, None).await
    }

    pub(crate) async fn start_tls(script: Script) -> Self {
        let pem = |bytes: &[u8]| CertificateDer::from_pem_slice(bytes).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(pem(include_bytes!("../data/ca.pem"))).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .unwrap();
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("../data/server.key")).unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![pem(include_bytes!("../data/server.pem"))], key)
            .unwrap();
        Self::run(script, Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn run(script: Script, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let (log, script) = (Arc::new(Mutex::new(Log::default())), Arc::new(Mutex::new(script)));
        let (shared, scripts) = (Arc::clone(&log), Arc::clone(&script));
        let task = tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                shared.lock().unwrap().connections += 1;
                let (log, script, tls) = (Arc::clone(&shared), Arc::clone(&scripts), tls.clone());
                tokio::spawn(async move {
                    // A client that goes away is part of some tests.
                    let _ = match tls {
                        None => serve(socket, &script, &log).await,
                        Some(tls) => match tls.accept(socket).await {
                            Ok(socket) => serve(socket, &script, &log).await,
                            Err(error) => Err(error),
                        },
                    };
                });
            }
        });
        Self { url, log, script, task }
    }

    /// Changes the behavior from the next request on.
    pub(crate) fn switch(&self, script: Script) {
        *self.script.lock().unwrap() = script;
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.log.lock().unwrap().requests.clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.log.lock().unwrap().connections
    }
}

async fn serve(
    socket: impl AsyncRead + AsyncWrite + Unpin,
    script: &Mutex<Script>,
    log: &Mutex<Log>,
) -> std::io::Result<()> {
    let mut socket = BufReader::new(socket);
    while let Some(request) = read(&mut socket).await? {
        let number = {
            let mut log = log.lock().unwrap();
            log.requests.push(request);
            log.requests.len()
        };
        let script = *script.lock().unwrap();
        match script {
            Script::Slow(time, header) => {
                tokio::time::sleep(time).await;
                let head = format!("HTTP/1.1 200 x\r\n{header}\r\ncontent-length: 0\r\n\r\n");
                socket.write_all(head.as_bytes()).await?;
                socket.flush().await?;
            }
            Script::Sequence(statuses, header) => {
                let status = statuses.get(number - 1).copied().unwrap_or(200);
                let head = format!("HTTP/1.1 {status} x\r\n{header}\r\ncontent-length: 0\r\n\r\n");
                socket.write_all(head.as_bytes()).await?;
                socket.flush().await?;
            }
            Script::Responses(responses) => {
                let (status, header) = responses[(number - 1).min(responses.len() - 1)];
                let head = format!("HTTP/1.1 {status} x\r\n{header}\r\ncontent-length: 0\r\n\r\n");
                socket.write_all(head.as_bytes()).await?;
                socket.flush().await?;
            }
            Script::Status(status, content_type, body) => {
                let head = format!(
                    "HTTP/1.1 {status} x\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\ndate: Tue, 01 Jan 2030 00:00:00 GMT\r\n\r\n",
                    body.len()
                );
                socket.write_all(head.as_bytes()).await?;
                socket.write_all(body).await?;
                socket.flush().await?;
            }
            Script::Silence => std::future::pending().await,
            Script::Close => return Ok(()),
            Script::Endless => {
                socket.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
                loop {
                    socket.write_all(b"1000\r\n").await?;
                    socket.write_all(&[b'x'; 0x1000]).await?;
                    socket.write_all(b"\r\n").await?;
                }
            }
            Script::Garbage => {
                socket.write_all(&[0xff; 4096]).await?;
                socket.flush().await?;
            }
        }
    }
    Ok(())
}

/// Reads one request; `None` at the end of the connection.
async fn read(socket: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Option<Request>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match socket.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return Ok(None),
        }
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let line = lines.next().unwrap_or_default().to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let mut request = Request { line, headers, body: Vec::new() };
    request.body = vec![0; request.header("content-length").parse().unwrap_or(0)];
    socket.read_exact(&mut request.body).await?;
    Ok(Some(request))
}
