#!/usr/bin/env python3
"""pods.py PORT PODS CERTIFICATE KEY: a node with that many pods of three containers, on this machine.

The cgroups are real, at the paths of the kubelet's cgroupfs driver on whichever version of cgroups is mounted, with a process in each
container and a network namespace for each pod, so that the kernel keeps every counter that it keeps on a node. The kubelet is not: this program
responds to GET /pods and GET /stats/summary with what the kubelet's API says of such pods, and accepts requests of OTLP. It removes everything when its standard input ends.
"""

import ctypes
import hashlib
import json
import os
import signal
import ssl
import sys
import time
from http.server import ThreadingHTTPServer

from receiver import Receiver

CLONE_NEWNET = 0x40000000
ROOT = "/sys/fs/cgroup"
CONTROLLERS = ["cpu", "cpuacct", "cpuset", "memory", "blkio", "pids"]
PARENT = "kubepods"
CONTAINERS = ["web", "proxy", "log-router"]


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def uid(pod):
    text = digest(f"pod-{pod}")
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:32]}"


def hierarchies():
    """Returns the directories below which a pod has a cgroup."""
    if os.path.exists(f"{ROOT}/cgroup.controllers"):
        return [ROOT]
    return [f"{ROOT}/{name}" for name in CONTROLLERS if os.path.isdir(f"{ROOT}/{name}")]


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def make(directory):
    """Creates a cgroup, and hands all controllers of its parent on to it."""
    if not os.path.isdir(directory):
        os.mkdir(directory)
    available = f"{directory}/cgroup.controllers"
    if os.path.exists(available):
        with open(available) as file:
            write(f"{directory}/cgroup.subtree_control", " ".join(f"+{name}" for name in file.read().split()))
    for name in ["cpuset.cpus", "cpuset.mems"]:
        inherited = f"{os.path.dirname(directory)}/{name}"
        if directory.startswith(f"{ROOT}/cpuset/") and os.path.exists(inherited):
            with open(inherited) as file:
                write(f"{directory}/{name}", file.read())


