//! Kubernetes Events, for what an operator must see.
