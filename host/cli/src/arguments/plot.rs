//! The options of `plot`.

use std::path::PathBuf;
use std::str::FromStr;

/// Examples of `plot`; part of the help text.
pub(super) const EXAMPLE: &str = "\
Record ten minutes of a node, and draw the CPU of its pods in one namespace:
  insightd record --ticks 10 --out node.jsonl
  insightctl plot node.jsonl pod_cpu_usage_total --namespace shop --out cpu.svg";

/// Options of `plot`.
#[derive(Debug, clap::Args)]
pub(crate) struct Plot {
    /// Recording of `insightd record`; `-` reads standard input
    pub(crate) recording: PathBuf,
    /// Names of metrics, as the events have them
    #[arg(value_name = "METRIC", required = true)]
    pub(crate) metrics: Vec<String>,
    /// File to write; an existing one is replaced [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Configuration file [default: the built-in pipelines]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Only run the pipeline of this name
    #[arg(long, value_name = "NAME")]
    pub(crate) pipeline: Option<String>,
    /// Only events of this type, such as Pod
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: Option<String>,
    /// Only events of this namespace
    #[arg(long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// Only events of this pod and its containers, NAME or NAMESPACE/NAME
    #[arg(long, value_name = "NAME")]
    pub(crate) pod: Option<String>,
    /// Width and height in pixels, each from 240 to 8192; higher if the lines and their names need it
    #[arg(long, value_name = "WIDTHxHEIGHT", default_value = "960x480")]
    pub(crate) size: Size,
}

/// Width and height of a chart in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const RANGE: std::ops::RangeInclusive<u32> = 240..=8192;
        let parsed = text.split_once('x').and_then(|(width, height)| {
            Some(Self { width: width.parse().ok()?, height: height.parse().ok()? })
        });
        parsed.filter(|size| RANGE.contains(&size.width) && RANGE.contains(&size.height)).ok_or_else(|| {
            format!("expected WIDTHxHEIGHT, both from {} to {}, such as 960x480", RANGE.start(), RANGE.end())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bounded() {
        assert_eq!("960x480".parse(), Ok(Size { width: 960, height: 480 }));
        for wrong in ["", "960", "960x", "x480", "239x480", "960x8193", "-1x480", "960X480", "9e2x480"] {
            let error = wrong.parse::<Size>().unwrap_err();
            assert!(error.starts_with("expected WIDTHxHEIGHT, both from 240 to 8192"), "{wrong}: {error}");
        }
    }
}
