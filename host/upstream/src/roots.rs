//! Trusted certificate authorities.

use std::path::{Path, PathBuf};

use insightd_files::{ReadError, read_regular};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// Certificates that cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    /// The file cannot be read.
    #[error("ca_file: cannot read {}: {error}", path.display())]
    Read {
        /// Path of the file.
        path: PathBuf,
        /// Cause.
        error: ReadError,
    },
    /// The file does not hold valid certificates.
    #[error(
        "ca_file: {} contains no valid PEM certificates{}",
        path.display(),
        error.as_deref().unwrap_or_default()
    )]
    Pem {
        /// Path of the file.
        path: PathBuf,
        /// Error of the first invalid certificate; `None` if the file holds none.
        error: Option<String>,
    },
}

/// Maximum size of a file of certificate authorities, bytes; a complete system bundle has about 250 KB.
const MAX_BYTES: u64 = 4 << 20;

/// Returns the system's certificate authorities if it has any (including `SSL_CERT_FILE` and `SSL_CERT_DIR`), otherwise the
/// built-in list of Mozilla, because the agent's image contains no other files. Those of `ca_file` are added.
///
/// # Errors
/// An unusable `ca_file`.
pub fn load(ca_file: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, RootsError> {
    let mut roots = rustls_native_certs::load_native_certs().certs;
    if roots.is_empty() {
        roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS.to_vec();
    }
    if let Some(path) = ca_file {
        roots.extend(read(path)?);
    }
    Ok(roots)
}

/// Reads the certificate authorities of a PEM file, and checks each of them: some TLS libraries panic on invalid ones, others
/// skip them.
fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, RootsError> {
    let text =
        read_regular(path, MAX_BYTES).map_err(|error| RootsError::Read { path: path.into(), error })?;
    let invalid = |error: String| RootsError::Pem { path: path.into(), error: Some(format!(": {error}")) };
    let mut roots = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let der = certificate.map_err(|error| invalid(error.to_string()))?;
        webpki::anchor_from_trusted_cert(&der).map_err(|error| invalid(error.to_string()))?;
        roots.push(der.into_owned());
    }
    if roots.is_empty() { Err(RootsError::Pem { path: path.into(), error: None }) } else { Ok(roots) }
}
