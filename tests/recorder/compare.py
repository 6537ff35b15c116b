#!/usr/bin/env python3
"""Compares the host files of a recording with the kubelet's cAdvisor values in the same recording.

compare.py RECORDING [--all]: one line per metric: how many pairs are equal, how many counters lie where the clock puts
them, how many gauges moved. --all prints every pair that is not equal. Exit status 1 when a counter lies outside its
bounds, or a gauge differs although it is the same in both frames and nothing ran in its cgroup.

cAdvisor reads each cgroup every 10-30 s by itself and stamps each figure; the host files are read all at once and before
the kubelet is queried. So its counter of frame 2 lies between ours of frame 1 and ours of frame 2 whenever its stamp does.
"""
import argparse
import json
import pathlib
import re
from collections import defaultdict

LINE = re.compile(r"(\w+)\{(.*)\} (\S+)(?: (\d+))?$")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
# cAdvisor stamps after the cgroup files and before the network: how far from the stamp a figure may have been read.
NEAR_MS = 100


class Files:
    """The files of one frame."""

    def __init__(self, recording, frame, version):
        self.root = recording / frame["root"]
        self.version = version
        self.frame = frame
        self.start_ms = frame["read"]["host"]["start"]["unix_ns"] / 1e6
        self.end_ms = frame["read"]["host"]["end"]["unix_ns"] / 1e6

    def text(self, path):
        try:
            return (self.root / path.lstrip("/")).read_text()
        except OSError:
            return None

    def cgroup(self, controller, cgroup, name):
        base = "/sys/fs/cgroup" if self.version == 2 else "/sys/fs/cgroup/" + controller
        return self.text(f"{base}{cgroup.rstrip('/')}/{name}")

    def value(self, controller, cgroup, name):
        text = self.cgroup(controller, cgroup, name)
        return None if text is None else int(text) if text.strip() != "max" else 2**64 - 1

    def table(self, controller, cgroup, name):
        text = self.cgroup(controller, cgroup, name)
        return {} if text is None else {k: int(v) for k, v in (line.split() for line in text.splitlines())}

    def field(self, controller, cgroup, name, key, scale=1):
        found = self.table(controller, cgroup, name).get(key)
        return None if found is None else found * scale

    def pressure(self, cgroup, what, line):
        text = self.text(f"/proc/pressure/{what}") if cgroup == "/" else self.cgroup("", cgroup, f"{what}.pressure")
        found = re.search(rf"^{line} .*total=(\d+)", text or "", re.M)
        return None if found is None else int(found[1]) * 1000

    def io(self, cgroup, figure, op):
        """Operation `op` of every device: v1 of the first group of files that has entries."""
        if self.version == 2:
            key = {"io_service_bytes": "bytes", "io_serviced": "ios"}[figure]
            found = {}
            for line in (self.cgroup("", cgroup, "io.stat") or "").splitlines():
                device, *pairs = line.split()
                pairs = dict(p.split("=") for p in pairs)
                if op[0].lower() + key in pairs:
                    found[device] = int(pairs[op[0].lower() + key])
            return found
        for group in ("bfq.{}_recursive", "{}_recursive", "throttle.{}_recursive", "throttle.{}"):
            lines = [line.split() for line in (self.cgroup("blkio", cgroup, "blkio." + group.format(figure)) or "").splitlines()]
            lines = [line for line in lines if len(line) == 3]
            if lines:
                return {device: int(value) for device, o, value in lines if o == op}
        return {}

    def interfaces(self, cgroup):
        """Counters by interface of the first process of `cgroup` that was still there, of process 1 for the root."""
        pids = ["1"] if cgroup == "/" else (self.cgroup("memory", cgroup, "cgroup.procs") or "").split()
        for pid in pids:
            text = self.text(f"/proc/{pid}/net/dev")
            if text:
                rows = [line.replace(":", " ").split() for line in text.splitlines()[2:]]
                return {row[0]: [int(v) for v in row[1:]] for row in rows}
        return {}

    def disks(self):
        found = {}
        for path in (self.root / "sys/block").glob("*/dev"):
            found["/dev/" + path.parent.name] = path.read_text().strip()
        return found

    def cadvisor(self):
        for line in self.text("/kubelet/cadvisor.txt").splitlines():
            if match := LINE.match(line):
                yield match[1], dict(LABEL.findall(match[2])), float(match[3]), int(match[4] or 0)


def meminfo(files, key):
    return int(re.search(rf"^{key}:\s+(\d+) kB", files.text("/proc/meminfo"), re.M)[1]) * 1024


