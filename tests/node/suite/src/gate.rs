//! A closable port on the node's loopback, forwarded to a port of this machine.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::Result;

use crate::node;

/// A forwarded port. While it is shut, new connections are closed at once, and existing ones are cut.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    is_shut: bool,
    streams: Vec<TcpStream>,
}

impl Gate {
    /// Opens a port in the network of process `pid`, forwarded to `target` on this machine's loopback. It exists as long as the
    /// suite runs.
    pub(crate) fn new(pid: u32, target: u16) -> Result<Self> {
        let listener = node::listen_inside(pid)?;
        let port = listener.local_addr()?.port();
        let state = Arc::default();
        let gate = Self { port, state: Arc::clone(&state) };
        thread::spawn(move || serve(&listener, target, &state));
        Ok(gate)
    }

    pub(crate) fn shut(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.is_shut = true;
        for stream in state.streams.drain(..) {
            // The stream may already be closed.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    pub(crate) fn open(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).is_shut = false;
    }
}

fn serve(listener: &TcpListener, target: u16, state: &Mutex<State>) {
    for near in listener.incoming().flatten() {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.is_shut {
            continue;
        }
        let Ok(far) = TcpStream::connect(("127.0.0.1", target)) else { continue };
        if let (Ok(kept), Ok(also)) = (near.try_clone(), far.try_clone()) {
            state.streams.extend([kept, also]);
        }
        if let (Ok(back), Ok(forth)) = (far.try_clone(), near.try_clone()) {
            thread::spawn(move || pass(near, far));
            thread::spawn(move || pass(back, forth));
        }
    }
}

/// Copies until either side ends.
fn pass(mut from: TcpStream, mut to: TcpStream) {
    // Both sides notice the end themselves.
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Both);
}
