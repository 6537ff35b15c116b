//! Listening sockets: TCP for the network, Unix for programs of the same user.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::{fmt, fs};

use insightd_files::PrivateDir;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};

/// An address that a server listens on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An address and port.
    Tcp(SocketAddr),
    /// The path of a Unix socket in a directory of this user.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// A connection. One type for all of them: the code of the HTTP server exists once for each type.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A listening socket.
#[derive(Debug)]
pub enum Listener {
    /// Reachable over the network.
    Tcp(TcpListener),
    /// Reachable for programs on this machine.
    Unix(UnixListener),
}

impl Listener {
    /// Listens on an address. A Unix socket replaces an older one of the same path, and only this user can connect to it.
    ///
    /// # Errors
    /// Fails if the operating system refuses the address, or if the directory of a Unix socket belongs to another user.
    pub async fn bind(address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp(address) => TcpListener::bind(address).await.map(Self::Tcp),
            Address::Unix(path) => bind_unix(path).map(Self::Unix),
        }
    }

    /// Returns the next connection; `None` for one that is not accepted.
    ///
    /// # Errors
    /// Returns the error of `accept`.
    pub(super) async fn accept(&self) -> io::Result<Option<Box<dyn Io>>> {
        match self {
            Self::Tcp(listener) => Ok(Some(Box::new(listener.accept().await?.0))),
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                // The mode of the socket says the same; some file systems do not enforce it.
                let ours = rustix::process::geteuid().as_raw();
                let is_ours = stream.peer_cred()?.uid() == ours;
                Ok(is_ours.then(|| Box::new(stream) as Box<dyn Io>))
            }
        }
    }
}

fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    // Checks that only this user can replace what is in the directory, between these calls too.
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    PrivateDir::make(directory).map_err(io::Error::other)?;
    match fs::symlink_metadata(path) {
        Ok(found) if is_socket(&found) => fs::remove_file(path)?,
        Ok(_) => {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "a file that is not a socket is there"));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

fn is_socket(found: &fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    found.file_type().is_socket()
}
