"""An agent's API on a Unix socket, as docs/api.md describes it."""

import json
import os
import socketserver
import threading

TIME = 1_795_256_488_805
LABELS = {"pipeline": "node", "slot": "transform-1", "component": "builtin:decorate"}
OUTPUT = {"pipeline": "node", "slot": "output-1", "sink": "logs"}


def state():
    component = {"pipeline": "node", "batches": 4, "failures": 0, "down_batches": 0, "last_error": None, "quarantined": [],
                 "versions": [{"origin": "current", "version": "0.1.0", "sha256": "00", "given_up": False}]}
    components = [
        component | {"slot": "transform-1", "component": "builtin:decorate"},
        component | {"slot": "transform-2", "component": "file:team", "failures": 3, "down_batches": 2, "last_error": "trap: \u202eunreachable"},
        component | {"slot": "output-1", "component": "builtin:emf"},
    ]
    rollout = {"running": {"bundle": "ab" * 32, "origin": "files"}, "latest": {"bundle": "cd" * 32, "state": "rejected", "why": "events: 0 instead of 5"},
               "canary": {"share": 0.25, "this_node": True}, "enabled": True}
    source = {"scope": "node", "source": "kubelet"}
    metrics = [("insightd_ticks_total", {}, 240), ("insightd_component_calls_total", LABELS, 240), ("insightd_component_cpu_seconds_total", LABELS, 0.5),
               ("insightd_output_events_total", OUTPUT, 9600), ("insightd_sink_events_total", {"sink": "logs"}, 9600),
               ("insightd_delivery_pending_bytes", {"sink": "logs"}, 2048), ("insightd_delivery_events_lost_total", {"sink": "logs", "cause": "age"}, 3),
               ("insightd_source_age_seconds", source, 12), ("insightd_source_requests_total", source, 240)]
    return {"version": 1, "time_unix_ms": TIME + 5000, "status": {"version": "0.1.0", "last_tick_unix_ms": TIME, "rollout": rollout, "components": components},
            "metrics": [{"name": name, "labels": labels, "value": value} for name, labels, value in metrics]}


def history():
    times = [TIME - 120_000, TIME - 60_000, TIME]
    series = [("insightd_component_cpu_seconds_total", LABELS, [0.1, 0.25, 0.5]), ("insightd_output_events_total", OUTPUT, [9000, 9300, 9600]),
              ("insightd_ticks_total", {}, [8, None, 10])]
    return {"version": 1, "step_ms": 60_000, "times_unix_ms": times, "left_out": 0,
            "series": [{"name": name, "labels": labels, "values": values} for name, labels, values in series]}


def batch(names):
    pods = [{"kind": "pod", "id": f"{index:05}", "attributes": {"pod.namespace": "shop", "pod.name": name},
             "gauges": {"pod_cpu_usage_total": index % 1000 + index / 100_000, "pod_memory_working_set": 1_048_576 * (index % 512)}}
            for index, name in enumerate(names)]
    return {"scope": "node", "id": "n1", "time_unix_ms": TIME, "interval_ms": 60_000, "entities": [{"kind": "node", "id": "n1", "children": pods}]}


class Agent:
    """The server; `stop` closes it with all connections, as an agent that ends."""

    def __init__(self, path, names):
        self.path = path
        self.documents = {"/v1/state": json.dumps(state()), "/v1/history": json.dumps(history())}
        line = {"tap": "batch", "time_unix_ms": TIME, "pipeline": "node", "slot": "transform-2", "component": "builtin:utilization", "when": "after"}
        self.tap = json.dumps(line | {"batch": batch(names)}) + "\n" + json.dumps({"tap": "tick", "time_unix_ms": TIME}) + "\n"
        self.start()

    def start(self):
        agent, self.stopped = self, threading.Event()
        if os.path.exists(self.path):
            os.remove(self.path)

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                path = self.rfile.readline().decode().split(" ")[1]
                while self.rfile.readline().strip():
                    pass
                body = agent.documents.get(path)
                head = f"HTTP/1.1 {200 if body or path.startswith('/v1/tap') else 404} -\r\nConnection: close\r\n"
                if path.startswith("/v1/tap"):
                    self.wfile.write((head + "\r\n" + agent.tap).encode())
                    self.wfile.flush()
                    agent.stopped.wait()
                else:
                    data = (body or "").encode()
                    self.wfile.write((head + f"Content-Length: {len(data)}\r\n\r\n").encode() + data)

        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                """A client that has gone is no error."""

        self.server = Server(self.path, Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self.stopped.set()
        self.server.shutdown()
        self.server.server_close()
