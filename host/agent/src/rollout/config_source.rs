//! Where bundles come from: the configuration file, the environment and the command line.

use std::path::PathBuf;

use insightd_pipeline::Problem;

use super::restart;
use crate::config::{Config, Environment, Report};
use crate::snapshot::Snapshot;

/// Applies the command line to a configuration.
type Adjust = Box<dyn Fn(&mut Config) + Send>;

/// Reads the configuration again while the agent runs.
pub struct ConfigSource {
    /// Path of the configuration file; the environment or the defaults if absent.
    pub file: Option<PathBuf>,
    /// Environment variables, the defaults of settings that the file does not set.
    pub environment: Environment,
    /// The command line.
    pub adjust: Adjust,
    /// Configuration at the start of the agent.
    pub started_with: Config,
}

impl std::fmt::Debug for ConfigSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConfigSource").field("file", &self.file).finish_non_exhaustive()
    }
}

impl ConfigSource {
    /// Reads the configuration and the files that it names. Returns them with the changed keys that take effect only at a restart.
    ///
    /// # Errors
    /// The configuration cannot be read or is invalid.
    pub(super) fn read(&self) -> Result<(Snapshot, Vec<String>), Report> {
        let (text, mut config) = match &self.file {
            Some(file) => Config::read(file, &self.environment)?,
            None => Config::without_file(&self.environment)?,
        };
        (self.adjust)(&mut config);
        let keys = restart::keys(&self.started_with, &config);
        // Only the sections that apply without a restart; the rest stays as at the start of the agent.
        let Config { pipelines, rollout, .. } = config;
        let config = Config { pipelines, rollout, ..self.started_with.clone() };
        Ok((Snapshot::new(text, config, None), keys))
    }

    /// Returns the report of these problems on one line.
    pub(super) fn describe(&self, problems: Vec<Problem>) -> String {
        let file = self.file.as_ref().map(|file| file.display().to_string());
        one_line(&Report::new(file, problems).to_string())
    }
}

/// Joins the lines of a report.
pub(super) fn one_line(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}
