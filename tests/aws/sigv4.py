"""sigv4.py INSIGHTD COMPILER: checks the signatures of a sink of type otlp_http with botocore, the implementation of AWS's own SDK for Python.

A server computes the signature of each request from what arrived. It accepts what is signed correctly within five minutes of its clock, as
AWS does; its clock can be wrong, and it can reject credentials. The agent delivers a recorded node to it."""

import gzip
import os
import subprocess
import sys
import tempfile
import threading
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

TOP = Path(__file__).resolve().parents[2]
KEY, SECRET, TOKEN = "AKIDTEST", "secret/of+the=test", "token/of+the=session"
REGION, SERVICE = "eu-central-1", "monitoring"
SKEW = timedelta(minutes=5)

failures = []


def check(condition, message):
    if not condition:
        failures.append(message)


def signature(request, headers, body):
    """Returns the signature that botocore computes for a request with these headers."""
    signer = SigV4Auth(Credentials(KEY, SECRET, TOKEN), SERVICE, REGION)
    signed = headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    # Those that botocore adds itself.
    given = {name: headers[name] for name in signed if name not in ("x-amz-date", "x-amz-security-token")}
    aws = AWSRequest(method="POST", url=f"http://{headers['host']}{request.path}", data=body, headers=given)
    aws.context["timestamp"] = headers["x-amz-date"]
    signer._modify_request_before_signing(aws)
    canonical = signer.canonical_request(aws)
    return signer.signature(signer.string_to_sign(aws, canonical), aws)


class Server(ThreadingHTTPServer):
    """Accepts signed requests; `ahead` is the error of its clock."""

    def __init__(self, ahead=timedelta(), expired=False):
        super().__init__(("127.0.0.1", 0), Handler)
        self.ahead, self.expired = ahead, expired
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
            expected = signature(self, headers, body)
        except (KeyError, IndexError, ValueError) as error:
            server.wrong.append(f"{error!r}: {headers}")
            return self.respond(403, b'{"message":"incomplete"}')
        if abs(time - server.now()) > SKEW:
            server.skewed += 1
            return self.respond(403, b'{"message":"Signature expired"}')
        if not headers["authorization"].endswith(f"Signature={expected}") or headers.get("x-amz-security-token") != TOKEN:
            server.wrong.append(f"expected {expected}, found {headers['authorization']}")
            return self.respond(403, b'{"message":"The request signature does not match"}')
        server.accepted.append(gzip.decompress(body))
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
  otlp: {{type: otlp_http, endpoint_url: 'http://127.0.0.1:{server.server_port}/v1/metrics', sigv4: {{}}}}
pipelines:
  - name: otlp
    transforms: [{{use: 'builtin:decorate'}}]
    outputs: [{{formatter: {{use: 'file:otlp', config: {{max_points: 100}}}}, sink: otlp}}]
""")
        environment = {**os.environ, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": TOKEN}
        recording = TOP / "tests/fixtures/nodes/v2-systemd"
        arguments = ["run", "--config", config, "--host-root", recording, "--sink", "otlp"]
        return subprocess.run([sys.argv[1], *arguments], env=environment, capture_output=True, text=True)


def main():
    right = Server()
    agent = run(right)
    check(agent.returncode == 0, f"right clock: ended with {agent.returncode}: {agent.stderr[-2000:]}")
    check(len(right.accepted) > 5 and not right.wrong, f"right clock: {len(right.accepted)} accepted, {right.wrong}")

    for ahead in (timedelta(hours=2), timedelta(days=-3)):
        wrong = Server(ahead=ahead)
        agent = run(wrong)
        check(agent.returncode == 0, f"clock {ahead}: ended with {agent.returncode}: {agent.stderr[-2000:]}")
        check(wrong.skewed >= 1 and not wrong.wrong, f"clock {ahead}: {wrong.skewed} skewed, {wrong.wrong}")
        check(sorted(wrong.accepted) == sorted(right.accepted), f"clock {ahead}: {len(wrong.accepted)} accepted")
        check("clock differs" in agent.stderr, f"clock {ahead}: the agent does not say so")

    expired = Server(expired=True)
    agent = run(expired)
    check(agent.returncode != 0 and not expired.accepted, f"expired credentials: ended with {agent.returncode}")
    check("token included in the request is expired" in agent.stderr, f"expired credentials: {agent.stderr[-2000:]}")
    check(SECRET not in agent.stderr and TOKEN not in agent.stderr, "a secret is in the log")

    for failure in failures:
        print(f"sigv4.py: {failure}", file=sys.stderr)
    if not failures:
        print(f"sigv4.py: botocore computes the same {len(right.accepted)} signatures; wrong clocks and expired credentials are handled")
    sys.exit(bool(failures))


main()
