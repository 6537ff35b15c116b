//! The server's side of a connection.

use std::io::{self, BufRead, BufReader, Read, Write};

/// Answers every request of a connection with the body that `body` returns for its target, until the client closes it.
pub(crate) fn respond(stream: impl Read + Write, mut body: impl FnMut(&str) -> String) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut first = String::new();
        if stream.read_line(&mut first)? == 0 {
            return Ok(());
        }
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            if stream.read_line(&mut line)? == 0 {
                return Ok(());
            }
        }
        let body = body(first.split(' ').nth(1).unwrap_or_default());
        let to = stream.get_mut();
        let length = body.len();
        write!(
            to,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )?;
        to.flush()?;
    }
}
