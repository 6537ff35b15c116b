//! What errors of the service mean, for the one who reads the log and for when to try again.

use std::error::Error;
use std::time::Duration;

use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::delivery::Trouble;
use crate::words::{causes, shortened};

/// A failed request.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    /// The service's name for it, where it gave one.
    pub(super) code: Option<String>,
    /// When to try again, if ever.
    pub(super) trouble: Option<Trouble>,
    /// Whether it concerns this group and stream alone.
    pub(super) only_destination: bool,
    /// Words for an operator.
    pub(super) words: String,
}

impl Failure {
    pub(super) fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }
}

/// Reads the error of a request `action` (`logs:PutLogEvents`) about `what`.
pub(super) fn explain<E>(error: &SdkError<E, HttpResponse>, action: &str, what: &str) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let all = |trouble, words| Failure { code: None, trouble: Some(trouble), only_destination: false, words };
    match error {
        SdkError::ServiceError(context) => {
            let (status, after) = (context.raw().status().as_u16(), retry_after(context.raw()));
            let code = context.err().code();
            let said = context.err().message().unwrap_or("no message");
            of_service(status, after, code, said, action, what)
        }
        // The status came, the rest did not, or is no JSON: the service may have done it.
        SdkError::ResponseError(context) => {
            let status = context.raw().status().as_u16();
            all(
                Trouble::Unavailable,
                format!("{action}: the answer ({status}) cannot be read: {}", causes(error)),
            )
        }
        SdkError::TimeoutError(_) => all(Trouble::Unavailable, format!("{action}: no answer in time")),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            all(Trouble::Unavailable, format!("{action}: not connected in time: {}", causes(error)))
        }
        SdkError::DispatchFailure(failure) if failure.is_io() => {
            all(Trouble::Unavailable, format!("{action}: the service is not reached: {}", causes(error)))
        }
        // Mostly: no credentials.
        _ => all(
            Trouble::Refused,
            format!(
                "{action}: the request could not be made: {}; the agent looks for credentials in its environment, a profile, \
                 a web identity (IRSA), a container's (EKS Pod Identity, ECS) and the instance's role",
                causes(error)
            ),
        ),
    }
}

fn of_service(
    status: u16,
    after: Option<Duration>,
    code: Option<&str>,
    said: &str,
    action: &str,
    what: &str,
) -> Failure {
    let name = code.map(|code| code.rsplit('#').next().unwrap_or(code));
    let refused = Some(Trouble::Refused);
    let said = shortened(said.trim());
    let shown = name.unwrap_or("error");
    let (trouble, only_destination, words) = match name {
        Some("ThrottlingException" | "Throttling" | "TooManyRequestsException" | "RequestLimitExceeded") => {
            (Some(Trouble::Throttled(after)), false, format!("{action}: throttled ({status}): {said}"))
        }
        Some("AccessDeniedException" | "AccessDenied" | "NotAuthorized") => (
            refused,
            true,
            format!(
                "{action} on {what} is not allowed: grant it to the agent's role (deploy/iam/); the service says: {said}"
            ),
        ),
        Some("ExpiredTokenException" | "ExpiredToken" | "RequestExpired") => {
            (refused, false, format!("{action}: the credentials have expired and were not renewed: {said}"))
        }
        Some(
            "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException"
            | "IncompleteSignature"
            | "IncompleteSignatureException",
        ) => (refused, false, format!("{action}: the credentials are not taken ({shown}): {said}")),
        Some("InvalidSignatureException" | "SignatureDoesNotMatch" | "RequestTimeTooSkewed") => (
            // The SDK has learned the service's time from the answer and signs the next request with it.
            Some(Trouble::Unavailable),
            false,
            format!("{action}: the signature is not taken ({shown}): is this node's clock right? {said}"),
        ),
        Some("ResourceNotFoundException") => {
            (refused, true, format!("{action}: {what} does not exist: {said}"))
        }
        Some("OperationAbortedException" | "LimitExceededException") => {
            (refused, true, format!("{action} on {what}: {shown}: {said}"))
        }
        // It may have been done, by a service or a proxy that says something else.
        None if status < 300 => {
            (Some(Trouble::Unavailable), false, format!("{action}: the answer ({status}) is no JSON"))
        }
        _ if status == 429 => {
            (Some(Trouble::Throttled(after)), false, format!("{action}: throttled ({status}): {said}"))
        }
        _ if status >= 500 => {
            let trouble = match after {
                Some(after) => Trouble::Throttled(Some(after)),
                None => Trouble::Unavailable,
            };
            (Some(trouble), false, format!("{action}: the service fails ({status} {shown}): {said}"))
        }
        _ if status == 403 => (refused, false, format!("{action}: refused ({status} {shown}): {said}")),
        Some("InvalidParameterException" | "SerializationException" | "ValidationException") => {
            (None, true, format!("{action} on {what}: refused for good ({shown}): {said}"))
        }
        // Not the service's own words: an address that is wrong, a proxy. Nothing is given up for that.
        _ => (
            refused,
            false,
            format!(
                "{action}: unexpected answer ({status} {shown}): is `endpoint_url` right, is a proxy between? {said}"
            ),
        ),
    };
    Failure { code: name.map(str::to_owned), trouble, only_destination, words }
}

/// Seconds of the header; a date in it is rare, and then the usual wait does.
fn retry_after(response: &HttpResponse) -> Option<Duration> {
    response.headers().get("retry-after")?.trim().parse().ok().map(Duration::from_secs)
}
