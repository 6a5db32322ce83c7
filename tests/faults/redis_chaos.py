"""Real faults on real Redises and the fleets that get their grants from them, under load.

    python -m tests.faults.redis_chaos SCALE [REPORT.md]

Several worlds at once, since most of the time is waiting: in each a Redis, a proxy in front of
it, and processes with `--worker_id=auto`, each with a wall clock of its own (libfaketime) that is
off by less than what is allowed.  Each world takes the next fault of the shuffled deck while
clients take IDs; all that were acknowledged go to the checker, together, since no two worlds
share a worker_id.  SCALE 0.2 is the short form of the tests, 10 the long one: some 200 losses of
Redis.  Exit status 1 where an ID came twice.
"""

import asyncio
import random
import re
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from idgen.grants.redis.claim import GRANT_MS
from idgen.grants.redis.store import RedisStore
from tests.end_to_end.fleet import free_port
from tests.faults import chaos
from tests.faults.chaos import MEMORY, Book, Fault, Tally, Victim, check, client, tell
from tests.faults.proxy import Mode, Proxy
from tests.redis_server import RedisServer

WORLDS = 8
VICTIMS = 3
BATCH_IDS = 20
PAUSE_S = 0.008
EXTEND_EVERY_S = RedisStore.extend_every_ms / 1000
SKEW_S = 0.8
"""How far a clock is off at most; the second that is allowed, but for what a question takes."""
LIMIT_S = 60.0
"""Whatever was done, all is well again that long after it."""
MARGIN_MS = 500
"""For what we think a ceiling is: what a process says takes its time to come here."""


@dataclass
class WorldTally(Tally):
    """What came of one kind of fault; silences_s are the longest times without any ID."""

    silences_s: list[float] = field(default_factory=list)


@dataclass
class Silence:
    """How long no process of a world gave an ID, at most."""

    last_id_s: float = field(default_factory=time.monotonic)
    longest_s: float = 0.0

    def broken(self) -> None:
        """There is an ID."""
        now_s = time.monotonic()
        self.longest_s = max(self.longest_s, now_s - self.last_id_s)
        self.last_id_s = now_s


@dataclass
class Watch(Book):
    """One process as its client sees it; well_since_s is None while it refuses."""

    silence: Silence
    well_since_s: float | None = None

    def took(self, ids: bytes) -> None:
        super().took(ids)
        self.silence.broken()
        if self.well_since_s is None:
            self.well_since_s = time.monotonic()

    def failed(self, error: str) -> None:
        super().failed(error)
        self.well_since_s = None


class SkewedVictim(Victim):
    """A process whose wall clock is off."""

    def __init__(self, name: str, folder: Path, *options: str) -> None:
        super().__init__(name, folder, *options)
        self.skew()

    def skew(self) -> None:
        """Set the clock to a time that is allowed."""
        self.set_clock(random.uniform(-SKEW_S, SKEW_S))

    def set_clock(self, offset_s: float) -> None:
        super().set_clock(offset_s)
        self._offset_s = offset_s

    async def ceiling_unix_ms(self) -> float:
        """Of the grant that it issues by, on the machine's clock; 0 where there is none."""
        asked_s = time.time()
        answer = await self.ask("GET /metrics")
        left = re.search(rb"^flake_grant_remaining_seconds (\S+)", answer, re.MULTILINE)
        if left is None or not float(left[1]):
            return 0
        return (asked_s + self._offset_s + float(left[1])) * 1000


