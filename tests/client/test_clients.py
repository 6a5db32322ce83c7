"""What both clients take and refuse, against servers that say what the test has written down."""

import asyncio
import copy
import itertools
import pickle
import re
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from idgen import client
from idgen.client import (
    AsyncClient,
    BadArgument,
    Client,
    ClientClosed,
    ClientError,
    DeadlinePassed,
    NoServerAnswered,
    RequestRefused,
)
from idgen.client.settings import MAX_ATTEMPTS
from tests.client.scripted import Play, Scripted, answer, nothing
from tests.end_to_end.fleet import TOP

ID = struct.pack(">Q", 7)


def numbers() -> Play:
    """As many as are asked for, from 0 on."""
    given = itertools.count()

    def play(connection: socket.socket, request: bytes) -> None:
        asked = re.search(rb"n=(\d+)", request)
        ids = [next(given) for _ in range(int(asked[1]) if asked else 1)]
        answer(struct.pack(f">{len(ids)}Q", *ids))(connection, request)

    return play


class Blocking:
    """AsyncClient with Client's manners, in a loop of its own."""

    def __init__(self, *arguments: Any, **others: Any) -> None:
        self._client = AsyncClient(*arguments, **others)
        self._runner = asyncio.Runner()

    def next_id(self) -> int:
        return self._runner.run(self._client.next_id())

    def next_ids(self, n: int) -> list[int]:
        return self._runner.run(self._client.next_ids(n))

    def close(self) -> None:
        self._runner.run(self._client.close())

    def __enter__(self) -> "Blocking":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self._runner.close()


@pytest.fixture(params=[Client, Blocking], ids=["Client", "AsyncClient"])
def made(request: pytest.FixtureRequest) -> Callable[..., Client]:
    """Patient ones: no test here is about time."""
    return lambda *arguments, **others: request.param(
        *arguments, **{"timeout_s": 20, "deadline_s": 60} | others
    )


def test_an_id_is_a_number(made: Callable[..., Client]) -> None:
    with Scripted(answer(ID)) as server, made(server.url) as some:
        assert some.next_id() == 7


def test_a_batch_is_in_the_servers_order(made: Callable[..., Client]) -> None:
    with Scripted(answer(struct.pack(">3Q", 3, 5, 6))) as server, made(server.url) as some:
        assert some.next_ids(3) == [3, 5, 6]
        assert b"GET /?n=3 " in server.requests[0]


def test_a_batch_takes_what_is_at_hand_first_and_asks_for_the_rest(
    made: Callable[..., Client],
) -> None:
    with Scripted(numbers()) as server, made(server.url, prefetch=4) as some:
        assert some.next_id() == 0
        ids = some.next_ids(100)
        assert ids[0] == 1
        assert len(ids) == len(set(ids)) == 100
        assert re.findall(rb"n=(\d+)", b"".join(server.requests))[0] == b"3", "one waits"


def test_a_burst_of_calls_is_no_burst_of_connections() -> None:
    def patient(kind: type[Client] | type[AsyncClient]) -> Any:
        return kind(server.url, timeout_s=20, deadline_s=60)

    async def burst() -> list[int]:
        async with patient(AsyncClient) as some:
            return list(await asyncio.gather(*(some.next_id() for _ in range(300))))

    with Scripted(numbers()) as server:
        assert len(set(asyncio.run(burst()))) == 300
        assert server.connections <= MAX_ATTEMPTS
    with Scripted(numbers()) as server, patient(Client) as some, ThreadPoolExecutor(50) as pool:
        assert len(set(pool.map(lambda _: some.next_id(), range(300)))) == 300
        assert server.connections <= MAX_ATTEMPTS


def test_a_call_whose_turn_does_not_come_ends_at_its_deadline() -> None:
    with Scripted(answer(ID)) as server:
        with Client(server.url, deadline_s=0.2) as some:
            for _ in range(MAX_ATTEMPTS):
                assert some._own.asker._turns.take(0)
            with pytest.raises(DeadlinePassed):
                some.next_id()

        async def last() -> None:
            async with AsyncClient(server.url, deadline_s=0.2) as some:
                asker = await some._asker()
                for _ in range(MAX_ATTEMPTS):
                    await asker._turns.acquire()
                with pytest.raises(DeadlinePassed):
                    await some.next_id()

        asyncio.run(last())
        assert server.requests == []


