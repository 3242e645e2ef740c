"""The far end of a webhook, outside the program: appends every call to a file, synced, before it answers.

    python ledger_server.py FILE

Prints its port in one line. Each line of FILE: when it came, the webhook's id, the body. What the program believes to
have sent is compared with this file, never with the program's own words.
"""

import contextlib
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import BinaryIO


def main() -> None:
    with open(sys.argv[1], "ab", buffering=0) as file:
        Ledger.file = file
        server = ThreadingHTTPServer(("127.0.0.1", 0), Ledger)
        server.daemon_threads = True
        print(server.server_address[1], flush=True)
        server.serve_forever()


class Ledger(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    one_at_a_time = threading.Lock()
    file: BinaryIO

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        line = {"at": time.time(), "to": self.path, "id": self.headers.get("webhook-id", ""), "body": json.loads(body)}
        with self.one_at_a_time:
            self.file.write((json.dumps(line) + "\n").encode())
            os.fsync(self.file.fileno())
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # callers are killed; that is what the ledger is for
            super().handle()

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    main()
