//! A server of HTTP on loopback that responds as a test wants and records what it got.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A request: status of its response, headers in lower case, and the body.
#[derive(Clone, Debug)]
pub struct Received {
    /// Status that the server responded with.
    pub status: u16,
    /// Request line and headers, in lower case.
    pub head: String,
    /// The body as it was sent.
    pub body: Vec<u8>,
}

/// A response.
#[derive(Clone, Debug)]
pub struct Response {
    /// Status.
    pub status: u16,
    /// A further header.
    pub header: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// Returns a response with a header and without a body.
    pub fn new(status: u16, header: impl Into<String>) -> Self {
        Self { status, header: header.into(), body: Vec::new() }
    }
}

/// The server. It ends with the process.
#[derive(Clone, Debug)]
pub struct Receiver {
    address: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    /// Starts a server on a free port. `respond` gets the number of a request, from 0 on, and its body.
    ///
    /// # Panics
    /// If it cannot listen.
    pub fn start(respond: impl Fn(usize, &[u8]) -> Response + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let server = Self { address, received: Arc::default() };
        let (this, respond) = (server.clone(), Arc::new(respond));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (this, respond) = (this.clone(), Arc::clone(&respond));
                std::thread::spawn(move || {
                    let mut stream = BufReader::new(stream);
                    while let Some((head, body)) = read(&mut stream) {
                        // Numbers and responses are those of one request at a time.
                        let mut received = this.lock();
                        let Response { status, header, body: text } = respond(received.len(), &body);
                        received.push(Received { status, head, body });
                        drop(received);
                        let length = text.len();
                        let head =
                            format!("HTTP/1.1 {status} x\r\n{header}\r\ncontent-length: {length}\r\n\r\n");
                        // A client that was killed is part of some tests.
                        if stream.get_mut().write_all(&[head.as_bytes(), &text].concat()).is_err() {
                            break;
                        }
                    }
                });
            }
        });
        server
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Received>> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the address and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Returns the requests so far.
    pub fn received(&self) -> Vec<Received> {
        self.lock().clone()
    }
}

fn read(stream: &mut impl BufRead) -> Option<(String, Vec<u8>)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    // A GET has no body, and no length.
    let length = length.map_or(Some(0), |length| length.parse().ok())?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some((head, body))
}