def test_calls_under_way_when_a_client_is_closed_are_told_so() -> None:
    async def closing(url: str) -> list[Any]:
        some = AsyncClient(url, timeout_s=20, deadline_s=60)
        calls = [asyncio.ensure_future(some.next_id()) for _ in range(2 * MAX_ATTEMPTS)]
        while len(server.requests) < MAX_ATTEMPTS:  # noqa: ASYNC110 - a count has no event
            await asyncio.sleep(0.001)
        await some.close()
        return list(await asyncio.gather(*calls, return_exceptions=True))

    with Scripted(nothing) as server:
        assert {type(error) for error in asyncio.run(closing(server.url))} == {ClientClosed}


@pytest.mark.parametrize("n", [0, -1, 65_537, 1.0, "3", None])
def test_a_batch_of_a_wrong_size_is_refused_and_nothing_is_asked(
    made: Callable[..., Client], n: int
) -> None:
    with Scripted(answer(ID)) as server, made(server.url) as some:
        with pytest.raises(BadArgument, match=r"^n must be a whole number from 1 to 65536, not "):
            some.next_ids(n)
        assert server.requests == []


def test_one_server_that_fails_is_passed_over(made: Callable[..., Client]) -> None:
    with (
        Scripted(answer(b"overflow", "500 Internal Server Error")) as bad,
        Scripted(answer(ID)) as good,
        made([bad.url, good.url]) as some,
    ):
        assert [some.next_id() for _ in range(20)] == [7] * 20
        assert len(good.requests) == 20


def test_a_refusal_is_the_callers_and_no_other_server_is_asked(made: Callable[..., Client]) -> None:
    no = answer(b"n must be a number", "400 Bad Request")
    with Scripted(no) as one, Scripted(no) as other, made([one.url, other.url]) as some:
        with pytest.raises(RequestRefused, match="refused the request: n must be a number"):
            some.next_id()
        assert len(one.requests) + len(other.requests) == 1


def test_an_error_tells_what_each_server_said(made: Callable[..., Client]) -> None:
    draining = answer(b"draining: ask another", "503 Service Unavailable")
    with Scripted(draining) as server, made(server.url) as some:
        with pytest.raises(NoServerAnswered, match=r"failed \(503 draining: ask another\) after"):
            some.next_id()
        with pytest.raises(ClientError):
            some.next_ids(3)


def test_a_client_that_is_closed_gives_nothing_and_may_be_closed_again(
    made: Callable[..., Client],
) -> None:
    with Scripted(answer(ID * 2)) as server:
        for prefetch in (0, 4):
            with made(server.url, prefetch=prefetch) as some:
                some.next_ids(2)
                some.close()
                for call in (some.next_id, lambda some=some: some.next_ids(1)):
                    with pytest.raises(ClientClosed, match=r"^this client is closed$"):
                        call()


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_the_environment_can_name_the_servers(
    kind: type[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FLAKE_SERVERS", raising=False)
    with pytest.raises(BadArgument, match="FLAKE_SERVERS is not set"):
        kind.from_env()
    monkeypatch.setenv("FLAKE_SERVERS", "127.0.0.1:8001,127.0.0.1:8002")
    some = kind.from_env(timeout_s=0.02)
    assert some._settings.urls == ("http://127.0.0.1:8001", "http://127.0.0.1:8002")
    assert some._settings.timeout_s == 0.02


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_making_a_client_does_nothing_yet(kind: type[Client]) -> None:
    with Scripted(answer(ID)) as server:
        kind(server.url, prefetch=100)
        assert server.connections == 0


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_client_cannot_be_had_twice(kind: type[Client], again: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError, match="a client can't be copied or pickled"):
        again(kind("127.0.0.1:8080"))


def test_all_that_is_offered_is_there() -> None:
    for name in client.__all__:
        assert getattr(client, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute nothing"):
        client.nothing  # noqa: B018


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [("Client", "requests", "client"), ("AsyncClient", "aiohttp", "async-client")],
)
def test_a_package_that_is_missing_is_named_with_its_extra_and_the_rest_works(
    name: str, package: str, extra: str
) -> None:
    script = (
        f"import sys; sys.modules['{package}'] = None\n"
        "from idgen.client import ClientError, decode\n"
        f"try:\n    from idgen.client import {name}\n"
        "except ImportError as error:\n    print(error)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=TOP, capture_output=True, text=True, check=True
    )
    assert f"needs {package}: pip install '.[{extra}]'" in ended.stdout
