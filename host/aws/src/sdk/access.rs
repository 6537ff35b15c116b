//! Access of rare clients to the AWS API.

use aws_config::{Region, SdkConfig};

use super::{SdkError, load};
use crate::settings::AwsSettings;

/// Access to an API in a region that is known only at runtime.
#[derive(Clone, Debug)]
pub enum Access {
    /// Settings for a configuration that is loaded for each round of requests and dropped afterwards: requests are so rare
    /// that connections, certificates and credentials are not worth keeping.
    Load(AwsSettings),
    /// A given configuration.
    Ready(Box<SdkConfig>),
}

impl Access {
    /// Returns the configuration for a region.
    ///
    /// # Errors
    /// An unusable certificate file.
    pub async fn config(&self, region: &str) -> Result<SdkConfig, SdkError> {
        let config = match self {
            Self::Ready(config) => SdkConfig::clone(config),
            Self::Load(settings) => {
                load(&AwsSettings { region: Some(region.to_owned()), ..settings.clone() }).await?
            }
        };
        Ok(config.into_builder().region(Region::new(region.to_owned())).build())
    }
}
