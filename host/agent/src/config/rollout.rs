//! `rollout:` how a new bundle of pipelines and components is deployed on this node while the agent runs.

use insightd_pipeline::shadow::Bounds;

use super::reader::{Section, flag, integer};

/// Settings for the rollout of new bundles.
#[derive(Clone, Debug, PartialEq)]
pub struct Rollout {
    /// `false` keeps the running bundle, whatever the files contain.
    pub enabled: bool,
    /// Share of the nodes that are canaries, by a hash of their names; 1.0 is all of them.
    pub canary: f64,
    /// Ticks of the probation, in which a bundle that fails is rolled back as a whole.
    pub trial_ticks: u32,
    /// Most difference between a new bundle and the running one over the same batches.
    pub bounds: Bounds,
}

impl Default for Rollout {
    fn default() -> Self {
        Self { enabled: true, canary: 1.0, trial_ticks: 10, bounds: Bounds::default() }
    }
}

/// Reads the section.
pub(super) fn read(section: &Section<'_>) -> Rollout {
    let default = Rollout::default();
    let enabled = section.value("enabled", flag).unwrap_or(default.enabled);
    let canary = section.value("canary", |text| match share(text)? {
        share if share <= 1.0 => Ok(share),
        _ => Err("must be from 0% to 100%".into()),
    });
    let trial_ticks = section.value("trial_ticks", |text| match integer(text)? {
        ticks @ 1..=1000 => Ok(ticks as u32),
        _ => Err("must be from 1 to 1000".to_string()),
    });
    let below = section.section("bounds");
    let bounds = Bounds {
        events_less: below.value("events_less", bound).unwrap_or(default.bounds.events_less),
        events_more: below.value("events_more", bound).unwrap_or(default.bounds.events_more),
        bytes_more: below.value("bytes_more", bound).unwrap_or(default.bounds.bytes_more),
        metrics_less: below.value("metrics_less", bound).unwrap_or(default.bounds.metrics_less),
        metrics_more: below.value("metrics_more", bound).unwrap_or(default.bounds.metrics_more),
        declared_less: below.value("declared_less", bound).unwrap_or(default.bounds.declared_less),
        series_more: below.value("series_more", bound).unwrap_or(default.bounds.series_more),
        cpu_more: below.value("cpu_more", bound).unwrap_or(default.bounds.cpu_more),
    };
    below.finish();
    section.finish();
    Rollout {
        enabled,
        canary: canary.unwrap_or(default.canary),
        trial_ticks: trial_ticks.unwrap_or(default.trial_ticks),
        bounds,
    }
}

/// Parses the bound of a change: a share, or `any` for no bound.
fn bound(text: &str) -> Result<f64, String> {
    if text == "any" { Ok(f64::INFINITY) } else { share(text) }
}

/// Parses a percentage such as `5%`, `0.5%` or `900%` into a share, 1.0 being 100%.
fn share(text: &str) -> Result<f64, String> {
    let wrong = || format!("invalid percentage `{text}`: expected a number and %, such as 5%");
    let number = text.strip_suffix('%').ok_or_else(wrong)?.trim_end();
    if !number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Err(wrong());
    }
    let percent: f64 = number.parse().map_err(|_| wrong())?;
    Ok(percent / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::reader::Problems;
    use insightd_yaml as yaml;

    fn read_text(text: &str) -> (Rollout, Option<String>) {
        let (problems, root) = (Problems::default(), yaml::parse(text).unwrap());
        let rollout = read(&Section::root(root.as_ref(), &problems));
        (rollout, problems.into_report(None).map(|report| report.to_string()))
    }

    #[test]
    fn shares_are_percentages() {
        assert_eq!(read_text(""), (Rollout::default(), None));
        let (rollout, report) = read_text(
            "canary: 2.5%\nbounds: {events_more: 900%, metrics_less: any, cpu_more: 50%}\nenabled: false",
        );
        assert_eq!(report, None);
        assert_eq!((rollout.canary, rollout.enabled), (0.025, false));
        assert_eq!((rollout.bounds.events_more, rollout.bounds.metrics_less), (9.0, f64::INFINITY));
        assert_eq!(rollout.bounds.cpu_more, 0.5);
    }

    #[test]
    fn mistakes_are_reported() {
        for (text, wanted) in [
            ("canary: 0.5", "invalid percentage `0.5`: expected a number and %, such as 5%"),
            ("canary: 101%", "must be from 0% to 100%"),
            ("canary: -1%", "invalid percentage"),
            ("canary: any", "invalid percentage"),
            ("bounds: {events: 1%}", "unknown key"),
            ("trial_ticks: 0", "must be from 1 to 1000"),
        ] {
            let report = read_text(text).1.unwrap_or_default();
            assert!(report.contains(wanted), "{text}: {report}");
        }
    }
}
