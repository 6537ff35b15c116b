#!/usr/bin/env python3
"""The objects of Fargate nodes without machines, and of their pods.

fargate_nodes.py fill API-SERVER PKI NODES.json [--nodes 200]
    Creates the nodes and five pods for each, with the administrator's certificate in the directory PKI, and writes them with the
    identities that they got to NODES.json. AWS gives each Fargate pod a node of its own; with five, 1,000 pods need 200 nodes.
fargate_nodes.py addresses NODES.json
    Prints the addresses of the nodes.
"""

import argparse
import concurrent.futures
import hashlib
import http.client
import json
import ssl
import sys
import threading
import urllib.parse

PORT = 20250  # of the kubelets
PODS = 5  # a node
NAMESPACES = 10
# Faults of the last nodes, and how many nodes have each.
FAULTS = {
    "refuses": 2,  # nothing listens
    "silent": 2,  # never answers
    "slow": 1,  # begins its answer after 0.7 of the interval, when the agent has given up
    "trickles": 1,  # sends its answer over more than an interval
    "fails": 2,  # answers with status 500
    "endless": 1,  # sends 100 MB
    "delayed": 1,  # answers after 0.3 of the interval, which is in time
}
# Faults that cost a node nothing.
HARMLESS = (None, "delayed")


def hexadecimal(*parts):
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def read(path):
    with open(path) as file:
        return json.load(file)


def faults(number):
    """Returns the fault of each of `number` nodes; None for those that answer as they should."""
    names = [name for name, count in FAULTS.items() for _ in range(count)]
    return [None] * (number - len(names)) + names



def address(index):
    return f"10.99.{index // 200}.{index % 200 + 1}"


def node_object(index):
    name = f"fargate-ip-{address(index).replace('.', '-')}.us-east-1.compute.internal"
    zone = "us-east-1" + "abc"[index % 3]
    resources = {"cpu": "2", "memory": "3977884Ki", "ephemeral-storage": "30787492Ki", "pods": "5"}
    conditions = [("MemoryPressure", "False"), ("DiskPressure", "False"), ("PIDPressure", "False"), ("Ready", "True")]
    times = {"lastHeartbeatTime": "2026-11-20T09:00:00Z", "lastTransitionTime": "2026-11-20T09:00:00Z"}
    labels = {
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/os": "linux",
        "eks.amazonaws.com/compute-type": "fargate",
        "failure-domain.beta.kubernetes.io/region": "us-east-1",
        "failure-domain.beta.kubernetes.io/zone": zone,
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": f"ip-{address(index).replace('.', '-')}.us-east-1.compute.internal",
        "kubernetes.io/os": "linux",
        "topology.kubernetes.io/region": "us-east-1",
        "topology.kubernetes.io/zone": zone,
    }
    task = hexadecimal("task", index)
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "providerID": f"aws:///{zone}/{task[:10]}-{task[:32]}/{name}",
            "taints": [{"key": "eks.amazonaws.com/compute-type", "value": "fargate", "effect": "NoSchedule"}],
        },
        "status": {
            "addresses": [{"type": "InternalIP", "address": address(index)}, {"type": "Hostname", "address": name}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": PORT}},
            "capacity": resources,
            "allocatable": resources,
            "conditions": [
                {"type": kind, "status": status, "reason": "Kubelet", **times} for kind, status in conditions
            ],
            "nodeInfo": {
                "machineID": hexadecimal("machine", index)[:32],
                "systemUUID": hexadecimal("system", index)[:32],
                "bootID": hexadecimal("boot", index)[:32],
                "kernelVersion": "5.10.245-241.978.amzn2.x86_64",
                "osImage": "Amazon Linux 2",
                "containerRuntimeVersion": "containerd://1.7.27",
                "kubeletVersion": "v1.33.5-eks-113cf36",
                "kubeProxyVersion": "v1.33.5-eks-113cf36",
                "operatingSystem": "linux",
                "architecture": "amd64",
            },
        },
    }


def container_spec(name, app, cpu, memory):
    return {
        "name": name,
        "image": f"123456789012.dkr.ecr.us-east-1.amazonaws.com/shop/{app}:v1.42.0",
        "env": [{"name": f"SETTING_{number}", "value": hexadecimal(app, number)[:24]} for number in range(12)],
        "resources": {"requests": {"cpu": cpu, "memory": memory}, "limits": {"cpu": cpu, "memory": memory}},
    }


