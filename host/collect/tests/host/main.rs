//! The collector as a whole: over made trees, over recorded nodes, over this machine.

mod live;
mod recorded;
mod synthetic;
mod view;
