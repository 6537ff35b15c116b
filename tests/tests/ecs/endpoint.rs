//! An HTTP server on loopback in place of the agent of ECS and of the task metadata endpoint, with the documented shapes.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Makes the body of each response.
type Body = Box<dyn FnMut() -> String + Send>;

/// Bodies by path.
type Bodies = Arc<Mutex<BTreeMap<String, Body>>>;

/// A server that answers requests for known paths, and 404 for all others, until the process ends.
pub(crate) struct Endpoint {
    address: SocketAddr,
    bodies: Bodies,
}

impl Endpoint {
    /// Starts a server without any path.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let bodies = Bodies::default();
        let served = Arc::clone(&bodies);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let bodies = Arc::clone(&served);
                std::thread::spawn(move || serve(stream, &bodies));
            }
        });
        Self { address, bodies }
    }

    /// Sets the body of a path.
    pub(crate) fn set(&self, path: &str, body: impl Into<String>) {
        let body = body.into();
        self.set_each(path, move || body.clone());
    }

    /// Sets what makes the body of each response of a path.
    pub(crate) fn set_each(&self, path: &str, body: impl FnMut() -> String + Send + 'static) {
        self.bodies.lock().expect("no request panics").insert(path.into(), Box::new(body));
    }

    /// Removes a path.
    pub(crate) fn remove(&self, path: &str) {
        self.bodies.lock().expect("no request panics").remove(path);
    }

    /// Returns the base URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Answers the requests of one connection until the client closes it.
fn serve(stream: TcpStream, bodies: &Bodies) {
    let Ok(mut out) = stream.try_clone() else { return };
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    while let Some(request) = lines.next() {
        lines.by_ref().take_while(|line| !line.is_empty()).for_each(drop);
        let path = request.split(' ').nth(1).unwrap_or_default();
        let body = bodies.lock().ok().and_then(|mut bodies| bodies.get_mut(path).map(|body| body()));
        let (status, body) = match body {
            Some(body) => ("200 OK", body),
            None => ("404 Not Found", "404 page not found\n".into()),
        };
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        if out.write_all(head.as_bytes()).and_then(|()| out.write_all(body.as_bytes())).is_err() {
            return;
        }
    }
}
