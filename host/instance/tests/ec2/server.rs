//! A server that responds with a given function.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The parts of a request that tests examine.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    head: String,
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

/// Reaction of the server to a request.
pub(crate) enum Response {
    /// Status, further header lines, body.
    Reply(u16, &'static str, String),
    /// An endless body of JSON white space: so many bytes at a time, with a pause after each.
    Endless(usize, Duration),
    /// Half of the announced body.
    Half(String),
    /// No response, as if it were lost on its way.
    Silence,
}

pub(crate) struct Server {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<Request>>>,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(respond: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, respond) = (Arc::clone(&requests), Arc::new(respond));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, respond) = (Arc::clone(&seen), Arc::clone(&respond));
                tokio::spawn(async move {
                    // A client that goes away ends its connection.
                    let _ = serve(stream, &seen, &*respond).await;
                });
            }
        });
        Self { url, requests, task }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    seen: &Mutex<Vec<Request>>,
    respond: &(impl Fn(&Request) -> Response + Sync),
) -> std::io::Result<()> {
    while let Some(request) = read(&mut stream).await? {
        seen.lock().unwrap().push(request.clone());
        match respond(&request) {
            Response::Half(body) => {
                let length = body.len() * 2;
                let text = format!("HTTP/1.1 200 X\r\ncontent-length: {length}\r\n\r\n{body}");
                return stream.write_all(text.as_bytes()).await;
            }
            Response::Endless(piece, pause) => {
                stream
                    .write_all(b"HTTP/1.1 200 X\r\nx-aws-ec2-metadata-token-ttl-seconds: 21600\r\n\r\n")
                    .await?;
                loop {
                    stream.write_all(&vec![b' '; piece]).await?;
                    tokio::time::sleep(pause).await;
                }
            }
            Response::Silence => tokio::time::sleep(Duration::from_secs(3600)).await,
            Response::Reply(status, head, body) => {
                let length = body.len();
                let text = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{head}\r\n{body}");
                stream.write_all(text.as_bytes()).await?;
            }
        }
    }
    Ok(())
}

async fn read(stream: &mut TcpStream) -> std::io::Result<Option<Request>> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut first = head.split_whitespace().map(str::to_owned);
    let (method, path) = (first.next().unwrap(), first.next().unwrap());
    let mut request = Request { method, path, head, body: String::new() };
    let length: usize = request.header("content-length").map_or(0, |text| text.parse().unwrap());
    while bytes.len() < end + 4 + length {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
    request.body = String::from_utf8_lossy(&bytes[end + 4..end + 4 + length]).into_owned();
    Ok(Some(request))
}
