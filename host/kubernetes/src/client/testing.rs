//! A scripted server on loopback for tests: its responses are complete, slow, cut off, or never sent.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{ServerSettings, Token, Traffic, connect};

/// A received request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Path with query.
    pub(crate) path: String,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

#[derive(Clone, Debug)]
enum Step {
    Send(Vec<u8>),
    Pause(Duration),
    /// Sends nothing more, and keeps the connection open.
    Hang,
    /// Closes the connection in the middle of the response.
    Cut,
}

/// A response to send.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    status: u16,
    /// Additional header lines.
    head: String,
    steps: Vec<Step>,
}

impl Response {
    pub(crate) fn ok() -> Self {
        Self::status(200)
    }

    pub(crate) fn status(status: u16) -> Self {
        Self { status, head: String::new(), steps: Vec::new() }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.head.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    pub(crate) fn send(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.steps.push(Step::Send(text.into()));
        self
    }

    pub(crate) fn pause(mut self, time: Duration) -> Self {
        self.steps.push(Step::Pause(time));
        self
    }

    pub(crate) fn hang(mut self) -> Self {
        self.steps.push(Step::Hang);
        self
    }

    pub(crate) fn cut(mut self) -> Self {
        self.steps.push(Step::Cut);
        self
    }
}

type Script = Arc<Mutex<dyn FnMut(usize, &Request) -> Response + Send>>;

pub(crate) struct Server {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<Request>>>,
    connections: Arc<Mutex<usize>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Starts a server. The script gets the number of the request, from 0, and the request.
    pub(crate) async fn start(script: impl FnMut(usize, &Request) -> Response + Send + 'static) -> Self {
        Self::listen(None, script).await
    }

    /// Starts a TLS server with the certificate of `tests/data/tls`, which is valid for 127.0.0.1 and `node-a.example`.
    pub(crate) async fn start_tls(script: impl FnMut(usize, &Request) -> Response + Send + 'static) -> Self {
        Self::listen(Some(acceptor()), script).await
    }

    async fn listen(
        tls: Option<tokio_rustls::TlsAcceptor>,
        script: impl FnMut(usize, &Request) -> Response + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(Mutex::new(0));
        let script: Script = Arc::new(Mutex::new(script));
        let (log, count) = (Arc::clone(&requests), Arc::clone(&connections));
        let task = tokio::spawn(async move {
            // Dropped with the server, which closes every connection.
            let mut open = tokio::task::JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                *count.lock().unwrap() += 1;
                let (script, log, tls) = (Arc::clone(&script), Arc::clone(&log), tls.clone());
                open.spawn(async move {
                    match tls {
                        None => drop(serve(socket, script, log).await),
                        Some(tls) => {
                            if let Ok(socket) = tls.accept(socket).await {
                                drop(serve(socket, script, log).await);
                            }
                        }
                    }
                });
            }
        });
        Self { url, requests, connections, task }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.requests().into_iter().map(|request| request.path).collect()
    }

    pub(crate) fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }

    pub(crate) fn client(&self) -> kube::Client {
        self.client_with(None).0
    }

    pub(crate) fn client_with(&self, token: Option<Token>) -> (kube::Client, Arc<Traffic>) {
        let traffic = Arc::new(Traffic::default());
        let mut settings = self.settings();
        settings.token = token;
        (connect(settings, Arc::clone(&traffic)).unwrap(), traffic)
    }

    pub(crate) fn settings(&self) -> ServerSettings {
        ServerSettings::new("the test", self.url.parse().unwrap())
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut socket: S,
    script: Script,
    log: Arc<Mutex<Vec<Request>>>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            if socket.read_buf(&mut head).await? == 0 {
                return Ok(());
            }
            if head[0] != b'G' && head[0] != b'P' {
                return socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            }
        };
        let text = String::from_utf8_lossy(&head[..end]).into_owned();
        head.drain(..end + 4);
        let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut request = Request { path, head: text, body: String::new() };
        let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
        while head.len() < length {
            if socket.read_buf(&mut head).await? == 0 {
                return Ok(());
            }
        }
        request.body = String::from_utf8_lossy(&head[..length]).into_owned();
        head.drain(..length);
        let number = {
            let mut log = log.lock().unwrap();
            log.push(request.clone());
            log.len() - 1
        };
        let Response { status, head, steps } = (script.lock().unwrap())(number, &request);
        let head = format!(
            "HTTP/1.1 {status} Status\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n{head}\r\n"
        );
        socket.write_all(head.as_bytes()).await?;
        for step in steps {
            match step {
                Step::Send(bytes) => {
                    socket.write_all(format!("{:x}\r\n", bytes.len()).as_bytes()).await?;
                    socket.write_all(&bytes).await?;
                    socket.write_all(b"\r\n").await?;
                    socket.flush().await?;
                }
                Step::Pause(time) => tokio::time::sleep(time).await,
                Step::Hang => std::future::pending().await,
                Step::Cut => return Ok(()),
            }
        }
        socket.write_all(b"0\r\n\r\n").await?;
        socket.flush().await?;
    }
}

fn acceptor() -> tokio_rustls::TlsAcceptor {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};

    let chain = CertificateDer::from_pem_slice(include_bytes!("../../tests/data/tls/server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("../../tests/data/tls/server.key")).unwrap();
    let config =
        rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(vec![chain], key).unwrap();
    tokio_rustls::TlsAcceptor::from(Arc::new(config))
}

/// Waits until `is_done` returns true. There is no timeout here: a test that waits forever is ended by its runner.
pub(crate) async fn until(mut is_done: impl FnMut() -> bool) {
    while !is_done() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
