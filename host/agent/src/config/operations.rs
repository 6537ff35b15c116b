//! `operations:` the operations servers.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::{Path, PathBuf};

use super::reader::{Section, flag};

/// Most bytes of the path of a Unix socket: `sun_path` of unix(7) without its NUL.
const MAX_SOCKET_PATH: usize = 107;
/// Name of the socket in the state directory.
const SOCKET: &str = "api.sock";

/// Settings for the operations servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operations {
    /// Address of `/healthz`, `/readyz`, `/metrics`, `/status` and `/v1/`; `None` disables that server.
    pub listen: Option<SocketAddr>,
    /// The Unix socket of the same endpoints.
    pub socket: Socket,
    /// `true` if the tap is available at `listen` too.
    pub tap: bool,
}

/// Place of the Unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Socket {
    /// In the state directory, if there is one.
    Auto,
    /// No socket.
    None,
    /// An absolute path that fits into a socket address.
    Path(PathBuf),
}

impl Operations {
    /// Returns the path of the Unix socket of an agent with this state directory.
    pub fn socket(&self, state_dir: Option<&Path>) -> Option<PathBuf> {
        match &self.socket {
            Socket::Auto => state_dir.map(|directory| directory.join(SOCKET)).filter(|path| fits(path)),
            Socket::None => None,
            Socket::Path(path) => Some(path.clone()),
        }
    }
}

impl Default for Operations {
    fn default() -> Self {
        let listen = Some(SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9464)));
        Self { listen, socket: Socket::Auto, tap: false }
    }
}

/// Reads the section.
pub(super) fn read(section: &Section<'_>) -> Operations {
    let default = Operations::default();
    let listen = section.value("listen", listen).unwrap_or(default.listen);
    let socket = section.value("socket", socket).unwrap_or(default.socket);
    let tap = section.value("tap", flag).unwrap_or(default.tap);
    section.finish();
    Operations { listen, socket, tap }
}

fn fits(path: &Path) -> bool {
    path.as_os_str().len() <= MAX_SOCKET_PATH
}

fn socket(text: &str) -> Result<Socket, String> {
    match text {
        "none" => Ok(Socket::None),
        "auto" => Ok(Socket::Auto),
        _ if !text.starts_with('/') => Err("expected auto, none or an absolute path".into()),
        _ if !fits(Path::new(text)) => {
            Err(format!("longer than {MAX_SOCKET_PATH} bytes, the limit of Unix sockets"))
        }
        _ => Ok(Socket::Path(text.into())),
    }
}

fn listen(text: &str) -> Result<Option<SocketAddr>, String> {
    if text == "none" {
        return Ok(None);
    }
    address(text, 9464, ", or none").map(Some)
}

/// Parses an address with a fixed port. The error shows `port` in its examples, and then `others`, the values other than addresses.
pub(super) fn address(text: &str, port: u16, others: &str) -> Result<SocketAddr, String> {
    match text.parse::<SocketAddr>() {
        Ok(address) if address.port() > 0 => Ok(address),
        Ok(_) => Err("port 0 selects another port at every start; configure a fixed port".into()),
        Err(_) => Err(format!(
            "invalid address `{text}`: expected IP:PORT, such as 127.0.0.1:{port} or [::]:{port}{others}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::reader::Problems;
    use insightd_yaml as yaml;

    fn read_text(text: &str) -> (Operations, Option<String>) {
        let (problems, root) = (Problems::default(), yaml::parse(text).unwrap());
        let operations = read(&Section::root(root.as_ref(), &problems));
        (operations, problems.into_report(None).map(|report| report.to_string()))
    }

    #[test]
    fn loopback_by_default() {
        for text in ["", "listen:", "listen: ~", "socket: auto", "tap: false"] {
            let (operations, report) = read_text(text);
            assert_eq!((operations, report), (Operations::default(), None), "{text}");
        }
        let listen = Operations::default().listen.unwrap();
        assert!(listen.ip().is_loopback());
        assert_eq!(listen.port(), 9464);
    }

    #[test]
    fn an_address_or_none() {
        assert_eq!(read_text("listen: none").0.listen, None);
        for address in ["0.0.0.0:9464", "10.0.0.7:80", "[::1]:9464", "[::]:1"] {
            let (operations, report) = read_text(&format!("listen: '{address}'"));
            assert_eq!((operations.listen, report), (Some(address.parse().unwrap()), None), "{address}");
        }
    }

    #[test]
    fn the_socket_is_in_the_state_directory_or_elsewhere() {
        let socket = |text: &str, state_dir: Option<&str>| read_text(text).0.socket(state_dir.map(Path::new));
        assert_eq!(socket("", Some("/state")), Some("/state/api.sock".into()));
        assert_eq!(socket("", None), None);
        assert_eq!(socket("", Some(&format!("/{}", "x".repeat(100)))), None, "too long for a socket");
        assert_eq!(socket("socket: none", Some("/state")), None);
        assert_eq!(socket("socket: /run/a.sock", Some("/state")), Some("/run/a.sock".into()));
        assert!(read_text("tap: true").0.tap);
    }

    #[test]
    fn mistakes_are_reported() {
        for (text, wanted) in [
            ("listen: 9464", "invalid address `9464`"),
            ("listen: localhost:9464", "invalid address"),
            ("listen: 127.0.0.1:0", "port 0"),
            ("listen: 127.0.0.1:65536", "invalid address"),
            ("listen: [127.0.0.1:1]", "expected one value"),
            ("port: 1", "unknown key; known here: listen"),
            ("socket: api.sock", "expected auto, none or an absolute path"),
            ("tap: maybe", "tap"),
        ] {
            let report = read_text(text).1.unwrap_or_default();
            assert!(report.contains(wanted), "{text}: {report}");
        }
    }
}
