//! Translation of API errors into messages for operators.

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::ErrorMetadata;

use super::Service;
use insightd_upstream::error_text::{cause, causes, shortened};

/// Start of the encoded part of messages of EC2, which is left out.
const ENCODED: &str = " Encoded authorization failure message";

/// An error of an API call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// The permission is missing.
    #[error(
        "permission denied: grant `{action}` to the agent's role; retried within the hour; response: {text}"
    )]
    Denied {
        /// IAM action, such as `ec2:DescribeTags`.
        action: &'static str,
        /// The service's error message.
        text: String,
    },
    /// There are no credentials to sign with.
    #[error("{action}: no credentials found: {}: {text}", .service.credentials_advice)]
    NoCredentials {
        /// The service.
        service: &'static Service,
        /// IAM action, such as `ec2:DescribeTags`.
        action: &'static str,
        /// The SDK's error text.
        text: String,
    },
    /// The service rejects the credentials or the signature.
    #[error("{action}: {} rejected the agent's credentials ({code}): {text}", .service.noun)]
    Credentials {
        /// The service.
        service: &'static Service,
        /// IAM action, such as `ec2:DescribeTags`.
        action: &'static str,
        /// Error code, such as `AuthFailure`.
        code: String,
        /// The service's error message.
        text: String,
    },
    /// The service throttles the account.
    #[error("{action}: {} throttles this account ({code}); retried later", .service.noun)]
    Throttled {
        /// The service.
        service: &'static Service,
        /// IAM action, such as `ec2:DescribeTags`.
        action: &'static str,
        /// Error code, such as `RequestLimitExceeded`.
        code: String,
    },
    /// The API cannot be reached.
    #[error("{action}: cannot reach the {} API ({text}); {}", .service.noun, .service.endpoint_advice)]
    Unreachable {
        /// The service.
        service: &'static Service,
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

impl ApiError {
    /// Returns true if the permission is missing, so that an early retry is useless.
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Denied { .. })
    }
}

impl Service {
    /// Explains the failure of a call that needs the permission `action`.
    pub fn explain(
        &'static self,
        error: &SdkError<ErrorMetadata, HttpResponse>,
        action: &'static str,
    ) -> ApiError {
        let service = self;
        if let SdkError::ServiceError(response) = error {
            let status = response.raw().status().as_u16();
            let code = response.err().code().unwrap_or_default();
            let message = response.err().message().unwrap_or_default();
            return from_code(service, action, code, message, status);
        }
        let text = causes(error);
        if cause::<CredentialsError>(error).is_some() {
            return ApiError::NoCredentials { service, action, text };
        }
        match error {
            SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) => {
                ApiError::Unreachable { service, action, text }
            }
            _ => ApiError::Other { action, text },
        }
    }
}

fn from_code(
    service: &'static Service,
    action: &'static str,
    code: &str,
    message: &str,
    status: u16,
) -> ApiError {
    let text = message.split(ENCODED).next().unwrap_or_default().trim();
    let text = shortened(if text.is_empty() { format!("status {status}") } else { text.to_owned() });
    match code {
        "UnauthorizedOperation" | "AccessDenied" | "AccessDeniedException" => {
            ApiError::Denied { action, text }
        }
        "AuthFailure"
        | "Blocked"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "IncompleteSignature"
        | "InvalidClientTokenId"
        | "InvalidSecurity"
        | "InvalidSignatureException"
        | "MissingAuthenticationTokenException"
        | "OptInRequired"
        | "RequestExpired"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClientException" => ApiError::Credentials { service, action, code: code.into(), text },
        "RequestLimitExceeded" | "Throttling" | "ThrottlingException" | "TooManyRequestsException" => {
            ApiError::Throttled { service, action, code: code.into() }
        }
        "" if status == 429 || status == 503 => {
            ApiError::Throttled { service, action, code: status.to_string() }
        }
        "" => ApiError::Other { action, text },
        code => ApiError::Other { action, text: shortened(format!("{code}: {text}")) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACTION: &str = "ec2:DescribeTags";

    static EC2: Service = Service {
        noun: "EC2",
        name: "ec2",
        id: "EC2",
        is_fips_in_gov: true,
        max_response_bytes: 1,
        credentials_advice: "use a role",
        endpoint_advice: "add an interface endpoint",
    };

    #[test]
    fn a_missing_permission_is_named_without_the_encoded_message() {
        let message = "You are not authorized to perform this operation. User: arn:aws:sts::1:assumed-role/r/i-1 is not \
                       authorized to perform: ec2:DescribeTags. Encoded authorization failure message: kW8hZ2x";
        let error = from_code(&EC2, ACTION, "UnauthorizedOperation", message, 403);
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
            let text = from_code(&EC2, ACTION, code, "odd", status).to_string();
            assert!(text.contains(wanted), "{code}: {text}");
        }
        assert!(from_code(&EC2, ACTION, "", "", 500).to_string().ends_with("status 500"));
        assert!(from_code(&EC2, ACTION, "X", &"é".repeat(9999), 500).to_string().chars().count() < 300);
    }
}
