//! Error texts for the operator of the agent.

use std::error::Error as StdError;
use std::io::ErrorKind;

use rustls::CertificateError;
use tower::BoxError;

use super::transport::{DnsError, NoResponse};
use crate::problem::shortened;

/// The server that a request was sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upstream {
    ApiServer,
    Kubelet,
}

/// Explains an error of the API server: the request, why it failed, and what to grant or configure.
///
/// `verb` and `resource` are those of a role: `list`, `pods`; a resource of an API group is given as
/// `leases.coordination.k8s.io`.
pub(crate) fn explain(error: &kube::Error, verb: &str, resource: &str) -> String {
    explain_for(Upstream::ApiServer, error, verb, resource)
}

pub(crate) fn explain_for(upstream: Upstream, error: &kube::Error, verb: &str, resource: &str) -> String {
    if let kube::Error::Api(status) = error {
        let response_suffix = response_suffix(&status.message);
        return match status.code {
            401 => format!(
                "cannot {verb} {resource}: {} rejected the agent's credentials (401): {}{response_suffix}",
                upstream.name(),
                match upstream {
                    Upstream::ApiServer =>
                        "the token is invalid or expired; check that the service account's token is mounted",
                    Upstream::Kubelet =>
                        "enable its webhook authentication (authentication.webhook.enabled), and check that \
                         `kubelet.token_file` is current",
                }
            ),
            403 => format!(
                "cannot {verb} {resource}: permission denied (403): grant `{verb}` on {} to the agent's \
                 service account{response_suffix}",
                upstream.granted(resource),
            ),
            404 => {
                format!("cannot {verb} {resource}: not found by {} (404){response_suffix}", upstream.name())
            }
            410 => format!("cannot {verb} {resource}: {} no longer has this version (410)", upstream.name()),
            429 => format!(
                "cannot {verb} {resource}: {} has too many requests (429){response_suffix}",
                upstream.name()
            ),
            code => {
                format!(
                    "cannot {verb} {resource}: {} responded with status {code}{response_suffix}",
                    upstream.name()
                )
            }
        };
    }
    format!("cannot {verb} {resource}: {}", cause(upstream, error))
}

impl Upstream {
    fn name(self) -> &'static str {
        match self {
            Self::ApiServer => "the API server",
            Self::Kubelet => "the kubelet",
        }
    }

    /// Returns the resource to grant. The kubelet asks the API server if the agent is authorized; since Kubernetes 1.33
    /// there are finer permissions than `nodes/proxy`.
    fn granted(self, resource: &str) -> String {
        match (self, resource) {
            (Self::ApiServer, resource) => format!("`{resource}`"),
            (Self::Kubelet, "/pods") => "`nodes/pods` (before Kubernetes 1.33: `nodes/proxy`)".into(),
            (Self::Kubelet, "/stats/summary") => "`nodes/stats`".into(),
            (Self::Kubelet, _) => "`nodes/proxy`".into(),
        }
    }

    fn authority(self) -> &'static str {
        match self {
            Self::ApiServer => "check the CA: ca.crt of the service account, or the CA in the kubeconfig",
            Self::Kubelet => {
                "set `kubelet.ca_files` to the CA that signs the kubelets' serving certificates, or let the \
                 kubelets request them from the cluster (serverTLSBootstrap)"
            }
        }
    }

    fn naming(self) -> &'static str {
        match self {
            Self::ApiServer => {
                "use an address that is in the certificate, or set `tls-server-name` in the kubeconfig"
            }
            Self::Kubelet => {
                "set `kubelet.server_name` to a name in the certificate, or `kubelet.url` to an address in it"
            }
        }
    }
}

fn response_suffix(message: &str) -> String {
    match message.trim() {
        "" => String::new(),
        message => format!("; response: {}", shortened(message.to_owned())),
    }
}

