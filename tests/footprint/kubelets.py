#!/usr/bin/env python3
"""One server that answers for the kubelets of all Fargate nodes of fargate_nodes.py.

kubelets.py serve NODES.json CERTIFICATE KEY --interval SECONDS [--healthy]
    Answers GET /metrics/cadvisor on the addresses of the nodes, with the text that cAdvisor publishes on such a node. The last
    nodes have faults, unless --healthy is given.
kubelets.py show NODES.json
    Prints the answer of the first node.
"""

import argparse
import asyncio
import random
import ssl
import sys
import time
import zlib

from fargate_nodes import PORT, hexadecimal, read

ENDLESS_BYTES = 100_000_000
# Seconds between two readings of a cgroup by cAdvisor, as in the kubelet.
HOUSEKEEPING_S = 10
STARTED = 1_795_000_000

# The answers

# Name, type, and the cgroups that have rows: all (a), those with a quota (q), disks (d), file systems (f) or a network (n), and
# containers (c); then the value at STARTED, and its growth per second.
METRICS = [
    ("container_cpu_cfs_periods_total", "counter", "q", 600, 10),
    ("container_cpu_cfs_throttled_periods_total", "counter", "q", 30, 0.5),
    ("container_cpu_cfs_throttled_seconds_total", "counter", "q", 1.5, 0.02),
    ("container_cpu_system_seconds_total", "counter", "a", 4.25, 0.03),
    ("container_cpu_usage_seconds_total", "counter", "a", 12.345678901, 0.12),
    ("container_cpu_user_seconds_total", "counter", "a", 8, 0.09),
    ("container_file_descriptors", "gauge", "a", 40, 0),
    ("container_fs_inodes_free", "gauge", "f", 1_900_000, 0),
    ("container_fs_inodes_total", "gauge", "f", 1_966_080, 0),
    ("container_fs_limit_bytes", "gauge", "f", 31_526_391_808, 0),
    ("container_fs_reads_bytes_total", "counter", "d", 40_960_000, 512),
    ("container_fs_reads_total", "counter", "d", 1000, 0.1),
    ("container_fs_usage_bytes", "gauge", "f", 123_457_536, 0),
    ("container_fs_writes_bytes_total", "counter", "d", 1_024_000, 4096),
    ("container_fs_writes_total", "counter", "d", 250, 1),
    ("container_last_seen", "gauge", "a", None, 1),
    ("container_memory_cache", "gauge", "a", 16_777_216, 0),
    ("container_memory_failcnt", "counter", "a", 0, 0),
    ("container_memory_failures_total", "counter", "a", 2000, 20),
    ("container_memory_mapped_file", "gauge", "a", 4_194_304, 0),
    ("container_memory_max_usage_bytes", "gauge", "a", 60_817_408, 0),
    ("container_memory_rss", "gauge", "a", 33_554_432, 0),
    ("container_memory_swap", "gauge", "a", 0, 0),
    ("container_memory_total_inactive_file_bytes", "gauge", "a", 10_485_760, 0),
    ("container_memory_usage_bytes", "gauge", "a", 52_428_800, 0),
    ("container_memory_working_set_bytes", "gauge", "a", 41_943_040, 0),
    ("container_network_receive_bytes_total", "counter", "n", 5_000_000, 2000),
    ("container_network_receive_errors_total", "counter", "n", 0, 0),
    ("container_network_receive_packets_dropped_total", "counter", "n", 1, 0),
    ("container_network_receive_packets_total", "counter", "n", 50_000, 3),
    ("container_network_transmit_bytes_total", "counter", "n", 3_000_000, 1500),
    ("container_network_transmit_errors_total", "counter", "n", 0, 0),
    ("container_network_transmit_packets_dropped_total", "counter", "n", 0, 0),
    ("container_network_transmit_packets_total", "counter", "n", 40_000, 2),
    ("container_oom_events_total", "counter", "a", 0, 0),
    ("container_pressure_cpu_stalled_seconds_total", "counter", "a", 0.25, 0.001),
    ("container_pressure_cpu_waiting_seconds_total", "counter", "a", 1.5, 0.005),
    ("container_pressure_io_stalled_seconds_total", "counter", "a", 0.125, 0.0001),
    ("container_pressure_io_waiting_seconds_total", "counter", "a", 0.5, 0.0002),
    ("container_pressure_memory_stalled_seconds_total", "counter", "a", 0, 0),
    ("container_pressure_memory_waiting_seconds_total", "counter", "a", 0, 0),
    ("container_processes", "gauge", "a", 5, 0),
    ("container_sockets", "gauge", "a", 9, 0),
    ("container_spec_cpu_period", "gauge", "a", 100_000, 0),
    ("container_spec_cpu_quota", "gauge", "q", 25_000, 0),
    ("container_spec_cpu_shares", "gauge", "a", 256, 0),
    ("container_spec_memory_limit_bytes", "gauge", "a", 536_870_912, 0),
    ("container_spec_memory_reservation_limit_bytes", "gauge", "a", 0, 0),
    ("container_spec_memory_swap_limit_bytes", "gauge", "a", 0, 0),
    ("container_start_time_seconds", "gauge", "a", STARTED, 0),
    ("container_tasks_state", "gauge", "a", 0, 0),
    ("container_threads", "gauge", "a", 12, 0),
    ("container_threads_max", "gauge", "a", 4658, 0),
    ("container_ulimits_soft", "gauge", "c", 65_535, 0),
]
VERSION = """\
# HELP cadvisor_version_info A metric with a constant '1' value.
# TYPE cadvisor_version_info gauge
cadvisor_version_info{cadvisorRevision="",cadvisorVersion="",dockerVersion="",kernelVersion="5.10",osVersion="Amazon Linux 2"} 1
"""
# These have no timestamp.
WITHOUT_TIME = ("container_spec_", "container_start_time_seconds")
SYSTEM = ["/", "/kubepods", "/kubepods/besteffort", "/kubepods/burstable", "/system.slice", "/user.slice"] + [
    f"/system.slice/{unit}.service"
    for unit in (
        *("amazon-ssm-agent", "chronyd", "containerd", "dbus", "ecs-agent", "kubelet", "rngd", "rsyslog", "sshd"),
        *("systemd-journald", "systemd-logind", "systemd-udevd"),
    )
]


