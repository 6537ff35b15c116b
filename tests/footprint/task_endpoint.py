"""task_endpoint.py PORT CONTAINERS: the task metadata endpoint of a task on Fargate with this many containers, whose counters grow
with the time."""

import json
import sys
import time
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TASK = "cd189a933e5849daa93386466019ab50"
PORT, CONTAINERS = int(sys.argv[1]), int(sys.argv[2])
BEGIN = time.time()
IDS = [f"{TASK}-{number:010d}" for number in range(CONTAINERS)]


def timestamp(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


def container(number):
    return {
        "DockerId": IDS[number], "Name": f"app-{number}", "DockerName": f"web-7-app-{number}",
        "Image": "111122223333.dkr.ecr.us-west-2.amazonaws.com/app:1", "ImageID": f"sha256:{number:064x}",
        "Labels": {
            "com.amazonaws.ecs.cluster": "arn:aws:ecs:us-west-2:111122223333:cluster/shop",
            "com.amazonaws.ecs.container-name": f"app-{number}",
            "com.amazonaws.ecs.task-arn": f"arn:aws:ecs:us-west-2:111122223333:task/shop/{TASK}",
            "com.amazonaws.ecs.task-definition-family": "web", "com.amazonaws.ecs.task-definition-version": "7",
        },
        "DesiredStatus": "RUNNING", "KnownStatus": "RUNNING", "Limits": {"CPU": 2, "Memory": 128}, "Type": "NORMAL",
        "CreatedAt": timestamp(BEGIN), "StartedAt": timestamp(BEGIN),
        "Networks": [{"NetworkMode": "awsvpc", "IPv4Addresses": ["10.0.2.106"]}],
    }


def task():
    return {
        "Cluster": "arn:aws:ecs:us-west-2:111122223333:cluster/shop",
        "TaskARN": f"arn:aws:ecs:us-west-2:111122223333:task/shop/{TASK}", "Family": "web", "Revision": "7",
        "ServiceName": "front", "DesiredStatus": "RUNNING", "KnownStatus": "RUNNING",
        "Limits": {"CPU": 1, "Memory": 2048}, "LaunchType": "FARGATE", "AvailabilityZone": "us-west-2b",
        "PullStartedAt": timestamp(BEGIN), "PullStoppedAt": timestamp(BEGIN),
        "EphemeralStorageMetrics": {"Utilized": 281, "Reserved": 20496},
        "Containers": [container(number) for number in range(CONTAINERS)],
    }


def stats(number):
    now = time.time()
    grown = int((now - BEGIN) * 1000) * (number + 1)
    operations = ["Read", "Write", "Sync", "Async", "Discard", "Total"]
    return {
        "read": timestamp(now), "preread": timestamp(now - 10), "pids_stats": {},
        "cpu_stats": {
            "cpu_usage": {"total_usage": grown * 1000, "usage_in_kernelmode": grown * 300, "usage_in_usermode": grown * 700,
                          "percpu_usage": [grown * 500, grown * 500]},
            "system_cpu_usage": int(now * 1e9), "online_cpus": 2,
            "throttling_data": {"periods": 0, "throttled_periods": 0, "throttled_time": 0},
        },
        "memory_stats": {
            "usage": 104_857_600 + number, "max_usage": 209_715_200, "limit": 9_223_372_036_854_772_000,
            "stats": {name: 20_971_520 for name in (
                "active_anon", "active_file", "cache", "inactive_anon", "inactive_file", "mapped_file", "rss", "total_cache",
                "total_inactive_file", "total_mapped_file", "total_rss")},
        },
        "blkio_stats": {name: [{"major": 202, "minor": 26368, "op": op, "value": grown} for op in operations]
                        for name in ("io_service_bytes_recursive", "io_serviced_recursive")},
        "networks": {"eth1": {name: grown for name in (
            "rx_bytes", "rx_packets", "rx_errors", "rx_dropped", "tx_bytes", "tx_packets", "tx_errors", "tx_dropped")}},
    }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path in ("/v4/x/task", "/v4/x/taskWithTags"):
            body = task()
        elif self.path == "/v4/x/task/stats":
            body = {IDS[number]: stats(number) for number in range(CONTAINERS)}
        else:
            return self.send_error(404)
        text = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
