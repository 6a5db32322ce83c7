"""The reference: what a Tornado handler that gives out IDs costs without any of Flake.

Ten lines of handler, no access log, no ETag, the same answer with the same headers.

    python benchmarks/plain_tornado.py PORT
"""

import asyncio
import sys
import time

from tornado.web import Application, RequestHandler

EPOCH_MS = 1_259_193_600_000


class IdHandler(RequestHandler):
    last_ms, sequence = 0, 0

    def get(self) -> None:
        now_ms = time.time_ns() // 1_000_000
        IdHandler.sequence = IdHandler.sequence + 1 & 4095 if now_ms == IdHandler.last_ms else 0
        IdHandler.last_ms = now_ms
        self.clear_header("Server")
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        self.finish(str(now_ms - EPOCH_MS << 22 | IdHandler.sequence))

    def compute_etag(self) -> None:
        return None


async def main() -> None:
    Application([("/", IdHandler)], log_function=lambda handler: None).listen(
        int(sys.argv[1]), "127.0.0.1"
    )
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
