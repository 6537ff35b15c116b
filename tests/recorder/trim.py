"""Takes out of a recording what nobody compares, and what says too much about the machine it was made on."""
import json
import re

# Families of /metrics/cadvisor that have a counterpart in the host files. `container_oom_events_total` has none: cAdvisor
# counts lines of the kernel's log, not `oom_kill` of the cgroup.
FAMILIES = re.compile(
    r"container_cpu_(usage|user|system)_seconds_total|container_cpu_cfs_.*"
    r"|container_memory_(cache|failcnt|failures_total|mapped_file|max_usage_bytes|rss|swap|total_inactive_file_bytes"
    r"|usage_bytes|working_set_bytes)"
    r"|container_fs_(reads|writes|reads_bytes|writes_bytes)_total|container_fs_(usage|limit)_bytes|container_fs_inodes_(total|free)"
    r"|container_network_.*|container_spec_cpu_.*|container_spec_memory_limit_bytes|container_processes"
    r"|machine_cpu_cores|machine_memory_bytes|machine_swap_bytes"
)
# cAdvisor says 0 for these where the kernel has no pressure files: kept only on cgroup v2.
PRESSURE = re.compile(r"container_pressure_.*")
IDENTITY = re.compile(r'(boot_id|machine_id|system_uuid)="[^"]*",?')
# The last part of `id` says the same as `name`, and the pod list says the image.
REDUNDANT = re.compile(r'(image|name)="[^"]*",')
PODS = re.compile(r'id="/(kubepods[^"]*)?"')
ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"


class Cleaner:
    """`rename`: (from, to) pairs of paths, applied wherever the text stands. `forget`: mount points to leave out."""

    def __init__(self, rename, forget):
        self.rename = rename
        self.forget = forget

    def path(self, text):
        for old, new in self.rename:
            text = text.replace(old, new)
        return text

    def forgets(self, text):
        return any(prefix in text for prefix in self.forget)

    def host_file(self, path, data):
        if path == "/proc/version":
            return re.sub(rb" \([^()]*@[^()]*\)", b"", data)
        if path == "/proc/1/mountinfo":
            lines = [line for line in data.decode().splitlines() if not self.forgets(line)]
            return self.path("\n".join(lines) + "\n").encode()
        return data

    def kubelet(self, answers, pressure):
        """The kubelet's answers by the file name under which they are kept; `pressure`: with pressure figures."""
        return {
            "pods.json": self.pods(json.loads(answers["pods"])),
            "summary.json": self.summary(json.loads(answers["summary"])),
            "cadvisor.txt": self.cadvisor(answers["cadvisor"].decode(), pressure),
        }

    def json(self, value):
        return self.path(json.dumps(value, indent=1) + "\n").encode()

    def pods(self, listed):
        for pod in listed.get("items") or []:
            pod["metadata"].pop("managedFields", None)
            pod["metadata"].get("annotations", {}).pop(ANNOTATION, None)
        return self.json(listed)

    def summary(self, summary):
        # user-defined metrics and the servers of the node are no part of any comparison
        summary["node"].pop("systemContainers", None)
        return self.json(summary)

    def cadvisor(self, text, pressure):
        kept = []
        for line in text.splitlines():
            typed = line.startswith("# TYPE ")
            family = line.split(" ")[2] if typed else line.split("{", 1)[0]
            if not (FAMILIES.fullmatch(family) or (pressure and PRESSURE.fullmatch(family))):
                continue
            if typed:
                kept.append(line)
            elif not self.forgets(line) and (family.startswith("machine_") or PODS.search(line)):
                kept.append(self.path(REDUNDANT.sub("", IDENTITY.sub("", line))))
        return ("\n".join(kept) + "\n").encode()
