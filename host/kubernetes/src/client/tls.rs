//! TLS of the clients: trusted authorities, and the agent's own certificate.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use insightd_files::read_regular;
use insightd_upstream::error_text::causes;
use insightd_upstream::roots;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};

use super::ClientError;
use super::verifier::{AcceptAny, ReloadingVerifier};

/// Time between two reads of a file of authorities, as for tokens: the kubelet replaces both files of a service account.
pub(super) const RELOAD_INTERVAL: Duration = Duration::from_secs(60);

/// Largest CA file in bytes; the complete trust store of an operating system takes 250 KB.
const MAX_CA_BYTES: u64 = 4 << 20;

/// TLS of one client.
#[derive(Default)]
pub(crate) struct TlsSettings {
    pub(crate) roots: Roots,
    /// Certificate and key of the agent.
    pub(crate) identity: Option<Arc<CertifiedKey>>,
    /// Name that the server's certificate must have, if it is not the host of the URL.
    pub(crate) server_name: Option<ServerName<'static>>,
    /// Accepts any certificate.
    pub(crate) insecure: bool,
}

/// Trusted certificate authorities.
#[derive(Default)]
pub(crate) enum Roots {
    /// Those of the system, or Mozilla's list if it has none.
    #[default]
    System,
    Certificates(Vec<CertificateDer<'static>>),
    /// A file that is read again when a connection is made, at most once per `reload_interval`.
    File {
        path: PathBuf,
        certificates: Vec<CertificateDer<'static>>,
        reload_interval: Duration,
    },
}

impl Roots {
    /// Reads a PEM file, whose later versions are used, too.
    ///
    /// # Errors
    /// Those of [`read_certificates`].
    pub(super) fn from_file(path: PathBuf) -> Result<Self, String> {
        let certificates = read_certificates(&path)?;
        Ok(Self::File { path, certificates, reload_interval: RELOAD_INTERVAL })
    }
}

/// Reads the certificates of a PEM file.
///
/// # Errors
/// A text that does not name the file, if it cannot be read, or as [`certificates`].
pub(crate) fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    certificates(&read_regular(path, MAX_CA_BYTES).map_err(|error| error.to_string())?)
}

/// Returns the certificates of a PEM text.
///
/// # Errors
/// If there is none, or one of them cannot be an authority.
pub(crate) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = chain(pem)?;
    root_store(&found)?;
    Ok(found)
}

fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if found.is_empty() => Err("the PEM text contains no certificate".into()),
        Ok(found) => Ok(found),
        Err(error) => Err(error.to_string()),
    }
}

fn root_store(certificates: &[CertificateDer<'static>]) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    for certificate in certificates {
        store
            .add(certificate.clone())
            .map_err(|error| format!("unusable CA certificate: {}", causes(&error)))?;
    }
    Ok(store)
}

/// Parses the agent's certificate, with the chain that leads to its authority, and its key (PKCS #8, PKCS #1 or SEC 1).
///
/// # Errors
/// A text without any part of the key.
pub(super) fn identity(certificate_pem: &[u8], key_pem: &[u8]) -> Result<Arc<CertifiedKey>, String> {
    let chain = chain(certificate_pem)?;
    let key = PrivateKeyDer::from_pem_slice(key_pem)
        .map_err(|_| "the PEM text of the key contains no private key".to_owned())?;
    CertifiedKey::from_der(chain, key, &provider())
        .map(Arc::new)
        .map_err(|error| format!("unusable client certificate or key: {}", causes(&error)))
}

/// Creates the TLS configuration of a client.
///
/// # Errors
/// If a certificate cannot be used.
pub(super) fn client_config(settings: TlsSettings, server: &str) -> Result<ClientConfig, ClientError> {
    let wrong = |error: String| ClientError::Setup { server: server.to_owned(), error };
    let provider = provider();
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(causes(&error)))?;
    let builder = match settings.roots {
        _ if settings.insecure => builder.dangerous().with_custom_certificate_verifier(Arc::new(AcceptAny)),
        Roots::System => {
            let mut store = RootCertStore::empty();
            // The system may trust certificates that rustls does not accept.
            store.add_parsable_certificates(roots::load(None).map_err(|error| wrong(causes(&error)))?);
            builder.with_root_certificates(store)
        }
        Roots::Certificates(certificates) => {
            builder.with_root_certificates(root_store(&certificates).map_err(wrong)?)
        }
        Roots::File { path, certificates, reload_interval } => {
            let verifier = ReloadingVerifier::new(path, &certificates, reload_interval, provider);
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier.map_err(wrong)?))
        }
    };
    Ok(match settings.identity {
        Some(identity) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity))),
        None => builder.with_no_client_auth(),
    })
}

/// Creates the verifier of certificates that these authorities signed.
pub(super) fn verifier(
    certificates: &[CertificateDer<'static>],
    provider: Arc<CryptoProvider>,
) -> Result<Arc<rustls::client::WebPkiServerVerifier>, String> {
    let store = Arc::new(root_store(certificates)?);
    rustls::client::WebPkiServerVerifier::builder_with_provider(store, provider)
        .build()
        .map_err(|error| causes(&error))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
