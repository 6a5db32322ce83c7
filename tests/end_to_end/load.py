"""Load: many keep-alive connections that ask for IDs and note everything that comes back."""

import asyncio
from collections import Counter
from types import TracebackType

STALL_S = 0.02
"""A turn of this program's own loop that comes so late tells of a machine that stood still."""

REQUEST = b"GET / HTTP/1.1\r\nHost: flake\r\n\r\n"


class Load:
    """Single IDs over `connections` connections, about `rate` a second in all.

    A connection asks anew when its answer is there and its turn has come; where it is late it
    doesn't catch up, so that a slow machine sees less load, never a burst.
    """

    def __init__(self, port: int, connections: int = 16, rate: int = 1400) -> None:
        self.ids: list[int] = []
        self.statuses: Counter[int] = Counter()
        self.lost: list[str] = []
        """Requests that were sent and got no whole answer."""
        self._port = port
        self._connections = connections
        self._interval_s = connections / rate
        self._stopping = False
        self.longest_stall_s = 0.0

    @property
    def says_nothing(self) -> bool:
        """Whether refusals may be the machine's doing: nginx gives up after 200 ms."""
        return self.longest_stall_s > STALL_S and set(self.statuses) != {200}

    async def _watch(self) -> None:
        clock = asyncio.get_running_loop().time
        while not self._stopping:
            begun_s = clock()
            await asyncio.sleep(0.005)
            self.longest_stall_s = max(self.longest_stall_s, clock() - begun_s - 0.005)

    async def __aenter__(self) -> "Load":
        self._begun_s = asyncio.get_running_loop().time()
        self._watcher = asyncio.create_task(self._watch())
        self._clients = [
            asyncio.create_task(self._client(place / self._connections))
            for place in range(self._connections)
        ]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping = True
        await asyncio.gather(self._watcher, *self._clients)
        seconds = asyncio.get_running_loop().time() - self._begun_s
        answers = self.statuses.total()
        print(
            f"{answers} answers in {seconds:.1f} s, {answers / seconds:.0f} a second, "
            f"longest stall {self.longest_stall_s * 1000:.0f} ms"
        )

    async def more(self, answers: int) -> None:
        """Return after that many answers more, or when all connections have ended."""
        goal = self.statuses.total() + answers
        while self.statuses.total() < goal and not all(  # noqa: ASYNC110 - a count has no event
            client.done() for client in self._clients
        ):
            await asyncio.sleep(0.02)

    def check_unharmed(self) -> None:
        """No error reached a client, and no ID came twice."""
        assert self.lost == []
        assert set(self.statuses) == {200}, self.statuses
        assert len(set(self.ids)) == len(self.ids)

    async def _client(self, offset: float) -> None:
        await asyncio.sleep(offset * self._interval_s)
        clock = asyncio.get_running_loop().time
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError as error:
            self.lost.append(repr(error))
            return
        while not self._stopping:
            begun_s = clock()
            try:
                writer.write(REQUEST)
                closes = await self._answer(reader)
            except (OSError, EOFError) as error:
                self.lost.append(repr(error))
                break
            if closes:
                break
            await asyncio.sleep(max(0.0, begun_s + self._interval_s - clock()))
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> bool:
        """Note one answer, and tell whether the server closes after it."""
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        body = await reader.readexactly(length)
        status = int(head.split(b" ", 2)[1])
        self.statuses[status] += 1
        if status == 200:
            self.ids.append(int(body))
        return b"\r\nconnection: close" in head