def pod_objects(index, slot, node_name):
    """Returns a pod and its status. Every second pod has a second container."""
    app = f"service-{(index * PODS + slot) // 20}"
    template = hexadecimal("template", app)[:10]
    containers = [container_spec("app", app, "250m", "512Mi")]
    if slot % 2 == 0:
        containers.append(container_spec("proxy", "envoy", "100m", "128Mi"))
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{app}-{template}", "controller": True}
    owner["uid"] = uid_text("replica-set", app)
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{app}-{template}-{hexadecimal(index, slot)[:5]}",
            "namespace": f"team-{index % NAMESPACES}",
            "labels": {
                "app.kubernetes.io/name": app,
                "app.kubernetes.io/part-of": "shop",
                "eks.amazonaws.com/fargate-profile": "shop",
                "pod-template-hash": template,
            },
            "annotations": {"CapacityProvisioned": "0.5vCPU 1GB", "Logging": "LoggingEnabled"},
            "ownerReferences": [owner],
        },
        "spec": {"nodeName": node_name, "schedulerName": "fargate-scheduler", "containers": containers},
    }
    started = "2026-11-20T09:00:05Z"
    statuses = [
        {
            "name": container["name"],
            "image": container["image"],
            "imageID": f"{container['image'].split(':')[0]}@sha256:{hexadecimal('image', container['image'])}",
            "containerID": f"containerd://{container_id(index, slot, container['name'])}",
            "ready": True,
            "started": True,
            "restartCount": 0,
            "state": {"running": {"startedAt": started}},
        }
        for container in containers
    ]
    ip = f"10.100.{index}.{slot + 1}"
    return pod, {
        "phase": "Running",
        "hostIP": address(index),
        "podIP": ip,
        "podIPs": [{"ip": ip}],
        "qosClass": "Guaranteed",
        "startTime": started,
        "conditions": [
            {"type": kind, "status": "True", "lastTransitionTime": started}
            for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready")
        ],
        "containerStatuses": statuses,
    }


def uid_text(*parts):
    text = hexadecimal(*parts)
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:32]}"


def container_id(*parts):
    return hexadecimal("container", *parts)


class Client:
    """A client of the API server, with a connection for each thread."""

    def __init__(self, server, pki):
        self.host = urllib.parse.urlsplit(server).netloc
        self.context = ssl.create_default_context(cafile=f"{pki}/ca.crt")
        self.context.load_cert_chain(f"{pki}/admin.crt", f"{pki}/admin.key")
        self.of_thread = threading.local()

    def send(self, method, path, body, content_type="application/json"):
        if not hasattr(self.of_thread, "connection"):
            self.of_thread.connection = http.client.HTTPSConnection(self.host, context=self.context)
        connection = self.of_thread.connection
        connection.request(method, path, json.dumps(body), {"Content-Type": content_type})
        response = connection.getresponse()
        text = response.read()
        if response.status >= 300:
            sys.exit(f"fargate_nodes: {method} {path}: {response.status} {text.decode(errors='replace')[:300]}")
        return json.loads(text)


def fill(options):
    client = Client(options.server, options.pki)
    for number in range(NAMESPACES):
        client.send("POST", "/api/v1/namespaces", {"metadata": {"name": f"team-{number}"}})

    def create(index):
        node = node_object(index)
        name = node["metadata"]["name"]
        client.send("POST", "/api/v1/nodes", node)
        pods = []
        for slot in range(PODS):
            pod, status = pod_objects(index, slot, name)
            namespace, pod_name = pod["metadata"]["namespace"], pod["metadata"]["name"]
            path = f"/api/v1/namespaces/{namespace}/pods"
            uid = client.send("POST", path, pod)["metadata"]["uid"]
            client.send("PATCH", f"{path}/{pod_name}/status", {"status": status}, "application/merge-patch+json")
            containers = [
                [container["name"], container["image"], container_id(index, slot, container["name"])]
                for container in pod["spec"]["containers"]
            ]
            pods.append({"namespace": namespace, "name": pod_name, "uid": uid, "containers": containers})
        return {"name": name, "address": address(index), "pods": pods}

    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        nodes = list(threads.map(create, range(options.nodes)))
    for node, fault in zip(nodes, faults(len(nodes))):
        node["fault"] = fault
    with open(options.file, "w") as file:
        json.dump(nodes, file)
    pods = [pod for node in nodes for pod in node["pods"]]
    print(f"{len(nodes)} nodes, {len(pods)} pods, {sum(len(pod['containers']) for pod in pods)} containers")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("fill")
    command.add_argument("server")
    command.add_argument("pki")
    command.add_argument("file")
    command.add_argument("--nodes", type=int, default=200)
    commands.add_parser("addresses").add_argument("file")
    options = parser.parse_args()
    if options.command == "fill":
        fill(options)
    else:
        print("\n".join(node["address"] for node in read(options.file)))


if __name__ == "__main__":
    main()
