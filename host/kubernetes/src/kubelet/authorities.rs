//! Certificate authorities that may sign the kubelet's certificate.

use std::path::{Path, PathBuf};

use insightd_files::read_regular;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::KubeletSettings;
use crate::client::{ClientError, service_account};

/// Returns the certificates of the authorities in DER form.
pub(super) fn authorities(settings: &KubeletSettings) -> Result<Vec<Vec<u8>>, ClientError> {
    if settings.insecure || settings.url.starts_with("http://") {
        return Ok(Vec::new());
    }
    let of_pod = [PathBuf::from(service_account::CA)];
    let files: &[PathBuf] = if settings.ca_files.is_empty() { &of_pod } else { &settings.ca_files };
    let mut found = Vec::new();
    for path in files {
        found.extend(certificates(path)?);
    }
    Ok(found)
}

/// Largest CA file in bytes; the complete trust store of an operating system takes 250 KB.
const MAX_CA_BYTES: u64 = 4 << 20;

fn certificates(path: &Path) -> Result<Vec<Vec<u8>>, ClientError> {
    let wrong = |error: String| ClientError::File {
        path: path.to_owned(),
        error,
        hint: "set `kubelet.ca_files` to PEM files of the CAs that sign the kubelet's certificate, or remove \
               it to use the CA of the service account",
    };
    let pem = read_regular(path, MAX_CA_BYTES).map_err(|error| wrong(error.to_string()))?;
    let found: Result<Vec<Vec<u8>>, _> =
        CertificateDer::pem_slice_iter(&pem).map(|one| one.map(|der| der.to_vec())).collect();
    match found {
        Ok(found) if found.is_empty() => Err(wrong("the file contains no certificate".into())),
        Ok(found) => Ok(found),
        Err(error) => Err(wrong(error.to_string())),
    }
}