def machine_figure(files, family):
    if family == "machine_cpu_cores":
        return len(re.findall(r"^processor\s*:", files.text("/proc/cpuinfo"), re.M))
    return meminfo(files, {"machine_memory_bytes": "MemTotal", "machine_swap_bytes": "SwapTotal"}[family])


def host_figure(files, family, labels):
    """(figure in cAdvisor's unit times scale, scale, is a counter), figure None where the host files have none."""
    if family.startswith("machine_"):
        return machine_figure(files, family), 1, False
    cgroup, v2 = labels["id"], files.version == 2

    def stat(v1_key, v2_key):
        return files.field("memory", cgroup, "memory.stat", v2_key if v2 else v1_key)

    def cpu_stat(key, scale=1):
        return files.field("cpu", cgroup, "cpu.stat", key, scale)

    match family.removeprefix("container_"):
        case "cpu_usage_seconds_total":
            usage = cpu_stat("usage_usec", 1000) if v2 else files.value("cpuacct", cgroup, "cpuacct.usage")
            return usage, 1e9, True
        case "cpu_user_seconds_total" | "cpu_system_seconds_total":
            key = "user" if "user" in family else "system"
            ticks = 10**9 // files.frame["ticks_per_second"]
            used = cpu_stat(key + "_usec", 1000) if v2 else files.field("cpuacct", cgroup, "cpuacct.stat", key, ticks)
            return used, 1e9, True
        case "cpu_cfs_periods_total":
            return cpu_stat("nr_periods"), 1, True
        case "cpu_cfs_throttled_periods_total":
            return cpu_stat("nr_throttled"), 1, True
        case "cpu_cfs_throttled_seconds_total":
            return cpu_stat("throttled_usec", 1000) if v2 else cpu_stat("throttled_time"), 1e9, True
        case "memory_usage_bytes" | "memory_working_set_bytes":
            usage = files.value("memory", cgroup, "memory.current" if v2 else "memory.usage_in_bytes")
            if usage is None:
                table = files.table("memory", cgroup, "memory.stat")
                usage = table["anon"] + table["file"] if table else None
            inactive = stat("total_inactive_file", "inactive_file")
            return usage if "usage" in family or usage is None else max(0, usage - inactive), 1, False
        case "memory_max_usage_bytes":
            return files.value("memory", cgroup, "memory.peak" if v2 else "memory.max_usage_in_bytes"), 1, False
        case "memory_failcnt":
            return None if v2 else files.value("memory", cgroup, "memory.failcnt"), 1, True
        case "memory_cache":
            return stat("total_cache", "file"), 1, False
        case "memory_rss":
            return stat("total_rss", "anon"), 1, False
        case "memory_mapped_file":
            return stat("total_mapped_file", "file_mapped"), 1, False
        case "memory_total_inactive_file_bytes":
            return stat("total_inactive_file", "inactive_file"), 1, False
        case "memory_swap" if v2 and cgroup == "/":
            return meminfo(files, "SwapTotal") - meminfo(files, "SwapFree"), 1, False
        case "memory_swap":
            return files.value("memory", cgroup, "memory.swap.current") if v2 else stat("total_swap", ""), 1, False
        case "memory_failures_total":
            return stat(labels["failure_type"], labels["failure_type"]), 1, True
        case "fs_reads_bytes_total" | "fs_writes_bytes_total" | "fs_reads_total" | "fs_writes_total":
            figure = "io_service_bytes" if "bytes" in family else "io_serviced"
            device = files.disks().get(labels["device"], labels["device"])
            return files.io(cgroup, figure, "Read" if "reads" in family else "Write").get(device), 1, True
        case "fs_limit_bytes" | "fs_usage_bytes" | "fs_inodes_total" | "fs_inodes_free":
            point = "/" if labels["device"] in files.disks() else labels["device"]
            s = files.frame["statfs"].get(point)
            if s is None:
                return None, 1, False
            figures = {
                "limit_bytes": s["blocks"] * s["block_size"],
                "usage_bytes": (s["blocks"] - s["blocks_free"]) * s["block_size"],
                "inodes_total": s["files"],
                "inodes_free": s["files_free"],
            }
            return figures[family.removeprefix("container_fs_")], 1, False
        case "processes":
            text = files.cgroup("memory", cgroup, "cgroup.procs")
            return None if text is None else len(text.split()), 1, False
        case "spec_cpu_shares":
            return None if v2 else files.value("cpu", cgroup, "cpu.shares"), 1, False
        case "spec_cpu_quota" | "spec_cpu_period":
            if v2:
                quota, period = (files.cgroup("cpu", cgroup, "cpu.max") or "max 0").split()
                text = quota if "quota" in family else period
                return None if text == "max" else int(text), 1, False
            return files.value("cpu", cgroup, "cpu.cfs_quota_us" if "quota" in family else "cpu.cfs_period_us"), 1, False
        case "spec_memory_limit_bytes":
            limit = files.value("memory", cgroup, "memory.max" if v2 else "memory.limit_in_bytes")
            if cgroup == "/":
                limit = machine_figure(files, "machine_memory_bytes")
            # cAdvisor says 0 for "no limit"
            return 0 if limit is not None and limit >= 2**62 else limit, 1, False
    if found := re.fullmatch(r"container_network_(receive|transmit)_(bytes|packets|errors|packets_dropped)_total", family):
        column = ["bytes", "packets", "errors", "packets_dropped"].index(found[2]) + (8 if found[1] == "transmit" else 0)
        row = files.interfaces(cgroup).get(labels["interface"])
        return None if row is None else row[column], 1, True
    if found := re.fullmatch(r"container_pressure_(cpu|memory|io)_(waiting|stalled)_seconds_total", family):
        return files.pressure(cgroup, found[1], "some" if found[2] == "waiting" else "full"), 1e9, True
    return None, 1, False


