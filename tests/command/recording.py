"""A server that fails when a test wants it to, and keeps what it was asked for."""

import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@contextmanager
def recording(answers: Callable[[int], int], wait_s: float = 0) -> Iterator[tuple[str, list[str]]]:
    """HOST:PORT of a server, and the targets that it was asked for.

    answers: by how many came before the status.
    """
    targets: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status = answers(len(targets))
            targets.append(self.path)
            time.sleep(wait_s)
            n = int(parse_qs(urlsplit(self.path).query).get("n", ["1"])[0])
            body = struct.pack(f">{n}Q", *range(n)) if status == 200 else b"out of order"
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}", targets
        finally:
            server.shutdown()
            thread.join()
