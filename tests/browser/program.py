"""The program `insightctl ui`, and what it shows in the tests."""

import http.client
import json
import os
import subprocess
from urllib.parse import urlsplit

PROGRAM = os.environ["INSIGHTCTL"]
OUT = os.path.abspath("target/browser")
CONFIG = """\
pipelines:
  - name: measured
    scope: node
    transforms:
      - use: builtin:decorate
      - use: builtin:utilization
      - use: builtin:script
        config: {program: 'for pod in all("pod") { publish(pod, "pod_team", 7); }'}
    outputs:
      - {formatter: {use: builtin:emf}, sink: stdout}
      - {formatter: {use: builtin:emf}, sink: events}
sinks:
  events: {type: file, path: /nonexistent/events.json}
"""
HOSTILE = ["web\u202egnp.exe", "<img src=x onerror=alert(1)>", "a\u001b[2Jb"]


class Page:
    """`insightctl ui` with its address; ends with the block."""

    def __init__(self, *arguments, directory=None):
        log = open(os.path.join(OUT, "insightctl.log"), "w")
        self.process = subprocess.Popen([PROGRAM, "ui", *arguments], stdout=subprocess.PIPE, stderr=log, text=True, cwd=directory)
        self.url = self.process.stdout.readline().strip()
        assert self.url, "insightctl ui prints no address: see target/browser/insightctl.log"
        parts = urlsplit(self.url)
        self.host, self.token = parts.netloc, parts.query.removeprefix("token=")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def request(self, method, path, headers=None, body=None):
        connection = http.client.HTTPConnection(self.host, timeout=60)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        headers = {"Host": self.host, "X-Token": self.token} | (headers or {})
        for name, value in headers.items():
            if value is not None:
                connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders()
        try:
            if body is not None:
                connection.send(body)
        except (BrokenPipeError, ConnectionResetError):
            """The server may respond before it has read all."""
        response = connection.getresponse()
        return response, response.read()


def counters(entity, factor):
    """Multiplies what the CPU counters grew by."""
    for name, value in entity.get("counters", {}).items():
        if name == "cpu.usage_ns" and isinstance(value, list):
            value[0] = value[1] + (value[0] - value[1]) * factor // 4
    for child in entity.get("children", []):
        counters(child, factor)


def recording(directory):
    """A recording of three frames with different values: that of the demo, changed."""
    demo, file = os.path.join(directory, "demo.jsonl"), os.path.join(directory, "node.jsonl")
    subprocess.run([PROGRAM, "demo", "--save", demo], check=True, stderr=subprocess.DEVNULL)
    with open(demo) as read, open(file, "w") as write:
        header, batch = read.read().splitlines()[:2]
        write.write(header + "\n")
        for frame in range(3):
            changed = json.loads(batch)
            changed["time_unix_ms"] += 60_000 * frame
            for entity in changed["entities"]:
                counters(entity, frame + 1)
            write.write(json.dumps(changed) + "\n")
    return file


def configuration(directory):
    file = os.path.join(directory, "config.yaml")
    with open(file, "w") as write:
        write.write(CONFIG)
    return file
