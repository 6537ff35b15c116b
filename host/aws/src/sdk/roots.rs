//! Whose certificates are trusted.

use std::path::{Path, PathBuf};

use aws_smithy_http_client::tls::TrustStore;
use insightd_folder::{ReadError, read_regular};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// Certificates of authorities that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    /// The file cannot be read.
    #[error("ca_file: cannot read {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: ReadError,
    },
    /// The file holds something else.
    #[error("ca_file: {} holds no certificates in PEM form{}", path.display(), error.as_deref().unwrap_or_default())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong with one of them.
        error: Option<String>,
    },
    /// TLS could not be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

/// Longest file of authorities, bytes; all that the systems of this world trust take 250 KB.
const MAX_BYTES: u64 = 4 << 20;

/// The system's authorities where it has some (`SSL_CERT_FILE` and `SSL_CERT_DIR` included), else the list of Mozilla that
/// was built in: the agent's image holds no files besides the agent. Those of `ca_file` come on top.
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

/// The connector panics on what is no certificate.
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

/// The connector takes nothing but PEM.
fn pem(der: &CertificateDer<'_>) -> String {
    let text = aws_smithy_types::base64::encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}
