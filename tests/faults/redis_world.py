"""A Redis in memory that runs the shipped script, a network that loses, hosts that disagree.

The script runs in a Lua 5.1 of its own, which is what Redis has; of Redis itself only the few
commands that the script calls are modelled, one after the other, as Redis runs them.
"""

import copy
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from lupa.lua51 import LuaRuntime, lua_type

from idgen.grants.redis.answer import Reply
from idgen.grants.redis.claim import Question
from idgen.grants.redis.store import LUA
from idgen.grants.store import StoreUnavailable
from tests.faults.world import START_UNIX_MS, World, turn

Data = dict[str, str | dict[str, str]]


class SimulatedRedis:
    """One primary: its data, its clock, its run_id."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.data: Data = {}
        self.snapshots: list[Data] = []
        self.now_unix_ms = 0
        """Set before each run."""
        self.version = "7.0.15"
        self.restart()

    def restart(self) -> None:
        """A new run, of whatever data there is."""
        self.run_id = f"{self._random.getrandbits(160):040x}"

    def run(self, question: Question) -> Reply:
        """The shipped script on this data."""
        return _interpreter().run(self, question)

    def command(self, name: str, *arguments: Any) -> Any:
        """What a command of the script's answers."""
        words = [argument if isinstance(argument, str) else str(argument) for argument in arguments]
        return getattr(self, f"_{name.lower()}")(*words)

    def copied(self) -> "SimulatedRedis":
        """A replica that somebody has made a primary."""
        other = SimulatedRedis(self._random)
        other.data = copy.deepcopy(self.data)
        return other

    def _time(self) -> list[str]:
        seconds, ms = divmod(self.now_unix_ms, 1000)
        return [str(seconds), str(1000 * ms)]

    def _info(self, section: str) -> str:
        assert section == "server"
        return f"# Server\r\nredis_version:{self.version}\r\nrun_id:{self.run_id}\r\n"

    def _hash(self, key: str) -> dict[str, str]:
        record = self.data.get(key, {})
        if isinstance(record, str):
            raise TypeError("WRONGTYPE Operation against a key holding the wrong kind of value")
        return record

    def _hmget(self, key: str, *fields: str) -> list[str | bool]:
        record = self._hash(key)
        return [record.get(name, False) for name in fields]

    def _hset(self, key: str, *words: str) -> int:
        record = self._hash(key)
        self.data[key] = record | dict(zip(words[::2], words[1::2], strict=True))
        return 1

    def _hdel(self, key: str, *fields: str) -> int:
        self.data[key] = {k: v for k, v in self._hash(key).items() if k not in fields}
        return 1

    def _get(self, key: str) -> str | bool:
        value = self.data.get(key, False)
        if isinstance(value, dict):
            raise TypeError("WRONGTYPE Operation against a key holding the wrong kind of value")
        return value

    def _set(self, key: str, value: str) -> str:
        self.data[key] = value
        return "OK"


class _Interpreter:
    """Lua 5.1 with the script in it."""

    def __init__(self) -> None:
        self._lua: Any = LuaRuntime(unpack_returned_tuples=False)
        self._script: Any = self._lua.compile(LUA.read_text(encoding="utf-8"))
        self._redis: SimulatedRedis
        self._globals: Any = self._lua.globals()
        self._globals["redis"] = self._lua.table_from({"call": self._call, "pcall": self._pcall})

    def run(self, redis: SimulatedRedis, question: Question) -> Reply:
        self._redis = redis
        self._globals["KEYS"] = self._lua.table_from(question.keys)
        self._globals["ARGV"] = self._lua.table_from([str(word) for word in question.arguments])
        return list(self._converted(self._script()))

    def _call(self, name: str, *arguments: Any) -> Any:
        answer = self._redis.command(name, *arguments)
        return self._lua.table_from(answer) if isinstance(answer, list) else answer

    def _pcall(self, name: str, *arguments: Any) -> Any:
        try:
            return self._call(name, *arguments)
        except TypeError as error:
            return self._lua.table_from({"err": str(error)})

    def _converted(self, table: Any) -> Iterator[bytes | int]:
        assert lua_type(table) == "table"
        for value in table.values():
            yield value.encode() if isinstance(value, str) else int(value)


_made: list[_Interpreter] = []


def _interpreter() -> _Interpreter:
    """One a process: it holds no state of a history."""
    if not _made:
        _made.append(_Interpreter())
    return _made[0]


@dataclass(eq=False)
class Host:
    """A machine with a wall clock of its own."""

    world: "RedisWorld"
    offset_ms: int = 0
    """How far ahead of the true time it is."""

    def wall(self) -> int:
        """The wall clock.  Now and then time goes on between two looks at it."""
        if self.world.random.random() < 0.1:
            self.world.advance(self.world.quantum_ms)
        return self.world.true_unix_ms + self.offset_ms


@dataclass
class RedisWorld(World):
    """A Redis, or two where a network is split, hosts, and what lies between."""

    primaries: list[SimulatedRedis] = field(default_factory=list)
    redis_offset_ms: int = 0
    weather: str = "fair"
    late: deque[tuple[SimulatedRedis, Question]] = field(default_factory=deque)
    """Questions that still lie in a buffer, though nobody waits for an answer."""

    @property
    def true_unix_ms(self) -> int:
        """What a perfect clock would tell."""
        return START_UNIX_MS + self.boot_ms

    def run(self, redis: SimulatedRedis, question: Question) -> Reply:
        """The script, at the time of this Redis."""
        redis.now_unix_ms = self.true_unix_ms + self.redis_offset_ms
        answer = redis.run(question)
        self.fired[f"{question.arguments[0]}: {answer[0]!r}"] += 1
        return answer

    def deliver_late(self) -> None:
        """A buffer is read at last."""
        if self.late:
            self.fired["delivered late"] += 1
            self.run(*self.late.popleft())


class Line:
    """One process's way to its Redis; a turn before and after the script."""

    def __init__(self, world: RedisWorld, side: int) -> None:
        self._world = world
        self._side = side
        self.is_cut = False

    async def ask(self, question: Question) -> Reply:
        """As the store wants it."""
        await turn()
        world = self._world
        redis = world.primaries[self._side % len(world.primaries)]
        fate = self._fate()
        world.fired[fate] += fate != "carried"
        if fate == "request late":
            world.late.append((redis, question))
        if fate in ("refused", "request late"):
            raise StoreUnavailable(fate, "unreachable")
        answer = world.run(redis, question)
        await turn()
        if fate == "reply lost":
            raise StoreUnavailable(fate, "unreachable")
        return answer

    async def close(self) -> None:
        """Nothing to let go of."""

    def _fate(self) -> str:
        likely = 0.5 if self._world.weather == "foul" else 0.02
        if self.is_cut or self._world.weather == "gone":
            return "refused"
        if self._world.random.random() >= likely:
            return "carried"
        return self._world.random.choice(("refused", "request late", "reply lost", "reply lost"))
