#!/usr/bin/env python3
"""Records one frame of this node: the files that a collector reads from the host, and the kubelet's answers right after.

Everything is read into memory first, host files before the kubelet, then trimmed and written below OUT/FRAME.
OUT/manifest.json gets the data that files cannot hold: inodes, results of statfs, clocks. See README.md.
"""
import argparse
import http.client
import json
import os
import pathlib
import ssl
import time

import trim

# Types that have no blocks of their own to count.
PSEUDO = set(
    "autofs binfmt_misc bpf cgroup cgroup2 configfs debugfs devpts efivarfs fusectl hugetlbfs mqueue nsfs proc pstore"
    " rpc_pipefs securityfs selinuxfs sysfs tracefs".split()
)
PROC = ["cpuinfo", "meminfo", "diskstats", "stat", "loadavg", "uptime", "version"]
PROC += ["pressure/cpu", "pressure/memory", "pressure/io", "1/mountinfo", "1/net/dev", "1/cgroup"]
PROCESS = ["net/dev", "stat", "cgroup"]
V1 = {
    "cpu": "cpu.stat cpu.shares cpu.cfs_quota_us cpu.cfs_period_us cgroup.procs".split(),
    "cpuacct": "cpuacct.usage cpuacct.stat cpuacct.usage_percpu cgroup.procs".split(),
    "memory": (
        "memory.stat memory.usage_in_bytes memory.max_usage_in_bytes memory.failcnt memory.limit_in_bytes"
        " memory.soft_limit_in_bytes memory.oom_control memory.use_hierarchy cgroup.procs"
    ).split(),
    "blkio": [
        f"blkio.{group}{figure}{suffix}"
        for group in ("bfq.", "throttle.", "")
        for figure in ("io_service_bytes", "io_serviced", "sectors")
        for suffix in ("", "_recursive")
    ]
    + ["cgroup.procs"],
    "pids": ["pids.current", "pids.max", "cgroup.procs"],
}
V2 = (
    "cgroup.controllers cgroup.procs cpu.stat cpu.max cpu.weight cpu.pressure memory.stat memory.current memory.peak memory.max"
    " memory.low memory.high memory.swap.current memory.swap.max memory.events memory.pressure io.stat io.pressure"
    " pids.current pids.max"
).split()
PODS = ("kubepods", "kubepods.slice")


def clocks():
    return {"unix_ns": time.time_ns(), "monotonic_ns": time.monotonic_ns()}


def read(path):
    """Returns the bytes of a file whose size the kernel does not report; None if it is missing or cannot be read."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        parts = []
        while part := os.read(fd, 1 << 20):
            parts.append(part)
        return b"".join(parts)
    except OSError:
        return None
    finally:
        os.close(fd)


def unescape(text):
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, char)
    return text


def mounts():
    """(mount point, type, super options) of every mount of the host's first process, in order."""
    found = []
    for line in read("/proc/1/mountinfo").decode().splitlines():
        left, right = line.split(" - ", 1)
        kind, _, options = right.split(" ", 2)
        found.append((unescape(left.split(" ")[4]), kind, options.split(",")))
    return found


def below(top):
    """Yields `top` and every directory below it, parents first, siblings in order of name."""
    if not os.path.isdir(top):
        return
    yield top
    for entry in sorted(os.scandir(top), key=lambda e: e.name):
        if entry.is_dir(follow_symlinks=False):
            yield from below(entry.path)


class Frame:
    """What was read, by absolute path on the host."""

    def __init__(self):
        self.files = {}
        self.inodes = {}
        self.statfs = {}
        self.pids = []

    def take(self, path):
        data = read(path)
        if data is not None:
            self.files[path] = data
        return data

    def cgroup(self, directory, names, root=False):
        self.inodes[directory] = os.stat(directory).st_ino
        for name in names:
            # the root's list is that of the whole machine, and no part of any pod
            if root and name == "cgroup.procs":
                continue
            data = self.take(f"{directory}/{name}")
            if name == "cgroup.procs" and data:
                self.pids += [int(p) for p in data.split() if p != b"0"]

    def cgroups_v2(self, top):
        self.cgroup(top, V2 + ["cgroup.subtree_control"], root=True)
        for pods in PODS:
            for directory in below(f"{top}/{pods}"):
                self.cgroup(directory, V2)

    def cgroups_v1(self, tops):
        for controller, top in tops.items():
            self.cgroup(top, V1[controller], root=True)
        names = {f[len(top):] for top in tops.values() for pods in PODS for f in below(f"{top}/{pods}")}
        # all controllers of one cgroup together, so that its values are from the same time
        for name in sorted(names):
            for controller, top in tops.items():
                if os.path.isdir(top + name):
                    self.cgroup(top + name, V1[controller])

    def processes(self):
        for pid in [1, *sorted(set(self.pids))]:
            base = f"/proc/{pid}"
            try:
                link = os.readlink(f"{base}/ns/net")
                inode = os.stat(f"{base}/ns/net").st_ino
            except OSError:
                continue
            for name in PROCESS if pid != 1 else []:
                self.take(f"{base}/{name}")
            self.files[f"{base}/ns/net"] = link.encode()
            self.inodes[f"{base}/ns/net"] = inode

    def devices(self):
        for disk in sorted(os.listdir("/sys/block")):
            for name in ("dev", "hidden"):
                self.take(f"/sys/block/{disk}/{name}")
        for interface in sorted(os.listdir("/sys/class/net")):
            self.take(f"/sys/class/net/{interface}/ifindex")

    def filesystems(self, listed):
        for point, kind, _ in listed:
            if kind in PSEUDO or kind.startswith("fuse"):
                continue
            try:
                s = os.statvfs(point)
            except OSError:
                continue
            self.statfs[point] = {
                "block_size": s.f_frsize,
                "blocks": s.f_blocks,
                "blocks_free": s.f_bfree,
                "blocks_available": s.f_bavail,
                "files": s.f_files,
                "files_free": s.f_ffree,
            }


