//! A scripted HTTP server on loopback, whose responses are complete, slow, cut off, or never sent.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A response to a request.
#[derive(Clone)]
pub(crate) enum Response {
    /// A status and a complete body.
    Reply(u16, String),
    /// A redirect to another address.
    Redirect(String),
    /// A complete body, sent after a pause.
    Slow(Duration, String),
    /// Half of the announced body, then the end of the connection.
    Half(String),
    /// An endless body of JSON white space.
    Endless,
    /// Bytes that are not HTTP.
    Garbage,
    /// No response; the connection stays open.
    Silence,
}

impl Response {
    pub(crate) fn ok(body: impl Into<String>) -> Self {
        Self::Reply(200, body.into())
    }
}

type Script = Arc<Mutex<dyn FnMut(&str) -> Response + Send>>;

/// The server. Its connections end with it.
pub(crate) struct Server {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Server {
    /// Starts a server; the script gets the path of each request.
    pub(crate) async fn start(script: impl FnMut(&str) -> Response + Send + 'static) -> Self {
        Self::bind("127.0.0.1:0".parse().unwrap(), script).await
    }

    pub(crate) async fn bind(
        address: SocketAddr,
        script: impl FnMut(&str) -> Response + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let script: Script = Arc::new(Mutex::new(script));
        let seen = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (script, seen) = (Arc::clone(&script), Arc::clone(&seen));
                open.spawn(async move {
                    // A client that goes away ends its connection.
                    let _ = serve(stream, &script, &seen).await;
                });
            }
        });
        Self { url, requests, task }
    }

    /// Returns heads and bodies of all requests.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// Returns the paths of all requests.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.requests().iter().map(|head| path(head).to_owned()).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn path(head: &str) -> &str {
    head.split(' ').nth(1).unwrap_or_default()
}

async fn serve(mut stream: TcpStream, script: &Script, seen: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let end = head.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let text = String::from_utf8_lossy(&head[..end]).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.parse().unwrap());
    while head.len() < end + length {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let response = (script.lock().unwrap())(path(&head));
    seen.lock().unwrap().push(head);
    match response {
        Response::Reply(status, body) => stream.write_all(complete(status, "", &body).as_bytes()).await,
        Response::Redirect(location) => {
            stream.write_all(complete(302, &format!("location: {location}\r\n"), "").as_bytes()).await
        }
        Response::Slow(pause, body) => {
            tokio::time::sleep(pause).await;
            stream.write_all(complete(200, "", &body).as_bytes()).await
        }
        Response::Half(body) => {
            let text = complete(200, "", &body);
            let (half, _) = text.split_at(text.len() - body.len() / 2);
            stream.write_all(half.as_bytes()).await
        }
        Response::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
            loop {
                stream.write_all(&[b' '; 64 * 1024]).await?;
            }
        }
        Response::Garbage => stream.write_all(b"\x00\x01\x02 this is not HTTP\r\n\r\n").await,
        Response::Silence => std::future::pending().await,
    }
}

fn complete(status: u16, head: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{head}\r\n{body}"
    )
}
