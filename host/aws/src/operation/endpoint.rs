//! Endpoints of a service, by region and partition.

use aws_config::SdkConfig;
use aws_types::service_config::ServiceConfigKey;

use super::{ClientError, Service};

/// DNS suffixes of partitions, plain and dual-stack, by prefix of their regions' names; from the SDK's `partitions.json`.
/// Regions without a match use [`AWS`].
const PARTITIONS: [(&str, [&str; 2]); 6] = [
    ("cn-", ["amazonaws.com.cn", "api.amazonwebservices.com.cn"]),
    ("eusc-", ["amazonaws.eu", "api.amazonwebservices.eu"]),
    ("us-iso-", ["c2s.ic.gov", "api.aws.ic.gov"]),
    ("us-isob-", ["sc2s.sgov.gov", "api.aws.scloud"]),
    ("us-isof-", ["csp.hci.ic.gov", "api.aws.hci.ic.gov"]),
    ("eu-isoe-", ["cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"]),
];

const AWS: [&str; 2] = ["amazonaws.com", "api.aws"];

/// Prefix of GovCloud regions.
const GOV: &str = "us-gov-";

/// Returns the configured URL, or else that of the configured region.
pub(super) fn url(service: &Service, config: &SdkConfig) -> Result<String, ClientError> {
    let fips = config.use_fips().unwrap_or_default();
    let dual_stack = config.use_dual_stack().unwrap_or_default();
    if let Some(url) = configured(service, config) {
        return match (fips, dual_stack) {
            (true, _) => Err(ClientError::EndpointConflict("FIPS")),
            (_, true) => Err(ClientError::EndpointConflict("dual-stack")),
            _ => Ok(url),
        };
    }
    let region = config.region().ok_or(ClientError::Missing("region"))?;
    Ok(region_url(service, region.as_ref(), fips, dual_stack))
}

/// Returns the configured URL. The agent's own setting takes precedence over that of the service in the environment, such as
/// `AWS_ENDPOINT_URL_EC2`, and in the profile, and these over `AWS_ENDPOINT_URL`.
fn configured(service: &Service, config: &SdkConfig) -> Option<String> {
    let general = || config.endpoint_url().map(str::to_owned);
    if config.get_origin("endpoint_url").is_client_config() {
        return general();
    }
    let key =
        ServiceConfigKey::builder().service_id(service.id).env("AWS_ENDPOINT_URL").profile("endpoint_url");
    let own = key.build().ok().and_then(|key| config.service_config()?.load_config(key));
    own.or_else(general)
}

fn region_url(service: &Service, region: &str, fips: bool, dual_stack: bool) -> String {
    let partition = PARTITIONS.iter().find(|(prefix, _)| region.starts_with(prefix));
    let suffix = partition.map_or(AWS, |(_, suffixes)| *suffixes)[usize::from(dual_stack)];
    let is_always_fips = service.is_fips_in_gov && region.starts_with(GOV) && !dual_stack;
    let variant = if fips && !is_always_fips { "-fips" } else { "" };
    format!("https://{}{variant}.{region}.{suffix}", service.name)
}

#[cfg(test)]
mod tests {
    use aws_config::Region;
    use aws_types::origin::Origin;
    use aws_types::service_config::LoadServiceConfig;

    use super::*;

    const EC2: Service = Service {
        noun: "EC2",
        name: "ec2",
        id: "EC2",
        is_fips_in_gov: true,
        max_response_bytes: 1,
        credentials_advice: "",
        endpoint_advice: "",
    };