def cgroups(node):
    """Yields path, labels and classes of the cgroups of a node."""
    for path in SYSTEM:
        yield path, {"container": "", "image": "", "name": "", "namespace": "", "pod": ""}, "anfd" if path == "/" else "ad"
    for pod in node["pods"]:
        path = f"/kubepods/pod{pod['uid']}"
        labels = {"namespace": pod["namespace"], "pod": pod["name"]}
        yield path, {"container": "", "image": "", "name": "", **labels}, "aqd"
        sandbox = hexadecimal("sandbox", pod["uid"])
        pause = "602401143452.dkr.ecr.us-east-1.amazonaws.com/eks/pause:3.10"
        yield f"{path}/{sandbox}", {"container": "", "image": pause, "name": sandbox, **labels}, "an"
        for name, image, container in pod["containers"]:
            yield f"{path}/{container}", {"container": name, "image": image, "name": container, **labels}, "acqfd"


def variants(metric, kind):
    """Returns the further labels of each row that a metric has for one cgroup."""
    if metric == "container_cpu_usage_seconds_total":
        return [{"cpu": "total"}]
    if metric == "container_memory_failures_total":
        faults, scopes = ("pgfault", "pgmajfault"), ("container", "hierarchy")
        return [{"failure_type": fault, "scope": scope} for fault in faults for scope in scopes]
    if metric == "container_tasks_state":
        return [{"state": state} for state in ("iowaiting", "running", "sleeping", "stopped", "uninterruptible")]
    if metric == "container_ulimits_soft":
        return [{"ulimit": "max_open_files"}]
    if kind == "n":
        return [{"interface": "eth0"}]
    if kind in "df":
        return [{"device": "/dev/nvme1n1"}]
    return [{}]


def number_text(value):
    """Formats a number as Go does: with an exponent from 1e6 on."""
    if value < 1e6:
        return str(int(value)) if value == int(value) else repr(round(value, 9))
    digits = str(int(value))
    fraction = digits[1:].rstrip("0")
    return f"{digits[0]}{'.' if fraction else ''}{fraction}e+{len(digits) - 1:02d}"


class Answer:
    """The text of one node. Values that never change are formatted once."""

    def __init__(self, node):
        randomness = random.Random(node["name"])
        # With the time of the first reading of each, and a factor of its values.
        rows = [(*row, randomness.uniform(0, HOUSEKEEPING_S), randomness.uniform(0.5, 1.5)) for row in cgroups(node)]
        # A text, and what follows it: the time of the first reading, and start and growth of the value.
        self.parts = []
        text = [VERSION]
        for metric, kind, wanted, start, growth in METRICS:
            text.append(f"# HELP {metric} A help text of about the length that those of cAdvisor have.\n# TYPE {metric} {kind}\n")
            for path, labels, classes, phase, factor in rows:
                if wanted not in classes:
                    continue
                for variant in variants(metric, wanted):
                    pairs = sorted({**labels, "id": path, **variant}.items())
                    text.append(metric + "{" + ",".join(f'{key}="{value}"' for key, value in pairs) + "} ")
                    if metric.startswith(WITHOUT_TIME):
                        text.append(number_text(start) + "\n")
                        continue
                    self.parts.append(("".join(text), phase, start and start * factor, growth * factor))
                    text = []
        machine = hexadecimal("machine", node["name"])[:32]
        labels = f'{{boot_id="{machine}",machine_id="{machine}",system_uuid="{machine}"}}'
        for metric, value in (("machine_cpu_cores", "2"), ("machine_memory_bytes", "4.073353216e+09"), ("machine_swap_bytes", "0")):
            text.append(f"# HELP {metric} About the machine.\n# TYPE {metric} gauge\n{metric}{labels} {value}\n")
        self.end = "".join(text)

    def text(self):
        now = time.time()
        out = []
        for text, phase, start, growth in self.parts:
            read = now - (now - phase) % HOUSEKEEPING_S
            out.append(text)
            if start is None:
                value = number_text(int(read))
            elif growth:
                value = number_text(start + (read - STARTED) % 10_000_000 * growth)
            else:
                value = number_text(start if start < 1 else int(start))
            out.append(f"{value} {int(read * 1000)}\n")
        out.append(self.end)
        return "".join(out).encode()