class World:
    """A fleet, its Redis and the way between them."""

    def __init__(self, number: int, folder: Path, ports: Iterator[int]) -> None:
        folder = folder / f"world-{number}"
        self.redis = RedisServer(folder)
        self.redis.port = next(ports)
        self.proxy = Proxy(self.redis.port)
        self.proxy.port = next(ports)
        # Few, so that one process soon follows another: in half the worlds there is none to spare.
        first = number * (VICTIMS + 1)
        self.worker_ids = range(first, first + VICTIMS + number % 2)
        options = (
            "--worker_id=auto",
            f"--worker_ids={self.worker_ids[0]}-{self.worker_ids[-1]}",
            f"--grants=redis://127.0.0.1:{self.proxy.port}/0",
        )
        self.victims = [SkewedVictim(f"{number}-{n}", folder, *options) for n in range(VICTIMS)]
        for victim in self.victims:
            victim.port = next(ports)
        self.snapshot: Path | None = None

    async def live(self, deck: "list[Fault[World]]", harvest: "Harvest") -> None:
        """Take fault after fault until there is none left."""
        async with AsyncExitStack() as stack:
            await asyncio.to_thread(self.redis.start)
            stack.callback(self.redis.kill)
            # As a fleet that was stopped long ago left them: a new one waits for no quarantine.
            await asyncio.to_thread(self.redis.know, self.worker_ids)
            await stack.enter_async_context(self.proxy)
            for victim in self.victims:
                victim.start()
                stack.callback(victim.kill)
                # Extensions that are spread are what makes a loss of data dangerous.
                await asyncio.sleep(EXTEND_EVERY_S / VICTIMS)
            await asyncio.gather(*(victim.serves() for victim in self.victims))
            while deck:
                fault = deck.pop()
                try:
                    await self._suffer(fault, *harvest[fault.name])
                except AssertionError as error:
                    error.add_note(f"the fault: {fault.name}")
                    raise

    async def _suffer(
        self, fault: "Fault[World]", tally: WorldTally, acknowledged: IO[bytes]
    ) -> None:
        silence = Silence()
        watches = [Watch(tally, acknowledged, silence) for _ in self.victims]
        async with AsyncExitStack() as stack:
            for victim, watch in zip(self.victims, watches, strict=True):
                taking = asyncio.create_task(client(victim, watch, BATCH_IDS, PAUSE_S))
                stack.callback(taking.cancel)
            # So that faults come at any time between two extensions.
            await asyncio.sleep(random.uniform(0.2, EXTEND_EVERY_S))
            await fault.inject(self)
            ended_s, ended_unix_ms = time.monotonic(), time.time() * 1000
            for victim, watch in zip(self.victims, watches, strict=True):
                await self._is_well(victim, watch, ended_unix_ms)
        well_s = [watch.well_since_s or time.monotonic() for watch in watches]
        tally.injected += 1
        tally.recovery_s.append(max(0, *(each_s - ended_s for each_s in well_s)))
        tally.silences_s.append(silence.longest_s)

    async def _is_well(self, victim: SkewedVictim, watch: Watch, ended_unix_ms: float) -> None:
        """Return once the process gives IDs by a grant that was set after the fault.

        One that was lost is used up to its ceiling: that a process gives IDs says little.
        """
        deadline_s = time.monotonic() + LIMIT_S
        after_unix_ms = ended_unix_ms + GRANT_MS + MARGIN_MS
        while watch.well_since_s is None or await victim.ceiling_unix_ms() < after_unix_ms:
            status = victim.process.poll()
            assert status is None, f"{victim.name} ended with {status}\n{victim.log()}"
            assert time.monotonic() < deadline_s, f"{victim.name} gives no IDs\n{victim.log()}"
            await asyncio.sleep(0.25)


Harvest = Mapping[str, tuple[WorldTally, IO[bytes]]]
"""By name of the fault: what came of it, and where its IDs go."""


def outage_s() -> float:
    """Half the time less than a grant has left, half the time more than it lasts."""
    return random.choice((random.uniform(1, 6), random.uniform(10.5, 14)))


# Losses of Redis.


async def redis_killed(world: World) -> None:
    await asyncio.to_thread(world.redis.kill)
    await asyncio.sleep(random.uniform(0, 2))
    await asyncio.to_thread(world.redis.start)


async def redis_killed_and_emptied(world: World) -> None:
    await asyncio.to_thread(world.redis.kill)
    world.redis.lose_data()
    await asyncio.sleep(random.uniform(0, 2))
    await asyncio.to_thread(world.redis.start)


