# Sourced by every script of the node tests: where things are, and how to say what is wrong.
#
#   NODE_DIR    what `build` makes and what a running node writes; target/node
#   NODE_NETNS  network namespace of the node, empty for the machine's own (the guest's)
#   NODE_POLL   seconds between two tries of what is waited for; 1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
NODE_DIR=${NODE_DIR:-$(cd "$here/../.." && pwd)/target/node}
NODE_NETNS=${NODE_NETNS-insightd-node}
NODE_RUN=${NODE_RUN:-$NODE_DIR/run}
# cAdvisor inside the kubelet looks for containerd here and nowhere else; elsewhere its containers have no names.
containerd_socket=/run/containerd/containerd.sock

fail() {
  echo "node tests: $*" >&2
  exit 1
}

# wait_for SECONDS COMMAND...
wait_for() {
  local seconds=$1 deadline=$((SECONDS + $1))
  shift
  while [ "$SECONDS" -lt "$deadline" ]; do
    "$@" >/dev/null 2>&1 && return
    sleep "${NODE_POLL:-1}"
  done
  echo "node tests: not within $seconds s: $*; logs are in $NODE_RUN/log" >&2
  return 1
}

# inside COMMAND...: in the node's network. `ip netns exec` will not do: it mounts a fresh /sys, in which the cgroups are missing.
inside() {
  if [ -n "$NODE_NETNS" ]; then nsenter "--net=/run/netns/$NODE_NETNS" "$@"; else "$@"; fi
}

# What a node of the machine itself needs; what the qemu guest needs besides. COMMAND:DEBIAN-PACKAGE.
node_tools="containerd:containerd runc:runc etcd:etcd-server /usr/lib/cni/bridge:containernetworking-plugins
  /usr/bin/busybox:busybox-static ip:iproute2 openssl:openssl nsenter:util-linux cc:gcc tar:tar sha256sum:coreutils"
guest_tools="qemu-system-x86_64:qemu-system-x86 debootstrap:debootstrap cpio:cpio depmod:kmod mkfs.ext4:e2fsprogs"

has() {
  case $1 in
    /*) [ -e "$1" ] ;;
    *) command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ] || [ -x "/sbin/$1" ] ;;
  esac
}

# missing COMMAND:PACKAGE...: those that are not there
missing() {
  local tool
  for tool in "$@"; do has "${tool%%:*}" || echo "$tool"; done
}

# need COMMAND:PACKAGE...: installs the packages of what is missing, where that is possible. Exit code 77 names what stays missing.
need() {
  local lacking
  lacking=$(missing "$@")
  if [ -n "$lacking" ] && [ "$(id -u)" = 0 ] && has apt-get; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
      $(sed 's/.*://' <<<"$lacking") >/dev/null || true
    lacking=$(missing "$@")
  fi
  [ -z "$lacking" ] || skip "no $(sed 's/:.*//' <<<"$lacking" | paste -sd' ' | sed 's/ /, no /g')"
}

# skip REASON: exit code 77, which `run` turns into a line of its own
skip() {
  echo "$*" >&2
  exit 77
}
