//! Connections to the API server and the kubelet: addresses, certificates, tokens, and what their errors mean.
