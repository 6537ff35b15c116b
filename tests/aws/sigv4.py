"""sigv4.py INSIGHTD COMPILER: checks the signatures of sinks with botocore, the implementation of AWS's own SDK for Python: those of type
otlp_http for CloudWatch, and of type prometheus_remote_write for Amazon Managed Service for Prometheus.

A server computes the signature of each request from what arrived. It accepts what is signed correctly within five minutes of its clock, as
AWS does; its clock can be wrong, and it can reject credentials. The agent delivers a recorded node to it."""

import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

TOP = Path(__file__).resolve().parents[2]
KEY, SECRET, TOKEN = "AKIDTEST", "secret/of+the=test", "token/of+the=session"
REGION = "eu-central-1"
SKEW = timedelta(minutes=5)


@dataclass(frozen=True)
class Sink:
    """A sink, the service that its requests are signed for, and headers that must be signed."""

    kind: str
    service: str
    path: str
    formatter: str
    signed: tuple


SINKS = (
    Sink("otlp_http", "monitoring", "/v1/metrics", "{use: 'file:otlp', config: {max_points: 100}}", ()),
    # Remote write 2.0 and, as this server does not count samples, 1.0 from the second request on.
    Sink("prometheus_remote_write", "aps", "/workspaces/ws-0123/api/v1/remote_write",
         "{use: 'file:remote-write', config: {max_series: 100, stale_markers: false}}", ("x-prometheus-remote-write-version",)),
)

failures = []


def check(condition, message):
    if not condition:
        failures.append(message)


def signature(request, sink, headers, body):
    """Returns the signature that botocore computes for a request with these headers."""
    signer = SigV4Auth(Credentials(KEY, SECRET, TOKEN), sink.service, REGION)
    signed = headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    if missing := {"host", "content-type", "x-amz-security-token", *sink.signed} - set(signed):
        raise ValueError(f"not signed: {missing}")
    # Those that botocore adds itself.
    given = {name: headers[name] for name in signed if name not in ("x-amz-date", "x-amz-security-token")}
    aws = AWSRequest(method="POST", url=f"http://{headers['host']}{request.path}", data=body, headers=given)
    aws.context["timestamp"] = headers["x-amz-date"]
    signer._modify_request_before_signing(aws)
    canonical = signer.canonical_request(aws)
    return signer.signature(signer.string_to_sign(aws, canonical), aws)


class Server(ThreadingHTTPServer):
    """Accepts signed requests; `ahead` is the error of its clock."""

    def __init__(self, sink, ahead=timedelta(), expired=False):
        super().__init__(("127.0.0.1", 0), Handler)
        self.sink, self.ahead, self.expired = sink, ahead, expired
        self.accepted, self.skewed, self.wrong = [], 0, []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def now(self):
        return datetime.now(timezone.utc) + self.ahead


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        server = self.server
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers["content-length"]))
        if server.expired:
            return self.respond(403, b'{"message":"The security token included in the request is expired"}')
        try:
            time = datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
            expected = signature(self, server.sink, headers, body)
        except (KeyError, IndexError, ValueError) as error:
            server.wrong.append(f"{error!r}: {headers}")
            return self.respond(403, b'{"message":"incomplete"}')
        if abs(time - server.now()) > SKEW:
            server.skewed += 1
            return self.respond(403, b'{"message":"Signature expired"}')
        if not headers["authorization"].endswith(f"Signature={expected}") or headers.get("x-amz-security-token") != TOKEN:
            server.wrong.append(f"expected {expected}, found {headers['authorization']}")
            return self.respond(403, b'{"message":"The request signature does not match"}')
        server.accepted.append(body)
        return self.respond(200, b"")

    def respond(self, status, body):
        self.send_response_only(status)
        self.send_header("Date", format_datetime(self.server.now(), usegmt=True))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def run(server):
    """Delivers a recorded node to the server; returns the finished agent."""
    with tempfile.TemporaryDirectory() as directory:
        config = Path(directory) / "insightd.yaml"
        config.write_text(f"""
instance: {{enabled: false}}
operations: {{listen: none}}
aws: {{region: {REGION}}}
transforms_dir: {TOP / "target/transforms"}
compiler: {Path(sys.argv[2]).resolve()}
sinks:
  signed: {{type: {server.sink.kind}, endpoint_url: 'http://127.0.0.1:{server.server_port}{server.sink.path}', sigv4: {{}}}}
pipelines:
  - name: signed
    transforms: [{{use: 'builtin:decorate'}}]
    outputs: [{{formatter: {server.sink.formatter}, sink: signed}}]
""")
        environment = {**os.environ, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": TOKEN}
        recording = TOP / "tests/fixtures/nodes/v2-systemd"
        arguments = ["run", "--config", config, "--host-root", recording, "--sink", "signed"]
        return subprocess.run([sys.argv[1], *arguments], env=environment, capture_output=True, text=True)


def verify(sink):
    """Delivers to servers with right and wrong clocks, and to one that rejects the credentials. Returns the number of signatures."""

    def expect(condition, message):
        check(condition, f"{sink.kind}: {message}")

    right = Server(sink)
    agent = run(right)
    expect(agent.returncode == 0, f"right clock: ended with {agent.returncode}: {agent.stderr[-2000:]}")
    expect(len(right.accepted) > 5 and not right.wrong, f"right clock: {len(right.accepted)} accepted, {right.wrong}")

    for ahead in (timedelta(hours=2), timedelta(days=-3)):
        wrong = Server(sink, ahead=ahead)
        agent = run(wrong)
        expect(agent.returncode == 0, f"clock {ahead}: ended with {agent.returncode}: {agent.stderr[-2000:]}")
        expect(wrong.skewed >= 1 and not wrong.wrong, f"clock {ahead}: {wrong.skewed} skewed, {wrong.wrong}")
        expect(sorted(wrong.accepted) == sorted(right.accepted), f"clock {ahead}: {len(wrong.accepted)} accepted")
        expect("clock differs" in agent.stderr, f"clock {ahead}: the agent does not say so")

    expired = Server(sink, expired=True)
    agent = run(expired)
    expect(agent.returncode != 0 and not expired.accepted, f"expired credentials: ended with {agent.returncode}")
    expect("token included in the request is expired" in agent.stderr, f"expired credentials: {agent.stderr[-2000:]}")
    expect(SECRET not in agent.stderr and TOKEN not in agent.stderr, "a secret is in the log")
    return len(right.accepted)


def main():
    counts = {sink.service: verify(sink) for sink in SINKS}
    for failure in failures:
        print(f"sigv4.py: {failure}", file=sys.stderr)
    if not failures:
        print(f"sigv4.py: botocore computes the same signatures: {counts}; wrong clocks and expired credentials are handled")
    sys.exit(bool(failures))


main()
