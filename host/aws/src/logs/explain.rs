//! Classification of service errors: error text for the operator and retry class.

use std::error::Error;
use std::time::Duration;

use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use insightd_delivery::RetryClass;
use insightd_upstream::error_text::{causes, shortened};

/// A failed request.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    /// Error code from the service, if it sent one.
    pub(super) code: Option<String>,
    /// Retry class; `None` if a retry cannot succeed.
    pub(super) retry_class: Option<RetryClass>,
    /// `true` if the failure concerns only this group and stream.
    pub(super) only_destination: bool,
    /// Error text for the operator.
    pub(super) error: String,
}

impl Failure {
    pub(super) fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }
}

/// Classifies the error of a request for the IAM `action` (such as `logs:PutLogEvents`) on the resource `what`.
pub(super) fn explain<E>(error: &SdkError<E, HttpResponse>, action: &str, what: &str) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let all = |retry_class, error| Failure {
        code: None,
        retry_class: Some(retry_class),
        only_destination: false,
        error,
    };
    match error {
        SdkError::ServiceError(context) => {
            let (status, after) = (context.raw().status().as_u16(), retry_after(context.raw()));
            let code = context.err().code();
            let message = context.err().message().unwrap_or("no message");
            service_failure(status, after, code, message, action, what)
        }
        // The status arrived, but the rest is missing or not JSON: the service may have processed the request.
        SdkError::ResponseError(context) => {
            let status = context.raw().status().as_u16();
            all(
                RetryClass::Unavailable,
                format!("{action}: cannot read the response ({status}): {}", causes(error)),
            )
        }
        SdkError::TimeoutError(_) => all(RetryClass::Unavailable, format!("{action}: request timed out")),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            all(RetryClass::Unavailable, format!("{action}: connection timed out: {}", causes(error)))
        }
        SdkError::DispatchFailure(failure) if failure.is_io() => {
            all(RetryClass::Unavailable, format!("{action}: service unreachable: {}", causes(error)))
        }
        // Mostly missing credentials.
        _ => all(
            RetryClass::Refused,
            format!(
                "{action}: cannot create the request: {}; the agent looks for credentials in its \
                 environment, a profile, a web identity (IRSA), the container (EKS Pod Identity, ECS) and \
                 the instance's role",
                causes(error)
            ),
        ),
    }
}

fn service_failure(
    status: u16,
    after: Option<Duration>,
    code: Option<&str>,
    message: &str,
    action: &str,
    what: &str,
) -> Failure {
    // Whatever answers at the endpoint wrote the code, like the message.
    let code = code.map(|code| shortened(code.rsplit('#').next().unwrap_or(code)));
    let name = code.as_deref();
    let refused = Some(RetryClass::Refused);
    let message = shortened(message.trim());
    let shown = name.unwrap_or("error");
    let (retry_class, only_destination, error) = match name {
        Some("ThrottlingException" | "Throttling" | "TooManyRequestsException" | "RequestLimitExceeded") => {
            (Some(RetryClass::Throttled(after)), false, format!("{action}: throttled ({status}): {message}"))
        }
        Some("AccessDeniedException" | "AccessDenied" | "NotAuthorized") => (
            refused,
            true,
            format!(
                "{action} on {what} is not allowed: grant it to the agent's role (deploy/iam/); \
                 service response: {message}"
            ),
        ),
        Some("ExpiredTokenException" | "ExpiredToken" | "RequestExpired") => {
            (refused, false, format!("{action}: credentials expired and were not renewed: {message}"))
        }
        Some(
            "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException"
            | "IncompleteSignature"
            | "IncompleteSignatureException",
        ) => (refused, false, format!("{action}: credentials rejected ({shown}): {message}")),
        Some("InvalidSignatureException" | "SignatureDoesNotMatch" | "RequestTimeTooSkewed") => (
            // The SDK takes the service's time from this response and signs the next request with it.
            Some(RetryClass::Unavailable),
            false,
            format!("{action}: signature rejected ({shown}); check this node's clock: {message}"),
        ),
        Some("ResourceNotFoundException") => {
            (refused, true, format!("{action}: {what} does not exist: {message}"))
        }
        Some("OperationAbortedException" | "LimitExceededException") => {
            (refused, true, format!("{action} on {what}: {shown}: {message}"))
        }
        // The request may have been processed, by the service or by a proxy that rewrites responses.
        None if status < 300 => {
            (Some(RetryClass::Unavailable), false, format!("{action}: the response ({status}) is not JSON"))
        }
        _ if status == 429 => {
            (Some(RetryClass::Throttled(after)), false, format!("{action}: throttled ({status}): {message}"))
        }
        _ if status >= 500 => {
            let retry_class = match after {
                Some(after) => RetryClass::Throttled(Some(after)),
                None => RetryClass::Unavailable,
            };
            (Some(retry_class), false, format!("{action}: service error ({status} {shown}): {message}"))
        }
        _ if status == 403 => (refused, false, format!("{action}: refused ({status} {shown}): {message}")),
        Some("InvalidParameterException" | "SerializationException" | "ValidationException") => {
            (None, true, format!("{action} on {what}: rejected permanently ({shown}): {message}"))
        }
        // Not an error of the service but of a wrong endpoint or a proxy: the block is kept and retried.
        _ => (
            refused,
            false,
            format!(
                "{action}: unexpected response ({status} {shown}); check `endpoint_url` and any proxy: {message}"
            ),
        ),
    };
    Failure { code, retry_class, only_destination, error }
}

/// Returns the seconds in `Retry-After`; `None` for the rare date form, which leaves the usual wait.
fn retry_after(response: &HttpResponse) -> Option<Duration> {
    response.headers().get("retry-after")?.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_error_code_is_shortened() {
        let code = "x".repeat(100_000);
        for status in [400, 403, 503] {
            let failure = service_failure(status, None, Some(&code), "message", "logs:PutLogEvents", "group");
            assert!(failure.error.len() < 1000, "{status}: {} bytes", failure.error.len());
            assert!(failure.code.is_some_and(|code| code.len() < 1000));
        }
    }
}
