//! Sources of news: a running agent or a recording.

pub(crate) mod live;
pub(crate) mod recording;