def idle(first, second, cgroup):
    """Returns whether nothing ran in `cgroup` between the frames: then only reclaim changes its gauges."""
    used = [host_figure(f, "container_cpu_usage_seconds_total", {"id": cgroup})[0] for f in (first, second)]
    return used[0] is not None and used[0] == used[1]


def verdict(first, second, family, labels, theirs, stamp):
    ours, scale, counter = host_figure(second, family, labels)
    if ours is None:
        return "no host figure", ours, None
    theirs = round(theirs * scale)
    # figures in seconds went through a float: 15 digits are left
    if abs(theirs - ours) <= abs(ours) * 1e-15 + (1 if scale > 1 else 0):
        return "equal", ours, theirs
    if not counter:
        still = idle(first, second, labels.get("id")) and host_figure(first, family, labels)[0] == ours
        return "outside" if still else "moved", ours, theirs
    before = host_figure(first, family, labels)[0] if stamp - NEAR_MS > first.end_ms else None
    after = ours if stamp + NEAR_MS < second.start_ms else float("inf")
    return "between" if (before or 0) <= theirs <= after else "outside", ours, theirs


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recording", type=pathlib.Path)
    parser.add_argument("--all", action="store_true")
    options = parser.parse_args()
    manifest = json.loads((options.recording / "manifest.json").read_text())
    first, second = (Files(options.recording, m, manifest["cgroup_version"]) for m in manifest["frames"])
    kinds = ["equal", "between", "moved", "outside", "no host figure"]
    counts = defaultdict(lambda: defaultdict(int))
    ages, gap = [], defaultdict(float)
    for family, labels, value, stamp in second.cadvisor():
        kind, ours, theirs = verdict(first, second, family, labels, value, stamp)
        counts[family][kind] += 1
        if stamp:
            ages.append(second.start_ms - stamp)
        if kind == "moved":
            gap[family] = max(gap[family], abs(theirs - ours))
        if kind != "equal" and options.all:
            part = labels.get("device") or labels.get("interface") or labels.get("failure_type") or ""
            at = f" at {stamp - second.start_ms:+.0f} ms" if stamp else ""
            print(f"{kind:15} {family} {part} {labels.get('id', '')[-90:]}: host {ours}, cAdvisor {theirs}{at}")
    apart = (second.start_ms - first.start_ms) / 1000
    print(f"{manifest['node_name']}, cgroup v{manifest['cgroup_version']}, frames {apart:.1f} s apart;", end=" ")
    print(f"cAdvisor's figures of frame 2 are {min(ages) / 1000:.1f} to {max(ages) / 1000:.1f} s older than ours")
    print(f"{'metric':52}" + "".join(f"{k:>15}" for k in kinds) + f"{'widest gap':>15}")
    for family, found in sorted(counts.items()):
        print(f"{family:52}" + "".join(f"{found[k] or '':>15}" for k in kinds) + f"{gap[family] or '':>15}")
    return 1 if any(found["outside"] for found in counts.values()) else 0


if __name__ == "__main__":
    raise SystemExit(main())
