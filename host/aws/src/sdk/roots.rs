//! Trusted certificate authorities.

use std::path::{Path, PathBuf};

use aws_smithy_http_client::tls::TrustStore;
use insightd_files::{ReadError, read_regular};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// Certificate authorities that cannot be loaded.
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
    /// TLS could not be set up.
    #[error("cannot set up TLS: {0}")]
    Tls(String),
}

/// Maximum size of a file of certificate authorities, bytes; a complete system bundle has about 250 KB.
const MAX_BYTES: u64 = 4 << 20;

/// Returns the system's certificate authorities if it has any (including `SSL_CERT_FILE` and `SSL_CERT_DIR`), otherwise the
/// built-in list of Mozilla, because the agent's image contains no other files. Those of `ca_file` are added.
pub(super) fn trust_store(ca_file: Option<&Path>) -> Result<TrustStore, RootsError> {
    let has_system = !rustls_native_certs::load_native_certs().certs.is_empty();
    let mut store = TrustStore::empty().with_native_roots(has_system);
    if !has_system {
        for der in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
            store.add_pem_certificate(pem(der));
        }
    }
    if let Some(path) = ca_file {
        let text =
            read_regular(path, MAX_BYTES).map_err(|error| RootsError::Read { path: path.into(), error })?;
        check(path, &text)?;
        store.add_pem_certificate(text);
    }
    Ok(store)
}

/// Checks the certificates of a file first, because the connector panics on invalid ones.
fn check(path: &Path, text: &[u8]) -> Result<(), RootsError> {
    let mut found = false;
    for certificate in CertificateDer::pem_slice_iter(text) {
        let der = certificate
            .map_err(|error| RootsError::Pem { path: path.into(), error: Some(format!(": {error}")) })?;
        webpki::anchor_from_trusted_cert(&der)
            .map_err(|error| RootsError::Pem { path: path.into(), error: Some(format!(": {error}")) })?;
        found = true;
    }
    if found { Ok(()) } else { Err(RootsError::Pem { path: path.into(), error: None }) }
}

/// Encodes a certificate as PEM, the only form that the connector accepts.
fn pem(der: &CertificateDer<'_>) -> String {
    let text = aws_smithy_types::base64::encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}
