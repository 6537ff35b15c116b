//! Verification of the server's certificate where rustls' own verifier does not suffice.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};

use super::lock;
use super::tls::{read_certificates, verifier};

/// Verifies with the authorities of a file, and reads the file again when a connection is made after the interval: a CA that
/// the cluster replaces is trusted without a restart. Established connections go on.
#[derive(Debug)]
pub(super) struct ReloadingVerifier {
    path: PathBuf,
    reload_interval: Duration,
    provider: Arc<CryptoProvider>,
    loaded: Mutex<Loaded>,
}

#[derive(Debug)]
struct Loaded {
    verifier: Arc<WebPkiServerVerifier>,
    /// Time of the last attempt to read the file.
    at: Instant,
}

impl ReloadingVerifier {
    /// Creates a verifier that begins with `certificates`, the content of the file at this time.
    ///
    /// # Errors
    /// If a certificate cannot be used.
    pub(super) fn new(
        path: PathBuf,
        certificates: &[CertificateDer<'static>],
        reload_interval: Duration,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, String> {
        let verifier = verifier(certificates, Arc::clone(&provider))?;
        let loaded = Mutex::new(Loaded { verifier, at: Instant::now() });
        Ok(Self { path, reload_interval, provider, loaded })
    }

    /// Returns the verifier of the file's content. If the file is missing or broken, the last good content stays in use.
    fn current(&self) -> Arc<WebPkiServerVerifier> {
        let mut loaded = lock(&self.loaded);
        if loaded.at.elapsed() >= self.reload_interval {
            loaded.at = Instant::now();
            let read = read_certificates(&self.path)
                .and_then(|certificates| verifier(&certificates, Arc::clone(&self.provider)));
            match read {
                Ok(verifier) => loaded.verifier = verifier,
                Err(error) => tracing::warn!(
                    path = %self.path.display(),
                    error,
                    "cannot read the CA file again: the certificates read before stay in use"
                ),
            }
        }
        Arc::clone(&loaded.verifier)
    }

    /// Returns the verifier in use. It checks signatures without regard to the authorities.
    fn last(&self) -> Arc<WebPkiServerVerifier> {
        Arc::clone(&lock(&self.loaded).verifier)
    }
}

impl ServerCertVerifier for ReloadingVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.current().verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.last().verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.last().verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.last().supported_verify_schemes()
    }
}

/// Accepts every certificate, also one that cannot be parsed.
#[derive(Debug)]
pub(super) struct AcceptAny;

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![
            SignatureScheme::ECDSA_NISTP256_SHA256,
            SignatureScheme::ECDSA_NISTP384_SHA384,
            SignatureScheme::ECDSA_NISTP521_SHA512,
            SignatureScheme::ED25519,
            SignatureScheme::RSA_PSS_SHA256,
            SignatureScheme::RSA_PSS_SHA384,
            SignatureScheme::RSA_PSS_SHA512,
            SignatureScheme::RSA_PKCS1_SHA256,
            SignatureScheme::RSA_PKCS1_SHA384,
            SignatureScheme::RSA_PKCS1_SHA512,
        ]
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::client::testing::{Response, Server};
    use crate::client::{Roots, connect};

    const OWN: &[u8] = include_bytes!("../../tests/data/tls/ca.pem");
    const OTHER: &[u8] = include_bytes!("../../tests/data/tls/other-ca.pem");

    async fn get(client: &kube::Client) -> Result<String, String> {
        let request = http::Request::get("/").body(Vec::new()).unwrap();
        let response = client.request_text(request).await;
        response.map_err(|error| crate::client::explain(&error, "get", "pods"))
    }

    async fn client(server: &Server, path: &std::path::Path, reload_interval: Duration) -> kube::Client {
        let mut settings = server.settings();
        let certificates = read_certificates(path).unwrap();
        settings.tls.roots = Roots::File { path: path.into(), certificates, reload_interval };
        connect(settings, Arc::default()).unwrap()
    }

    #[tokio::test]
    async fn a_replaced_ca_is_trusted_after_the_interval() {
        let server = Server::start_tls(|_, _| Response::ok().send("hello")).await;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.crt");
        std::fs::write(&path, OTHER).unwrap();
        let later = client(&server, &path, Duration::from_secs(3600)).await;
        let at_once = client(&server, &path, Duration::ZERO).await;
        assert!(get(&at_once).await.unwrap_err().contains("not signed by a trusted CA"));

        std::fs::write(&path, OWN).unwrap();
        assert!(get(&later).await.unwrap_err().contains("not signed by a trusted CA"), "within the interval");
        assert_eq!(get(&at_once).await.unwrap(), "hello");
    }

    #[test]
    fn a_missing_or_broken_file_keeps_the_last_certificates() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.crt");
        std::fs::write(&path, OWN).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let certificates = read_certificates(&path).unwrap();
        let new = |interval| {
            ReloadingVerifier::new(path.clone(), &certificates, interval, Arc::clone(&provider)).unwrap()
        };
        let verifier = new(Duration::ZERO);
        let first = verifier.last();
        assert!(!Arc::ptr_eq(&verifier.current(), &first), "read again");
        for content in [b"".as_slice(), b"garbage", &OWN[..OWN.len() / 2]] {
            let before = verifier.last();
            std::fs::write(&path, content).unwrap();
            assert!(Arc::ptr_eq(&verifier.current(), &before));
        }
        std::fs::remove_file(&path).unwrap();
        assert!(Arc::ptr_eq(&verifier.current(), &verifier.last()));

        let verifier = new(Duration::from_secs(3600));
        std::fs::write(&path, OTHER).unwrap();
        let first = verifier.last();
        assert!(Arc::ptr_eq(&verifier.current(), &first), "not read within the interval");
    }
}