async def redis_set_back(world: World) -> None:
    """To data of some seconds ago, or to those that an earlier fault like this was given."""
    if world.snapshot is None or random.random() < 0.5:
        world.snapshot = await asyncio.to_thread(world.redis.snapshot)
        await asyncio.sleep(random.uniform(0, 8))
    await asyncio.to_thread(world.redis.kill)
    world.redis.put_back(world.snapshot)
    await asyncio.to_thread(world.redis.start)


async def redis_flushed(world: World) -> None:
    await asyncio.to_thread(world.redis.client.flushall)


async def redis_flushed_again_and_again(world: World) -> None:
    """Whenever a process asks anew, all worker_ids seem free: each may get the same."""
    redis = world.redis.client
    end_s = time.monotonic() + EXTEND_EVERY_S
    while time.monotonic() < end_s:
        await asyncio.to_thread(redis.flushall)
        await asyncio.sleep(0.1)


async def redis_stopped(world: World) -> None:
    world.redis.stop()
    await asyncio.sleep(outage_s())
    world.redis.go_on()


async def redis_black_holed(world: World) -> None:
    await _cut_off(world, Mode.BLACK_HOLE)


async def replies_lost(world: World) -> None:
    await _cut_off(world, Mode.LOSING_REPLIES)


async def redis_refused(world: World) -> None:
    await _cut_off(world, Mode.REFUSING)


async def _cut_off(world: World, mode: Mode) -> None:
    await world.proxy.switch(mode)
    await asyncio.sleep(outage_s())
    await world.proxy.switch(Mode.PASSING)


async def redis_far_away(world: World) -> None:
    world.proxy.delay_ms = random.uniform(20, 100)
    await asyncio.sleep(outage_s())
    world.proxy.delay_ms = 0


# What else befalls the processes.


async def process_killed(world: World) -> None:
    victim = random.choice(world.victims)
    await asyncio.to_thread(victim.kill)
    victim.skew()
    victim.start()


async def process_ended(world: World) -> None:
    victim = random.choice(world.victims)
    victim.process.terminate()
    status = await victim.ended()
    assert status == 0, f"SIGTERM: {victim.name} ended with {status}"
    victim.skew()
    victim.start()


async def process_stopped_and_others_killed(world: World) -> None:
    """Those that start meanwhile may get the worker_id of the one that is stopped."""
    stopped, *others = random.sample(world.victims, VICTIMS)
    stopped.process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(random.uniform(0, 4))
    for victim in others:
        await asyncio.to_thread(victim.kill)
        victim.start()
    await asyncio.sleep(random.uniform(8, 12))
    stopped.process.send_signal(signal.SIGCONT)


async def clock_pushed_out(world: World) -> None:
    victim = random.choice(world.victims)
    victim.set_clock(random.choice((-60, -10, -3, 3, 10, 60)) * random.uniform(0.5, 1))
    await asyncio.sleep(outage_s())
    victim.skew()


LOSSES = [
    Fault(redis_killed, 3, "Redis killed -9, started again with its data"),
    Fault(redis_killed_and_emptied, 3, "Redis killed -9, started again without its data"),
    Fault(redis_set_back, 2.4, "Redis killed -9, started again with an old copy of its data"),
    Fault(redis_flushed, 2, "FLUSHALL"),
    Fault(redis_flushed_again_and_again, 3, "FLUSHALL, again and again for 3.3 s"),
    Fault(redis_stopped, 2, "Redis stopped for 1 to 14 s (SIGSTOP, SIGCONT)"),
    Fault(redis_black_holed, 3, "Redis in a black hole for 1 to 14 s"),
    Fault(replies_lost, 2, "all replies of Redis lost for 1 to 14 s"),
    Fault(redis_refused, 2, "connections to Redis reset and refused for 1 to 14 s"),
    Fault(redis_far_away, 1, "Redis 20 to 100 ms away, each way, for 1 to 14 s"),
]
OTHERS = [
    Fault(process_killed, 2, "a process killed -9, its clock set elsewhere, restart"),
    Fault(process_ended, 2, "a process ended by SIGTERM, its clock set elsewhere, restart"),
    Fault(
        process_stopped_and_others_killed,
        1,
        "a process stopped for 8 to 16 s, the others killed -9 and started again",
    ),
    Fault(clock_pushed_out, 2, "a clock pushed out by up to 60 s for 1 to 14 s, and put right"),
]