def limit(directory, millicores, mebibytes):
    """Sets what a pod's resources set, where this hierarchy has it."""
    values = {
        "cpu.cfs_quota_us": str(millicores * 100),
        "cpu.shares": str(max(2, millicores * 1024 // 1000)),
        "cpu.max": f"{millicores * 100} 100000",
        "memory.limit_in_bytes": str(mebibytes << 20),
        "memory.max": str(mebibytes << 20),
    }
    for name, value in values.items():
        if os.path.exists(f"{directory}/{name}"):
            write(f"{directory}/{name}", value)


class Node:
    def __init__(self, pods):
        self.pods = pods
        self.paths = []
        self.processes = []
        self.started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        # Those of the parents that were there before stay.
        parents = [f"{PARENT}", f"{PARENT}/burstable"]
        for hierarchy in hierarchies():
            for parent in parents:
                if not os.path.isdir(f"{hierarchy}/{parent}"):
                    self.paths.append(f"{hierarchy}/{parent}")
                make(f"{hierarchy}/{parent}")
        for pod in range(pods):
            self.add(pod)

    def add(self, pod):
        directory = f"{PARENT}/burstable/pod{uid(pod)}"
        for hierarchy in hierarchies():
            make(f"{hierarchy}/{directory}")
            limit(f"{hierarchy}/{directory}", 600, 768)
            self.paths.append(f"{hierarchy}/{directory}")
        network = None
        for container in ["pause", *CONTAINERS]:
            path = f"{directory}/{digest(f'{pod}/{container}')}"
            for hierarchy in hierarchies():
                make_leaf(f"{hierarchy}/{path}")
                self.paths.append(f"{hierarchy}/{path}")
            process = spawn(path, network)
            self.processes.append(process)
            network = network or process

    def remove(self):
        for process in self.processes:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for process in self.processes:
            try:
                os.waitpid(process, 0)
            except ChildProcessError:
                pass
        for path in reversed(self.paths):
            # The kernel releases a cgroup a moment after its last process.
            for _ in range(100):
                try:
                    os.rmdir(path)
                    break
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.01)


def make_leaf(directory):
    os.mkdir(directory)
    for name in ["cpuset.cpus", "cpuset.mems"]:
        inherited = f"{os.path.dirname(directory)}/{name}"
        if directory.startswith(f"{ROOT}/cpuset/") and os.path.exists(inherited):
            with open(inherited) as file:
                write(f"{directory}/{name}", file.read())


def spawn(path, network):
    """Starts a process in a cgroup: in a network namespace of its own, or in that of another process."""
    libc = ctypes.CDLL(None, use_errno=True)
    child = os.fork()
    if child:
        return child
    try:
        for hierarchy in hierarchies():
            write(f"{hierarchy}/{path}/cgroup.procs", str(os.getpid()))
        if network is None:
            failed = libc.unshare(CLONE_NEWNET)
        else:
            # The first process may not have its namespace yet; sharing this machine's would do, so it is not waited for.
            with open(f"/proc/{network}/ns/net") as file:
                failed = libc.setns(file.fileno(), CLONE_NEWNET)
        if failed:
            os._exit(1)
        # Work to measure: a little CPU time and memory, then nothing.
        deadline = time.process_time() + 0.002
        while time.process_time() < deadline:
            pass
        os.execvp("sleep", ["sleep", "infinity"])
    finally:
        os._exit(1)


def pod_object(pod, started):
    name = f"shop-{pod // 10}-7c9d8f6b5-{digest(str(pod))[:5]}"
    labels = {
        "app.kubernetes.io/name": f"shop-{pod // 10}",
        "app.kubernetes.io/part-of": "shop",
        "app.kubernetes.io/version": "4.2.1",
        "pod-template-hash": "7c9d8f6b5",
        "team": f"team-{pod % 7}",
    }
    resources = {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "200m", "memory": "256Mi"}}
    probe = {"httpGet": {"path": "/healthz", "port": 8080, "scheme": "HTTP"}, "periodSeconds": 10, "timeoutSeconds": 1}
    environment = [{"name": f"SETTING_{number}", "value": f"value of setting {number}"} for number in range(12)]
    mounts = [{"name": "config", "mountPath": "/etc/shop"}, {"name": "token", "mountPath": "/var/run/secrets/token", "readOnly": True}]
    containers = [
        {
            "name": container,
            "image": f"registry.example/shop/{container}:4.2.1",
            "resources": resources,
            "env": environment,
            "volumeMounts": mounts,
            "livenessProbe": probe,
            "readinessProbe": probe,
        }
        for container in CONTAINERS
    ]
    statuses = [
        {
            "name": container,
            "state": {"running": {"startedAt": started}},
            "ready": True,
            "started": True,
            "restartCount": 0,
            "image": f"registry.example/shop/{container}:4.2.1",
            "imageID": f"registry.example/shop/{container}@sha256:{digest(container)}",
            "containerID": f"containerd://{digest(f'{pod}/{container}')}",
        }
        for container in CONTAINERS
    ]
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"shop-{pod // 10}-7c9d8f6b5", "uid": uid(pod), "controller": True}
    condition = lambda kind: {"type": kind, "status": "True", "lastProbeTime": None, "lastTransitionTime": started}
    return {
        "metadata": {"name": name, "namespace": f"team-{pod % 7}", "uid": uid(pod), "creationTimestamp": started, "labels": labels, "ownerReferences": [owner]},
        "spec": {"nodeName": "scale", "containers": containers, "restartPolicy": "Always", "serviceAccountName": "shop"},
        "status": {
            "phase": "Running",
            "qosClass": "Burstable",
            "podIP": f"10.{pod // 65536}.{pod // 256 % 256}.{pod % 256}",
            "startTime": started,
            "conditions": [condition(kind) for kind in ["Initialized", "Ready", "ContainersReady", "PodScheduled"]],
            "containerStatuses": statuses,
        },
    }


def summary(pods, now):
    usage = lambda used: {"time": now, "availableBytes": 50 << 30, "capacityBytes": 80 << 30, "usedBytes": used, "inodesFree": 4_000_000, "inodes": 5_000_000, "inodesUsed": 20}
    cpu = {"time": now, "usageNanoCores": 1_000_000, "usageCoreNanoSeconds": 2_000_000_000}
    memory = {"time": now, "usageBytes": 1 << 20, "workingSetBytes": 1 << 20, "rssBytes": 1 << 19, "pageFaults": 100, "majorPageFaults": 0}
    return {
        "node": {"nodeName": "scale", "cpu": cpu, "memory": memory, "fs": usage(9 << 30)},
        "pods": [
            {
                "podRef": {key: pod["metadata"][key] for key in ["name", "namespace", "uid"]},
                "cpu": cpu,
                "memory": memory,
                "containers": [{"name": name, "cpu": cpu, "memory": memory, "rootfs": usage(1 << 20), "logs": usage(1 << 16)} for name in CONTAINERS],
                "volume": [{"name": "config", **usage(1 << 12)}],
                "ephemeral-storage": usage(4 << 20),
            }
            for pod in pods
        ],
    }


def main():
    port, count, certificate, key = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
    node = Node(count)
    pods = [pod_object(pod, node.started) for pod in range(count)]
    pod_list = json.dumps({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": pods}).encode()

    class Handler(Receiver):
        def do_GET(self):
            path = self.path.split("?")[0].rstrip("/")
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            body = {"/pods": lambda: pod_list, "/stats/summary": lambda: json.dumps(summary(pods, now)).encode()}.get(path)
            body = body() if body else b"not found"
            self.send_response(200 if path in ("/pods", "/stats/summary") else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    import threading

    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", flush=True)
    try:
        sys.stdin.read()
    except KeyboardInterrupt:
        pass
    finally:
        node.remove()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    main()
