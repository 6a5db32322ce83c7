"""What a real Redis says when something is wrong, and what is made of it."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from idgen.grants.redis.answer import Reply
from idgen.grants.redis.claim import Question
from idgen.grants.redis.script import TIMEOUT_MS, Script
from idgen.grants.redis.store import LUA
from idgen.grants.store import StoreUnavailable
from idgen.redis.address import RedisAddress
from tests.end_to_end.fleet import free_port, until
from tests.faults.proxy import Mode, Proxy
from tests.grants.stores import PATIENT_MS, claim, run
from tests.redis_server import RedisServer

WRITES = "return {redis.call('SET', KEYS[1], ARGV[1])}"


async def asked(
    address: RedisAddress, question: Question, lua: str, timeout_ms: int = PATIENT_MS
) -> Reply:
    script = Script(address, lua, timeout_ms)
    try:
        return await script.ask(question)
    finally:
        await script.close()


def ask(address: RedisAddress, lua: str = WRITES) -> Reply:
    return run(asked(address, Question(["x"], ["y"]), lua))


def trouble(address: RedisAddress, lua: str = WRITES) -> tuple[str, str]:
    """Reason and message."""
    with pytest.raises(StoreUnavailable) as raised:
        ask(address, lua)
    text = str(raised.value)
    assert "\n" not in text
    assert "secret" not in text
    return raised.value.reason, text.replace(str(address.port), "PORT")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """One to be harmed."""
    with RedisServer(tmp_path / "redis") as server:
        yield server


def at(
    server: RedisServer, password: str | None = None, username: str | None = None
) -> RedisAddress:
    return RedisAddress("127.0.0.1", server.port, password=password, username=username)


@contextmanager
def listening() -> Iterator[int]:
    """A port at which somebody listens, and says nothing."""
    with socket.create_server(("127.0.0.1", free_port())) as listener:
        yield listener.getsockname()[1]


def test_the_script_is_run_and_sent_again_where_redis_has_forgotten_it(
    redis_server: RedisServer,
) -> None:
    async def scenario() -> list[Reply]:
        script = Script(at(redis_server), WRITES, PATIENT_MS)
        answers = [await script.ask(Question(["x"], ["y"]))]
        redis_server.client.script_flush()
        answers.append(await script.ask(Question(["x"], ["y"])))
        await script.close()
        return answers

    assert run(scenario()) == [[b"OK"], [b"OK"]]


def test_a_database_of_its_own_is_used(redis_server: RedisServer) -> None:
    address = RedisAddress("127.0.0.1", redis_server.port, database=5)
    question = claim("apart").ask_to_acquire(0)
    assert run(asked(address, question, LUA.read_text()))[0] == b"skewed"
    ask(address)
    assert redis_server.client.get("x") != "z"
    assert [line for line in redis_server.client.info("keyspace") if line == "db5"]


def test_nobody_listens() -> None:
    reason, text = trouble(RedisAddress("127.0.0.1", free_port()))
    assert reason == "unreachable"
    assert text.startswith("redis://127.0.0.1:PORT/0?namespace=flake: it can't be reached: ")
    assert "Connection refused" in text or "111" in text


def test_a_name_that_nobody_knows() -> None:
    assert trouble(RedisAddress("nowhere.invalid"))[0] == "unreachable"


@pytest.mark.parametrize(("tls", "hint"), [(False, ""), (True, "; is TLS spoken there?")])
def test_a_black_hole(tls: bool, hint: str) -> None:
    with listening() as port:
        address = RedisAddress("127.0.0.1", port, tls=tls)
        with pytest.raises(StoreUnavailable) as raised:
            run(asked(address, Question([], []), WRITES, TIMEOUT_MS))
    assert raised.value.reason == "unreachable"
    assert str(raised.value) == f"{address}: no answer within 80 ms{hint}"


def test_a_stopped_redis_and_the_connection_after_it_goes_on(server: RedisServer) -> None:
    async def scenario() -> Reply:
        script = Script(at(server), "return {ARGV[1]}", timeout_ms=1000)
        await script.ask(Question([], ["before"]))
        server.stop()
        with pytest.raises(StoreUnavailable):
            await script.ask(Question([], ["lost"]))
        server.go_on()
        # What the other connection still answers is nobody's: this is another one.
        answer = await script.ask(Question([], ["after"]))
        await script.close()
        return answer

    assert run(scenario()) == [b"after"]


def test_a_connection_that_was_reset_while_nothing_was_asked(redis_server: RedisServer) -> None:
    """As a load balancer does it that has forgotten the connection."""

    async def scenario() -> Reply:
        proxy = Proxy(redis_server.port)
        async with proxy:
            script = Script(RedisAddress("127.0.0.1", proxy.port), "return {ARGV[1]}", PATIENT_MS)
            await script.ask(Question([], ["before"]))
            await proxy.switch(Mode.REFUSING)
            await proxy.switch(Mode.PASSING)
            await asyncio.sleep(0.05)
            with suppress(StoreUnavailable):
                await script.ask(Question([], ["lost"]))
            answer = await script.ask(Question([], ["after"]))
            await script.close()
            return answer

    assert run(scenario()) == [b"after"]


def test_a_password_is_wanted_or_wrong(tmp_path: Path) -> None:
    with RedisServer(tmp_path, "--requirepass", "secret") as server:
        hint = "it wants another user or password (FLAKE_REDIS_PASSWORD)"
        for address in (at(server), at(server, "secret2"), at(server, "secret", "nobody")):
            reason, text = trouble(address)
            assert reason == "unauthorized"
            assert hint in text
        assert ask(at(server, "secret")) == [b"OK"]
        # Who hasn't logged in may not even send many keys, and is told so in other words.
        many = Question([str(number) for number in range(1025)], [])
        with pytest.raises(StoreUnavailable) as raised:
            run(asked(at(server), many, WRITES))
        assert raised.value.reason == "unauthorized"


def test_a_user_who_may_not(server: RedisServer) -> None:
    server.client.acl_setuser(
        "me", enabled=True, passwords=["+secret"], keys=["~*"], commands=["+get"]
    )
    reason, text = trouble(at(server, "secret", "me"))
    assert reason == "forbidden"
    assert "its user may not do that: " in text


def test_the_least_that_a_user_must_be_allowed(server: RedisServer) -> None:
    needed = [
        "+evalsha",
        "+script|load",
        "+time",
        "+info",
        "+hmget",
        "+hset",
        "+hdel",
        "+get",
        "+set",
    ]
    server.client.acl_setuser(
        "me", enabled=True, passwords=["+secret"], keys=["~flake:*"], commands=needed
    )
    seconds, microseconds = server.client.time()
    question = claim().ask_to_acquire(seconds * 1000 + microseconds // 1000)
    assert run(asked(at(server, "secret", "me"), question, LUA.read_text()))[0] == b"granted"


def test_a_replica(server: RedisServer) -> None:
    server.client.replicaof("127.0.0.1", str(free_port()))
    reason, text = trouble(at(server))
    assert reason == "read_only"
    assert "it is a replica; name the primary: " in text


def test_one_that_still_loads_its_data(tmp_path: Path) -> None:
    with RedisServer(tmp_path, "--appendonly", "no") as server:
        pipeline = server.client.pipeline()
        for number in range(2000):
            pipeline.set(f"key{number}", "x" * 1000)
        pipeline.execute()
        server.client.save()
    slow = ["--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024"]
    slow_server = RedisServer(tmp_path, "--appendonly", "no", *slow)
    slow_server.launch()
    try:
        until(lambda: trouble(at(slow_server))[0] == "loading", "it says that it loads")
    finally:
        slow_server.kill()


def test_one_that_is_full(server: RedisServer) -> None:
    server.client.config_set("maxmemory", "1")
    reason, text = trouble(at(server))
    assert reason == "out_of_memory"
    assert "its memory is full; raise maxmemory: " in text


def test_a_script_that_breaks_is_one_line(redis_server: RedisServer) -> None:
    assert trouble(at(redis_server), "return {nil + 1}")[0] == "error"


def test_tls_is_spoken_and_the_certificate_checked(
    tmp_path: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls_port = free_port()
    tls = ["--tls-port", str(tls_port), "--tls-auth-clients", "no"]
    tls += ["--tls-cert-file", str(certificate / "cert.pem")]
    tls += ["--tls-key-file", str(certificate / "key.pem")]
    tls += ["--tls-ca-cert-file", str(certificate / "cert.pem")]
    with RedisServer(tmp_path, *tls):
        address = RedisAddress("127.0.0.1", tls_port, tls=True)
        assert "certificate verify failed" in trouble(address)[1]
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
        assert ask(address) == [b"OK"]