/// Returns the error inside an error of `kube`. Its own type is never used as `dyn Error` nor displayed: that would link the
/// parsers of all its variants, most of which only kubeconfigs and credential plugins cause.
pub(super) fn into_cause(error: kube::Error) -> BoxError {
    match error {
        kube::Error::Service(error) => error,
        kube::Error::HyperError(error) => error.into(),
        kube::Error::HttpError(error) => error.into(),
        kube::Error::SerdeError(error) => error.into(),
        kube::Error::ReadEvents(error) => error.into(),
        _ => OTHER.into(),
    }
}

const OTHER: &str = "unexpected error of the client library";

/// Returns the text of the deepest known cause, or the whole chain if none is known.
fn cause(upstream: Upstream, error: &kube::Error) -> String {
    match error {
        kube::Error::Service(error) => cause_of(upstream, error.as_ref()),
        kube::Error::HyperError(error) => cause_of(upstream, error),
        kube::Error::HttpError(error) => format!("cannot build the request: {}", cause_of(upstream, error)),
        kube::Error::SerdeError(error) => format!("cannot parse the response: {}", cause_of(upstream, error)),
        kube::Error::ReadEvents(error) => cause_of(upstream, error),
        _ => OTHER.to_owned(),
    }
}

fn cause_of(upstream: Upstream, error: &(dyn StdError + 'static)) -> String {
    let mut next = Some(error);
    let mut all = String::new();
    while let Some(error) = next {
        if let Some(text) = known(upstream, error) {
            return text;
        }
        let text = error.to_string();
        if !all.contains(&text) {
            if !all.is_empty() {
                all.push_str(": ");
            }
            all.push_str(&text);
        }
        // The error inside an I/O error is not its `source`.
        next = match error.downcast_ref::<std::io::Error>() {
            Some(error) => error.get_ref().map(|inner| inner as _).or_else(|| error.source()),
            None => error.source(),
        };
    }
    shortened(all)
}

fn known(upstream: Upstream, error: &(dyn StdError + 'static)) -> Option<String> {
    if error.is::<NoResponse>() {
        return Some(format!("{} does not respond ({error})", upstream.name()));
    }
    if let Some(error) = error.downcast_ref::<DnsError>() {
        return Some(format!("DNS lookup of {} failed ({error})", upstream.name()));
    }
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(tls(upstream, error));
    }
    if let Some(error) = error.downcast_ref::<std::io::Error>() {
        let name = upstream.name();
        // `get_ref` returns `Some` if the error wraps that of another library, which says more.
        return match (error.kind(), error.get_ref()) {
            (ErrorKind::ConnectionRefused, None) => {
                Some(format!("nothing listens at the address of {name} (connection refused)"))
            }
            (ErrorKind::TimedOut, _) => Some(format!("{name} does not respond (timed out)")),
            // rustls reports this if the server closed the connection without `close_notify`.
            (ErrorKind::UnexpectedEof, _) => Some(format!("{name} closed the connection")),
            (ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable, None) => {
                Some(format!("no route to {name} ({error})"))
            }
            (ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted, None) => {
                Some(format!("{name} closed the connection ({error})"))
            }
            _ => None,
        };
    }
    None
}

fn tls(upstream: Upstream, error: &rustls::Error) -> String {
    let name = upstream.name();
    let rustls::Error::InvalidCertificate(wrong) = error else {
        return format!("TLS with {name}: {}", shortened(error.to_string()));
    };
    let (what, hint) = match wrong {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            ("is not signed by a trusted CA".to_owned(), upstream.authority())
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            (format!("is for another name ({})", shortened(error.to_string())), upstream.naming())
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            ("has expired".to_owned(), "renew it, or correct this machine's clock")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            ("is not valid yet".to_owned(), "correct this machine's clock")
        }
        other => (format!("is invalid ({})", shortened(other.to_string())), upstream.authority()),
    };
    format!("the certificate of {name} {what}: {hint}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::core::Status;

    fn api(code: u16, message: &str) -> kube::Error {
        kube::Error::Api(Status::failure(message, "").with_code(code).boxed())
    }

    fn io(error: std::io::Error) -> kube::Error {
        kube::Error::Service(Box::new(std::io::Error::other(error)))
    }

    #[test]
    fn a_missing_permission_is_named_with_the_grant() {
        let forbidden =
            api(403, "pods is forbidden: User \"system:serviceaccount:m:insightd\" cannot list resource");
        assert_eq!(
            explain(&forbidden, "list", "pods"),
            "cannot list pods: permission denied (403): grant `list` on `pods` to the agent's service \
             account; response: pods is forbidden: User \"system:serviceaccount:m:insightd\" cannot list \
             resource"
        );
        let text = explain_for(Upstream::Kubelet, &api(403, "Forbidden"), "get", "/pods");
        assert!(
            text.contains("grant `get` on `nodes/pods` (before Kubernetes 1.33: `nodes/proxy`)"),
            "{text}"
        );
        let text = explain_for(Upstream::Kubelet, &api(403, ""), "get", "/stats/summary");
        assert!(text.ends_with("grant `get` on `nodes/stats` to the agent's service account"), "{text}");
    }

    #[test]
    fn error_codes_are_explained() {
        for (code, expected) in [
            (401, "rejected the agent's credentials (401)"),
            (404, "not found by the API server (404)"),
            (410, "(410)"),
            (429, "too many requests (429)"),
            (503, "the API server responded with status 503"),
        ] {
            let text = explain(&api(code, ""), "watch", "services");
            assert!(text.contains(expected) && text.contains("services"), "{text}");
        }
        assert!(
            explain_for(Upstream::Kubelet, &api(401, ""), "get", "/pods")
                .contains("authentication.webhook.enabled")
        );
        let long = explain(&api(500, &"x".repeat(5000)), "watch", "services");
        assert!(long.len() < 300, "{}", long.len());
    }

    #[test]
    fn certificate_errors_are_explained() {
        let wrong = |error| {
            explain_for(
                Upstream::Kubelet,
                &io(std::io::Error::other(rustls::Error::InvalidCertificate(error))),
                "get",
                "/pods",
            )
        };
        assert!(wrong(CertificateError::UnknownIssuer).contains("`kubelet.ca_files`"));
        assert!(wrong(CertificateError::NotValidForName).contains("`kubelet.server_name`"));
        assert!(wrong(CertificateError::Expired).contains("expired"));
        assert!(wrong(CertificateError::NotValidYet).contains("clock"));
        let other = explain(&io(std::io::Error::other(rustls::Error::DecryptError)), "list", "nodes");
        assert!(other.starts_with("cannot list nodes: TLS with the API server"), "{other}");
    }

    #[test]
    fn connection_errors_are_explained() {
        for (kind, expected) in [
            (ErrorKind::ConnectionRefused, "refused"),
            (ErrorKind::TimedOut, "timed out"),
            (ErrorKind::HostUnreachable, "no route"),
            (ErrorKind::ConnectionReset, "closed the connection"),
            (ErrorKind::UnexpectedEof, "closed the connection"),
        ] {
            let text = explain(&io(kind.into()), "list", "nodes");
            assert!(text.contains(expected) && text.contains("the API server"), "{text}");
        }
        let text = explain(&kube::Error::Service(Box::new(NoResponse)), "list", "nodes");
        assert!(text.contains("does not respond (no response within 30 s)"), "{text}");
        // The text depends on the system's resolver and its language.
        let dns = DnsError(std::io::Error::other("Name oder Dienst nicht bekannt"));
        let text = explain(&kube::Error::Service(Box::new(dns)), "list", "nodes");
        assert!(text.contains("DNS lookup of the API server failed"), "{text}");
        let unknown = explain(&io(std::io::Error::other("odd")), "list", "nodes");
        assert!(unknown.starts_with("cannot list nodes: ") && unknown.contains("odd"), "{unknown}");
    }
}