    #[test]
    fn endpoints_of_every_partition() {
        for (region, fips, dual_stack, host) in [
            ("us-west-2", false, false, "ec2.us-west-2.amazonaws.com"),
            ("us-west-2", true, false, "ec2-fips.us-west-2.amazonaws.com"),
            ("us-west-2", false, true, "ec2.us-west-2.api.aws"),
            ("us-west-2", true, true, "ec2-fips.us-west-2.api.aws"),
            ("eu-central-1", false, false, "ec2.eu-central-1.amazonaws.com"),
            ("xx-new-1", false, false, "ec2.xx-new-1.amazonaws.com"),
            ("cn-north-1", false, false, "ec2.cn-north-1.amazonaws.com.cn"),
            ("cn-northwest-1", true, false, "ec2-fips.cn-northwest-1.amazonaws.com.cn"),
            ("cn-north-1", false, true, "ec2.cn-north-1.api.amazonwebservices.com.cn"),
            ("us-gov-west-1", false, false, "ec2.us-gov-west-1.amazonaws.com"),
            ("us-gov-west-1", true, false, "ec2.us-gov-west-1.amazonaws.com"),
            ("us-gov-east-1", false, true, "ec2.us-gov-east-1.api.aws"),
            ("us-gov-east-1", true, true, "ec2-fips.us-gov-east-1.api.aws"),
            ("us-iso-east-1", false, false, "ec2.us-iso-east-1.c2s.ic.gov"),
            ("us-iso-west-1", true, false, "ec2-fips.us-iso-west-1.c2s.ic.gov"),
            ("us-isob-east-1", false, false, "ec2.us-isob-east-1.sc2s.sgov.gov"),
            ("us-isof-south-1", false, false, "ec2.us-isof-south-1.csp.hci.ic.gov"),
            ("eu-isoe-west-1", false, false, "ec2.eu-isoe-west-1.cloud.adc-e.uk"),
            ("eusc-de-east-1", false, false, "ec2.eusc-de-east-1.amazonaws.eu"),
            ("eusc-de-east-1", false, true, "ec2.eusc-de-east-1.api.amazonwebservices.eu"),
        ] {
            let url = region_url(&EC2, region, fips, dual_stack);
            assert_eq!(url, format!("https://{host}"), "FIPS: {fips}, dual-stack: {dual_stack}");
        }
    }

    #[test]
    fn a_service_may_have_fips_endpoints_in_govcloud() {
        let ecs = Service { name: "ecs", is_fips_in_gov: false, ..EC2 };
        for (region, fips, dual_stack, host) in [
            ("us-west-2", false, false, "ecs.us-west-2.amazonaws.com"),
            ("us-gov-west-1", false, false, "ecs.us-gov-west-1.amazonaws.com"),
            ("us-gov-west-1", true, false, "ecs-fips.us-gov-west-1.amazonaws.com"),
            ("us-gov-east-1", true, true, "ecs-fips.us-gov-east-1.api.aws"),
        ] {
            assert_eq!(region_url(&ecs, region, fips, dual_stack), format!("https://{host}"));
        }
    }

    #[derive(Debug)]
    struct Environment;

    impl LoadServiceConfig for Environment {
        fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
            let is_ours = (key.service_id(), key.env(), key.profile());
            (is_ours == ("EC2", "AWS_ENDPOINT_URL", "endpoint_url")).then(|| "https://own".into())
        }
    }

    #[test]
    fn settings_take_precedence_over_the_environment() {
        let base = || SdkConfig::builder().region(Region::new("us-west-2"));
        assert_eq!(url(&EC2, &base().build()).unwrap(), "https://ec2.us-west-2.amazonaws.com");
        assert_eq!(url(&EC2, &base().endpoint_url("http://all").build()).unwrap(), "http://all");
        let both = base().endpoint_url("http://all").service_config(Environment);
        assert_eq!(url(&EC2, &both.build()).unwrap(), "https://own");
        let mut set = base().endpoint_url("http://set").service_config(Environment);
        set.insert_origin("endpoint_url", Origin::shared_config());
        assert_eq!(url(&EC2, &set.build()).unwrap(), "http://set");
    }

    #[test]
    fn contradicting_settings_are_errors() {
        let base = || SdkConfig::builder().region(Region::new("us-west-2")).endpoint_url("http://e");
        assert_eq!(url(&EC2, &base().use_fips(true).build()), Err(ClientError::EndpointConflict("FIPS")));
        let dual = base().use_dual_stack(true).build();
        assert_eq!(url(&EC2, &dual), Err(ClientError::EndpointConflict("dual-stack")));
        assert_eq!(url(&EC2, &SdkConfig::builder().build()), Err(ClientError::Missing("region")));
    }
}
