//! Ends of lists and watches, and their classification.

use std::time::Duration;

use kube::core::Status as ApiStatus;

use super::run::Reflector;
use crate::client::explain;
use crate::problem::shortened;

/// The reason for the end of a list or a watch.
pub(super) enum End {
    /// The server ended the watch at the requested time.
    Timeout,
    /// Nothing arrived for too long. Bookmarks come every minute if etcd reports its progress, and never if it does not, so
    /// this alone is not a failure. The next request shows if the server is reachable.
    Idle,
    /// The server no longer has this version (410).
    Gone,
    /// The request failed. If `relist` is set, repeating it from the same version would fail again.
    Failed { error_text: String, retry_after: Option<Duration>, relist: bool },
    /// The response of a list began but did not complete.
    Truncated { error_text: String },
}

impl End {
    /// Returns the end of a list whose response began.
    pub(super) fn into_list_end(self) -> Self {
        match self {
            Self::Failed { error_text, .. } => Self::Truncated { error_text },
            end => end,
        }
    }
}

impl Reflector<'_> {
    /// Returns the error text of an end for the operator.
    pub(super) fn error_text(&self, end: &End, verb: &str) -> String {
        let resource = self.spec.resource;
        match end {
            End::Timeout | End::Idle => {
                format!("cannot {verb} {resource}: the API server ended the response immediately")
            }
            End::Gone => {
                format!("cannot {verb} {resource}: the API server no longer has this version (410)")
            }
            End::Failed { error_text, .. } | End::Truncated { error_text } => error_text.clone(),
        }
    }

    /// Returns the end for a response that cannot be read.
    pub(super) fn failure_end(&self, verb: &str, error: impl std::fmt::Display) -> End {
        let error_text = format!("cannot {verb} {}: {}", self.spec.resource, shortened(error.to_string()));
        End::Failed { error_text, retry_after: None, relist: false }
    }

    /// Returns the end for a connection that broke in the middle of a response.
    pub(super) fn connection_end(&self, verb: &str, error: &kube::Error) -> End {
        let error_text = explain(error, verb, self.spec.resource);
        End::Failed { error_text, retry_after: None, relist: false }
    }

    /// Returns the end for an error status from the API server.
    pub(super) fn status_end(&self, verb: &str, status: ApiStatus, retry_after: Option<Duration>) -> End {
        if status.code == 410
            || status.reason == "Expired"
            || status.reason == "Gone"
            || is_version_too_large(&status)
        {
            return End::Gone;
        }
        // As in client-go: an error that is not about load or permissions would recur on a watch from the same version.
        let relist = !matches!(status.code, 401 | 403 | 429 | 500..);
        let error_text = explain(&kube::Error::Api(status.boxed()), verb, self.spec.resource);
        End::Failed { error_text, retry_after, relist }
    }
}

/// Returns true if the version is newer than the server's data, as after a restore: repeating the request would always
/// fail. The cause is `metav1.CauseTypeResourceVersionTooLarge`, which servers send since Kubernetes 1.18.
fn is_version_too_large(status: &ApiStatus) -> bool {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    causes.into_iter().any(|cause| cause.reason == "ResourceVersionTooLarge")
}
