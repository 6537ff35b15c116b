//! A proxy between the agent and the service that injects faults.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A fault of one request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// The connection is closed after the request was read.
    Close,
    /// The request is never answered or forwarded.
    Silence,
    /// The request is forwarded after a delay.
    Slow(Duration),
    /// This response is returned at once, with `Retry-After` in seconds; the service never sees the request.
    Status(u16, &'static str, Option<u32>),
    /// The service processes the request; its response lacks the last byte.
    TruncatedResponse,
    /// The service processes the request; the response is replaced by HTML.
    GarbledResponse,
    /// The service processes the request; no response is returned.
    LostResponse,
}

pub(crate) struct Proxy {
    port: u16,
    requests: Arc<AtomicUsize>,
    faults: Arc<Mutex<VecDeque<Fault>>>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Starts a proxy that injects faults into requests of one operation: its header `x-amz-target`, in lower case.
    pub(crate) async fn start(emulator: &str, operation: &'static str) -> Self {
        let target = emulator.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(AtomicUsize::new(0));
        let faults: Arc<Mutex<VecDeque<Fault>>> = Arc::default();
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let (counted, broken, seen) = (Arc::clone(&requests), Arc::clone(&faults), Arc::clone(&heads));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (target, faults, requests) = (target.clone(), Arc::clone(&broken), Arc::clone(&counted));
                let seen = Arc::clone(&seen);
                tokio::spawn(
                    async move { serve(stream, &target, operation, &faults, &requests, &seen).await },
                );
            }
        });
        Self { port, requests, faults, heads }
    }

    /// Queues faults for the next requests, one per request.
    pub(crate) fn breaks(&self, faults: Vec<Fault>) {
        self.faults.lock().unwrap().extend(faults);
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Headers of the requests of the operation, in lower case.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    /// Number of requests of the operation received.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

async fn serve(
    mut stream: TcpStream,
    target: &str,
    operation: &str,
    faults: &Mutex<VecDeque<Fault>>,
    requests: &AtomicUsize,
    heads: &Mutex<Vec<String>>,
) -> Option<()> {
    loop {
        let request = read_message(&mut stream).await?;
        let head = String::from_utf8_lossy(&request[..request.len().min(2000)]).to_lowercase();
        let is_of_operation = head.contains(operation);
        let fault = if is_of_operation { faults.lock().unwrap().pop_front() } else { None };
        if is_of_operation {
            requests.fetch_add(1, Ordering::Relaxed);
            heads.lock().unwrap().push(head.split("\r\n\r\n").next().unwrap_or_default().to_owned());
        }
        match fault {
            Some(Fault::Close) => return None,
            Some(Fault::Silence) => std::future::pending::<()>().await,
            Some(Fault::Status(status, body, after)) => {
                let after = after.map(|after| format!("retry-after: {after}\r\n")).unwrap_or_default();
                let length = body.len();
                let response = format!(
                    "HTTP/1.1 {status} X\r\ncontent-type: application/x-amz-json-1.1\r\n{after}content-length: {length}\r\n\r\n{body}"
                );
                stream.write_all(response.as_bytes()).await.ok()?;
                continue;
            }
            Some(Fault::Slow(time)) => tokio::time::sleep(time).await,
            _ => {}
        }
        let response = forward(target, &request).await?;
        match fault {
            Some(Fault::TruncatedResponse) => {
                stream.write_all(&response[..response.len() - 1]).await.ok()?;
                return None;
            }
            Some(Fault::GarbledResponse) => {
                let response =
                    "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 13\r\n\r\n<html>hello</";
                stream.write_all(response.as_bytes()).await.ok()?;
            }
            Some(Fault::LostResponse) => std::future::pending::<()>().await,
            _ => stream.write_all(&response).await.ok()?,
        }
    }
}

async fn forward(target: &str, request: &[u8]) -> Option<Vec<u8>> {
    let mut upstream = TcpStream::connect(target).await.ok()?;
    upstream.write_all(request).await.ok()?;
    read_message(&mut upstream).await
}

/// Reads a request or response with `Content-Length`.
async fn read_message(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let (mut message, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        if let Some(end) = message.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&message[..end]).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.map_or(Some(0), |length| length.trim().parse().ok())?;
            if message.len() >= end + 4 + length {
                return Some(message);
            }
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => message.extend_from_slice(&buffer[..read]),
        }
    }
}