def gzip(data):
    compressor = zlib.compressobj(6, zlib.DEFLATED, 31)
    return compressor.compress(data) + compressor.flush()


# The server


class Kubelets:
    def __init__(self, options):
        self.nodes = {node["address"]: node for node in read(options.file)}
        if options.healthy:
            for node in self.nodes.values():
                node["fault"] = None
        self.answers = {node["address"]: Answer(node) for node in self.nodes.values()}
        self.interval = options.interval
        self.answers_sent = self.text_bytes = self.sent_bytes = 0

    async def run(self, certificate, key):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        listening = [address for address, node in self.nodes.items() if node["fault"] != "refuses"]
        server = await asyncio.start_server(self.serve, listening, PORT, ssl=context, backlog=64)
        print("ready", flush=True)
        async with server:
            while True:
                await asyncio.sleep(10)
                print(f"answers {self.answers_sent} text {self.text_bytes} compressed {self.sent_bytes}", flush=True)

    async def serve(self, reader, writer):
        address = writer.get_extra_info("sockname")[0]
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await self.answer(address, head.decode("latin-1"), writer)
        except (OSError, asyncio.IncompleteReadError, ssl.SSLError):
            pass  # the API server closed the connection
        finally:
            writer.close()

    async def answer(self, address, head, writer):
        fault = self.nodes[address]["fault"]
        if not head.startswith("GET /metrics/cadvisor "):
            return await send(writer, "404 Not Found", b"not found\n")
        match fault:
            case "silent":
                await asyncio.sleep(1e6)
            case "fails":
                return await send(writer, "500 Internal Server Error", b"cadvisor is not ready\n")
            case "slow":
                await asyncio.sleep(0.7 * self.interval)
            case "delayed":
                await asyncio.sleep(0.3 * self.interval)
        text = self.answers[address].text()
        if fault == "endless":
            return await self.send_endlessly(writer, text)
        body, encoding = text, ""
        if "accept-encoding: gzip" in head.lower():
            body, encoding = gzip(text), "Content-Encoding: gzip\r\n"
        if fault == "trickles":
            return await self.trickle(writer, encoding, body)
        self.answers_sent += 1
        self.text_bytes += len(text)
        self.sent_bytes += len(body)
        await send(writer, "200 OK", body, encoding)

    async def send_endlessly(self, writer, text):
        writer.write(header("200 OK", ENDLESS_BYTES))
        left = ENDLESS_BYTES
        while left > 0:
            writer.write(text[:left])
            left -= len(text)
            await writer.drain()

    async def trickle(self, writer, encoding, body):
        writer.write(header("200 OK", len(body), encoding))
        steps = 30
        size = len(body) // steps + 1
        for begin in range(0, len(body), size):
            writer.write(body[begin : begin + size])
            await writer.drain()
            await asyncio.sleep(1.5 * self.interval / steps)


def header(status, length, encoding=""):
    content_type = "Content-Type: text/plain; version=0.0.4; charset=utf-8"
    return f"HTTP/1.1 {status}\r\n{content_type}\r\n{encoding}Content-Length: {length}\r\n\r\n".encode()


async def send(writer, status, body, encoding=""):
    writer.write(header(status, len(body), encoding) + body)
    await writer.drain()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("serve")
    command.add_argument("file")
    command.add_argument("certificate")
    command.add_argument("key")
    command.add_argument("--interval", type=float, required=True)
    command.add_argument("--healthy", action="store_true")
    commands.add_parser("show").add_argument("file")
    options = parser.parse_args()
    if options.command == "serve":
        asyncio.run(Kubelets(options).run(options.certificate, options.key))
    else:
        sys.stdout.buffer.write(Answer(read(options.file)[0]).text())


if __name__ == "__main__":
    main()
