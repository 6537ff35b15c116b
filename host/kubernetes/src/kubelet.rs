//! The kubelet of this node: its pods and their file systems, with the age of what is known.
