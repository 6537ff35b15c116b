//! Settings of all AWS clients.

use std::path::PathBuf;
use std::time::Duration;

/// Settings of the user; everything else is discovered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AwsSettings {
    /// Region; by default `AWS_REGION`, or that of the profile or the instance.
    pub region: Option<String>,
    /// Endpoint of all services instead of their own. A client of a single service has its own setting for that.
    pub endpoint_url: Option<String>,
    /// Profile of the shared configuration files.
    pub profile: Option<String>,
    /// Use FIPS 140 endpoints.
    pub fips: bool,
    /// Role to assume with the discovered credentials.
    pub role: Option<Role>,
    /// PEM file with additional certificate authorities, such as that of a TLS-inspecting proxy.
    pub ca_file: Option<PathBuf>,
    /// Time limit for a response.
    pub timeout: Duration,
}

/// A role to assume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// ARN of the role.
    pub arn: String,
    /// External id that the role's trust policy may require.
    pub external_id: Option<String>,
}
