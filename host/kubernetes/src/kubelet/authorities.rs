//! Certificate authorities that may sign the kubelet's certificate.

use std::path::PathBuf;

use rustls::pki_types::CertificateDer;

use super::KubeletSettings;
use crate::client::{ClientError, read_certificates, service_account};

/// Returns the certificates of the authorities.
pub(super) fn authorities(settings: &KubeletSettings) -> Result<Vec<CertificateDer<'static>>, ClientError> {
    if settings.insecure || settings.url.starts_with("http://") {
        return Ok(Vec::new());
    }
    let of_pod = [PathBuf::from(service_account::CA)];
    let files: &[PathBuf] = if settings.ca_files.is_empty() { &of_pod } else { &settings.ca_files };
    let mut found = Vec::new();
    for path in files {
        found.extend(read_certificates(path).map_err(|error| ClientError::File {
            path: path.clone(),
            error,
            hint: "set `kubelet.ca_files` to PEM files of the CAs that sign the kubelet's certificate, or remove \
                   it to use the CA of the service account",
        })?);
    }
    Ok(found)
}