@dataclass
class Outcome:
    """What came of each fault, by name, and what the checker says of all IDs."""

    tallies: dict[str, WorldTally]
    duplicates: int
    audit: str


def deck_of(scale: float) -> list[Fault[World]]:
    """Each fault as often as the scale says, in random order."""
    deck = [each for each in LOSSES + OTHERS for _ in range(round(each.per_scale * scale))]
    assert deck, f"at SCALE {scale} there is no fault"
    random.shuffle(deck)
    return deck


async def run(worlds: list[World], deck: list[Fault[World]], harvest: Harvest) -> None:
    """All of the deck, spread over the worlds."""

    async def watch(total: int) -> None:
        while True:
            done = sum(tally.injected for tally, _ in harvest.values())
            ids = sum(tally.ids for tally, _ in harvest.values())
            tell(f"{done} of {total} faults, {ids:,} IDs")
            await asyncio.sleep(0.5)

    watching = asyncio.create_task(watch(len(deck)))
    try:
        async with asyncio.TaskGroup() as living:
            for world in worlds:
                living.create_task(world.live(deck, harvest))
    finally:
        watching.cancel()


def wreak(deck: list[Fault[World]]) -> Outcome:
    """The whole of it, in as many worlds as there may be."""
    names = [fault.name for fault in LOSSES + OTHERS if fault in deck]
    tallies = {name: WorldTally() for name in names}
    # In memory: what a busy disk makes Redis wait is no fault of ours.
    with (
        tempfile.TemporaryDirectory(prefix="flake-redis-chaos-") as on_disk,
        tempfile.TemporaryDirectory(
            prefix="flake-redis-chaos-", dir=MEMORY if MEMORY.is_dir() else None
        ) as in_memory,
    ):
        paths = {name: Path(on_disk) / f"{number}.ids" for number, name in enumerate(names)}
        ports = distinct_ports(WORLDS * (VICTIMS + 2))
        number_of_worlds = min(WORLDS, len(deck))
        worlds = [World(number, Path(in_memory), ports) for number in range(number_of_worlds)]
        with ExitStack() as files:
            acknowledged = [files.enter_context(path.open("ab")) for path in paths.values()]
            harvest = dict(
                zip(names, zip(tallies.values(), acknowledged, strict=True), strict=True)
            )
            asyncio.run(run(worlds, deck, harvest))
        for name, tally in tallies.items():
            tally.duplicates = check([paths[name]])[0]
        return Outcome(tallies, *check(list(paths.values())))


def distinct_ports(count: int) -> Iterator[int]:
    """Ports that nobody has yet, and no two of us will have."""
    ports: set[int] = set()
    while len(ports) < count:
        ports.add(free_port())
    return iter(ports)


def table(tallies: dict[str, WorldTally]) -> str:
    """The report of all faults, and the silence of each as a column more."""
    cells = ["longest time without any ID in a world |", "--- |"]
    cells += [f"{max(tally.silences_s):.2f} s |" for tally in tallies.values()]
    lines = chaos.table(tallies).splitlines()
    return "\n".join(f"{line} {cell}" for line, cell in zip(lines, cells, strict=True))


def main() -> None:
    """The command line."""
    deck = deck_of(float(sys.argv[1]))
    losses = sum(fault in LOSSES for fault in deck)
    summary = f"{losses} losses of Redis and {len(deck) - losses} other faults"
    begun_s = time.monotonic()
    outcome = wreak(deck)
    summary += f" in {time.monotonic() - begun_s:.0f} s"
    report = f"{table(outcome.tallies)}\n\n{summary}\n\n```text\n{outcome.audit}```\n"
    print(f"\n{report}")
    if len(sys.argv) > 2:
        Path(sys.argv[2]).write_text(report, encoding="utf-8")
    sys.exit(1 if outcome.duplicates else 0)


if __name__ == "__main__":
    main()
