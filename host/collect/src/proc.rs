//! Parsers of the files in `/proc`.

pub mod cpuinfo;
pub mod diskstats;
pub mod loadavg;
pub mod meminfo;
pub mod mountinfo;
pub mod net_dev;
pub mod pressure;
pub mod stat;
pub mod vlan;
