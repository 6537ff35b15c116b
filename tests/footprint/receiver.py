#!/usr/bin/env python3
"""receiver.py --host HOST --port PORT: a receiver of OTLP over HTTP that accepts every request with an empty response."""

import argparse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Bytes of a body that are read at once.
CHUNK = 65536


class Receiver(BaseHTTPRequestHandler):
    """Reads a request's body and returns an empty ExportMetricsServiceResponse."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        left = int(self.headers.get("Content-Length", "0"))
        while left > 0:
            read = len(self.rfile.read(min(left, CHUNK)))
            if read == 0:
                return
            left -= read
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    ThreadingHTTPServer((options.host, options.port), Receiver).serve_forever()
