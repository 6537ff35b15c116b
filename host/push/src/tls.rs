//! TLS of the client: trusted authorities and its own certificate.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use insightd_files::{ReadError, read_regular};
use insightd_upstream::error_text::causes;
use insightd_upstream::roots::{self, RootsError};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::settings::{Identity, TlsSettings};

/// Maximum size of a certificate or key file, bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// TLS that cannot be set up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("tls.{0}")]
    Roots(#[from] RootsError),
    #[error("tls.{key}: cannot read {}: {error}", path.display())]
    Read { key: &'static str, path: PathBuf, error: ReadError },
    #[error("tls.{key}: {} contains no valid PEM {expected}", path.display())]
    Pem { key: &'static str, path: PathBuf, expected: &'static str },
    #[error("tls: cannot use the client certificate {}: {error}", path.display())]
    Identity { path: PathBuf, error: String },
    #[error("tls: {0}")]
    Setup(String),
}

/// Creates the TLS configuration.
///
/// # Errors
/// An unusable file.
pub(crate) fn config(settings: &TlsSettings) -> Result<ClientConfig, TlsError> {
    let mut store = RootCertStore::empty();
    // The system may trust certificates that rustls does not accept; those are skipped. Those of `ca_file` are checked.
    store.add_parsable_certificates(roots::load(settings.ca_file.as_deref())?);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Setup(causes(&error)))?
        .with_root_certificates(store);
    let Some(Identity { cert_file, key_file }) = &settings.identity else {
        return Ok(builder.with_no_client_auth());
    };
    let invalid_certificate =
        || TlsError::Pem { key: "cert_file", path: cert_file.clone(), expected: "certificate" };
    let text = read("cert_file", cert_file)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let chain = chain.map_err(|_| invalid_certificate())?;
    if chain.is_empty() {
        return Err(invalid_certificate());
    }
    let key = PrivateKeyDer::from_pem_slice(&read("key_file", key_file)?).map_err(|_| TlsError::Pem {
        key: "key_file",
        path: key_file.clone(),
        expected: "private key",
    })?;
    builder
        .with_client_auth_cert(chain, key)
        .map_err(|error| TlsError::Identity { path: cert_file.clone(), error: causes(&error) })
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    read_regular(path, MAX_FILE_BYTES).map_err(|error| TlsError::Read { key, path: path.into(), error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unusable_files_are_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("empty"), "").unwrap();
        let error = |cert: &str, key: &str, ca: Option<&str>| {
            let identity = Identity { cert_file: path(cert), key_file: path(key) };
            let settings = TlsSettings { ca_file: ca.map(&path), identity: Some(identity) };
            config(&settings).unwrap_err().to_string()
        };
        assert!(error("empty", "empty", Some("missing")).starts_with("tls.ca_file: cannot read /"));
        assert!(error("empty", "empty", Some("empty")).contains("contains no valid PEM certificates"));
        assert!(error("missing", "empty", None).starts_with("tls.cert_file: cannot read /"));
        assert!(error("empty", "empty", None).contains("empty contains no valid PEM certificate"));
    }
}