class Kubelet:
    """An open, authorised connection, made before the frame, so that reading includes no handshake."""

    def __init__(self, address, token):
        # the certificate of a kubelet is often its own; what is recorded is looked at by a person before it is kept
        context = ssl._create_unverified_context()
        self.connection = http.client.HTTPSConnection(address, context=context, timeout=60)
        self.headers = {"Authorization": "Bearer " + token}
        self.get("/healthz")

    def get(self, path):
        self.connection.request("GET", path, headers=self.headers)
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise SystemExit(f"the kubelet answered {answer.status} to {path}: {body[:200]!r}")
        return body


def record(kubelet):
    frame = Frame()
    listed = mounts()
    v2 = ("/sys/fs/cgroup", "cgroup2") in [(point, kind) for point, kind, _ in listed]
    start = clocks()
    if v2:
        frame.cgroups_v2("/sys/fs/cgroup")
    else:
        tops = {c: p for p, kind, options in reversed(listed) if kind == "cgroup" for c in V1 if c in options}
        frame.cgroups_v1({c: tops[c] for c in V1 if c in tops})
        for point, kind, _ in listed:
            if kind == "cgroup2":
                frame.cgroup(point, ["cgroup.controllers"], root=True)
    frame.processes()
    for name in PROC:
        frame.take(f"/proc/{name}")
    frame.devices()
    end = clocks()
    # cAdvisor's figures first: they are what the cgroup files are compared with
    answers, spans = {}, {}
    for name, path in (("cadvisor", "/metrics/cadvisor"), ("summary", "/stats/summary"), ("pods", "/pods")):
        before = clocks()
        answers[name] = kubelet.get(path)
        spans[name] = {"start": before, "end": clocks()}
    frame.filesystems(listed)
    return frame, v2, {"host": {"start": start, "end": end}, "kubelet": spans}, answers


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--frame", required=True, help="1 or 2")
    parser.add_argument("--node", required=True, help="name of the node")
    parser.add_argument("--kubelet", required=True, help="HOST:PORT; the token is in KUBELET_TOKEN")
    parser.add_argument("--driver", required=True, choices=["cgroupfs", "systemd"])
    parser.add_argument("--rename", action="append", default=[], metavar="FROM=TO", help="a path to write differently")
    parser.add_argument("--forget", action="append", default=[], metavar="PREFIX", help="mounts to leave out")
    options = parser.parse_args()
    cleaner = trim.Cleaner([tuple(r.split("=", 1)) for r in options.rename], options.forget)

    frame, v2, spans, answers = record(Kubelet(options.kubelet, os.environ["KUBELET_TOKEN"]))
    root = options.out / options.frame
    for path, data in frame.files.items():
        write(root / cleaner.path(path).lstrip("/"), cleaner.host_file(path, data))
    for name, data in cleaner.kubelet(answers, pressure=v2).items():
        write(root / "kubelet" / name, data)

    manifest_path = options.out / "manifest.json"
    manifest = json.loads(manifest_path.read_text()) if manifest_path.exists() else {"format": 1, "frames": []}
    manifest |= {
        "node_name": options.node,
        "kernel": os.uname().release,
        "cgroup_version": 2 if v2 else 1,
        "driver": options.driver,
    }
    others = [m for m in manifest.pop("frames") if m["root"] != options.frame]
    this = {
        "root": options.frame,
        "time_unix_ns": spans["host"]["start"]["unix_ns"],
        "monotonic_ns": spans["host"]["start"]["monotonic_ns"],
        "ticks_per_second": os.sysconf("SC_CLK_TCK"),
        "read": spans,
        "kubelet": {"pods": "kubelet/pods.json", "summary": "kubelet/summary.json", "cadvisor": "kubelet/cadvisor.txt"},
        "statfs": {cleaner.path(p): s for p, s in frame.statfs.items() if not cleaner.forgets(p)},
        "inodes": {cleaner.path(p): i for p, i in sorted(frame.inodes.items())},
    }
    manifest["frames"] = sorted([*others, this], key=lambda m: m["root"])
    manifest_path.write_text(json.dumps(manifest, indent=1) + "\n")
    took = (spans["host"]["end"]["monotonic_ns"] - spans["host"]["start"]["monotonic_ns"]) / 1e6
    print(f"frame {options.frame}: {len(frame.files)} host files in {took:.0f} ms")


if __name__ == "__main__":
    main()
