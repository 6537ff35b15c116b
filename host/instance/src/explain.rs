//! Translation of EC2 API errors into messages for operators.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::ErrorMetadata;
use insightd_aws::error_text::{causes, shortened};

/// Start of the encoded part of EC2's message, which is left out.
const ENCODED: &str = " Encoded authorization failure message";

/// An error of an EC2 API call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ec2Error {
    /// The permission is missing.
    #[error(
        "permission denied: grant `{action}` to the agent's role; retried within the hour; response: {text}"
    )]
    Denied {
        /// IAM action, such as `ec2:DescribeTags`.
        action: &'static str,
        /// EC2's error message.
        text: String,
    },
    /// There are no credentials to sign with.
    #[error(
        "{action}: no credentials found: give the agent a role with EKS Pod Identity, IRSA or an instance \
         profile: {text}"
    )]
    NoCredentials {
        /// IAM action, such as `ec2:DescribeTags`.
        action: &'static str,
        /// The SDK's error text.
        text: String,
    },
    /// EC2 rejects the credentials or the signature.
    #[error("{action}: EC2 rejected the agent's credentials ({code}): {text}")]
    Credentials {
        /// IAM action, such as `ec2:DescribeTags`.
        action: &'static str,
        /// Error code, such as `AuthFailure`.
        code: String,
        /// EC2's error message.
        text: String,
    },
    /// EC2 throttles the account.
    #[error("{action}: EC2 throttles this account ({code}); retried later")]
    Throttled {
        /// IAM action, such as `ec2:DescribeTags`.
        action: &'static str,
        /// Error code, such as `RequestLimitExceeded`.
        code: String,
    },
    /// The API cannot be reached.
    #[error(
        "{action}: cannot reach the EC2 API ({text}); a VPC without internet access needs the interface \
         endpoint com.amazonaws.REGION.ec2; set `instance.endpoint_url` if that has no private DNS"
    )]
    Unreachable {
        /// IAM action, such as `ec2:DescribeTags`.
        action: &'static str,
        /// Error text of the connection.
        text: String,
    },
    /// Any other error.
    #[error("{action}: {text}")]
    Other {
        /// IAM action, such as `ec2:DescribeTags`.
        action: &'static str,
        /// Error text.
        text: String,
    },
}

impl Ec2Error {
    /// Returns true if the permission is missing, so that an early retry is useless.
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Denied { .. })
    }
}

/// Explains the failure of a call that needs the permission `action`.
pub(super) fn explain(error: &SdkError<ErrorMetadata, HttpResponse>, action: &'static str) -> Ec2Error {
    if let SdkError::ServiceError(response) = error {
        let status = response.raw().status().as_u16();
        let code = response.err().code().unwrap_or_default();
        return from_code(action, code, response.err().message().unwrap_or_default(), status);
    }
    let text = causes(error);
    if cause::<CredentialsError>(error).is_some() {
        return Ec2Error::NoCredentials { action, text };
    }
    match error {
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) => Ec2Error::Unreachable { action, text },
        _ => Ec2Error::Other { action, text },
    }
}

/// Returns the first cause of type `E`. Also searches the inner error of an I/O error, which its `source` skips.
pub(crate) fn cause<'e, E: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        next = match error.downcast_ref::<std::io::Error>() {
            Some(error) => error.get_ref().map(|inner| inner as _).or_else(|| error.source()),
            None => error.source(),
        };
    }
    None
}

fn from_code(action: &'static str, code: &str, message: &str, status: u16) -> Ec2Error {
    let text = message.split(ENCODED).next().unwrap_or_default().trim();
    let text = shortened(if text.is_empty() { format!("status {status}") } else { text.to_owned() });
    match code {
        "UnauthorizedOperation" | "AccessDenied" | "AccessDeniedException" => {
            Ec2Error::Denied { action, text }
        }
        "AuthFailure"
        | "Blocked"
        | "ExpiredToken"
        | "IncompleteSignature"
        | "InvalidClientTokenId"
        | "InvalidSecurity"
        | "OptInRequired"
        | "RequestExpired"
        | "SignatureDoesNotMatch" => Ec2Error::Credentials { action, code: code.into(), text },
        "RequestLimitExceeded" | "Throttling" | "ThrottlingException" | "TooManyRequestsException" => {
            Ec2Error::Throttled { action, code: code.into() }
        }
        "" if status == 429 || status == 503 => Ec2Error::Throttled { action, code: status.to_string() },
        "" => Ec2Error::Other { action, text },
        code => Ec2Error::Other { action, text: shortened(format!("{code}: {text}")) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACTION: &str = "ec2:DescribeTags";

    #[test]
    fn a_missing_permission_is_named_without_the_encoded_message() {
        let message = "You are not authorized to perform this operation. User: arn:aws:sts::1:assumed-role/r/i-1 is not \
                       authorized to perform: ec2:DescribeTags. Encoded authorization failure message: kW8hZ2x";
        let error = from_code(ACTION, "UnauthorizedOperation", message, 403);
        assert!(error.is_denied());
        let text = error.to_string();
        assert!(text.contains("grant `ec2:DescribeTags`") && text.contains("assumed-role/r"), "{text}");
        assert!(!text.contains("kW8hZ2x"), "{text}");
    }

    #[test]
    fn error_codes_are_explained() {
        for (code, status, wanted) in [
            ("AuthFailure", 401, "rejected the agent's credentials (AuthFailure)"),
            ("RequestLimitExceeded", 503, "EC2 throttles this account (RequestLimitExceeded)"),
            ("", 503, "EC2 throttles this account (503)"),
            ("InternalError", 500, "InternalError: odd"),
            ("", 500, "ec2:DescribeTags: odd"),
        ] {
            let text = from_code(ACTION, code, "odd", status).to_string();
            assert!(text.contains(wanted), "{code}: {text}");
        }
        assert!(from_code(ACTION, "", "", 500).to_string().ends_with("status 500"));
        assert!(from_code(ACTION, "X", &"é".repeat(9999), 500).to_string().chars().count() < 300);
    }
}
