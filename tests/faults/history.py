"""What all histories share: processes that issue, die, pause and stop, and the check of each ID.

The shipped service, generator, keeper and stores run in a world in memory; nothing of them is
modelled.  A history is drawn from one seed.
"""

from collections import Counter
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any, Generic, TypeVar

from idgen.errors import FlakeError
from idgen.grants.keeper import Keeper
from idgen.grants.store import GrantStore, StoreError
from idgen.layout import Layout, unpack
from idgen.service import IdService
from tests.faults.world import World, turn

EVENTS = 300


class Duplicate(AssertionError):
    """An ID came twice."""


class Overlap(AssertionError):
    """Two grants of a worker_id share milliseconds: an ID may come twice, if it hasn't yet."""


class Stuck(AssertionError):
    """All was put right, and still there were no IDs."""


class Process:
    """One life of the service, with the shipped parts."""

    def __init__(
        self, world: World, store: GrantStore, worker_id: int | None, wall: Callable[[], int]
    ) -> None:
        world.processes += 1
        self.number = world.processes
        self.world = world
        self.service = IdService(Layout(), worker_id, wall, store.longest_wait_ms)
        self.keeper = Keeper(store, self.service, world.boot, self._sleep, world.random.random)
        self.paused = False
        self.wakes_at_boot_ms = 0
        self.last_id = -1
        self._life: Coroutine[Any, Any, None] = self._live()

    async def _sleep(self, seconds: float) -> None:
        self.wakes_at_boot_ms = self.world.boot_ms + int(seconds * 1000)
        await turn()

    async def _live(self) -> None:
        await self.keeper.run(0)

    @property
    def sleeps(self) -> bool:
        return self.world.boot_ms < self.wakes_at_boot_ms

    def step(self) -> bool:
        """One step of its keeper; False where the process has ended."""
        try:
            self._life.send(None)
        except StopIteration:
            return False
        except StoreError as end:
            self.ended_by(end)
            return False
        return True

    def ended_by(self, error: StoreError) -> None:
        """For a count of what came about."""

    def stop(self) -> None:
        """SIGTERM: what is under way is cancelled, then the grant is released."""
        self._life.close()
        self.wakes_at_boot_ms = 0
        self._life = self.keeper.release()

    def end(self) -> None:
        """However it came."""
        self._life.close()


_Process = TypeVar("_Process", bound=Process)
_World = TypeVar("_World", bound=World)


class History(Generic[_World, _Process]):
    """What happens in one world in EVENTS events."""

    SIZES: tuple[int, ...] = (1,)
    """How many IDs are asked for at a time."""
    CHECKS_GRANTS = True
    """Whether the promise that grants never overlap is checked, beside the IDs."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.processes: list[_Process] = []
        self.issued: set[int] = set()
        self._spans: dict[tuple[int, int, int], int] = {}
        """The ceiling of each grant so far, by worker_id, process and floor."""
        self.world = self.create()
        self._events = self.events()

    def create(self) -> _World:
        """The world."""
        raise NotImplementedError

    def events(self) -> list[Callable[[], None]]:
        """What may happen, each as often as it is likely."""
        raise NotImplementedError

    def check_recovery(self) -> None:
        """Put all right, and see that IDs come.  Raises Stuck."""
        raise NotImplementedError

    def after_event(self) -> None:
        """Keep what the end needs to know."""

    def play(self) -> Counter[str]:
        """All events, then the check that it serves again; what came about on the way."""
        for _ in range(EVENTS):
            self.random.choice(self._events)()
            self.after_event()
        self.check_recovery()
        return self.world.fired

    # What processes do

    def run(self) -> None:
        awake = [p for p in self.processes if not p.paused and not p.sleeps]
        if awake:
            process = self.random.choice(awake)
            for _ in range(self.random.choice((1, 3, 10, 30))):
                if not process.sleeps and not process.step():
                    self.remove(process)
                    break

    def issue(self) -> None:
        for process in self.processes:
            if not process.paused:
                self.take(process, self.random.choice(self.SIZES))

    def take(self, process: _Process, n: int) -> None:
        if self.CHECKS_GRANTS:
            self._check_grant(process)
        service = process.service
        try:
            if n == 1:
                flake_id = service.next_id()
                ids = range(flake_id, flake_id + 1)
            else:
                ids = service.next_ids(n)
                if self.random.random() < 0.5 and len(ids) < n:
                    self._note(process, ids)
                    self.world.advance(self.world.quantum_ms)
                    self.world.fired["batch over milliseconds"] += 1
                    ids = service.next_ids(n - len(ids))
        except FlakeError as refusal:
            self.world.fired[refusal.reason] += 1
            self.world.fired["jump refused"] += "clock jumped" in str(refusal)
            return
        self._note(process, ids)

    def _check_grant(self, process: _Process) -> None:
        """Its milliseconds, used or not, are in no other grant."""
        grant = process.service.grant
        if grant is None or grant.floor_unix_ms == grant.ceiling_unix_ms:
            return
        own = (grant.worker_id, process.number, grant.floor_unix_ms)
        if self._spans.get(own, -1) >= grant.ceiling_unix_ms:
            return
        self._spans[own] = grant.ceiling_unix_ms
        for other, ceiling_unix_ms in self._spans.items():
            worker_id, _, floor_unix_ms = other
            if worker_id == grant.worker_id and other != own:
                shared = (
                    max(floor_unix_ms, grant.floor_unix_ms),
                    min(ceiling_unix_ms, grant.ceiling_unix_ms),
                )
                if shared[0] < shared[1]:
                    raise Overlap(f"worker_id {worker_id}: two grants share {shared}")

    def _note(self, process: _Process, ids: range) -> None:
        if ids.start <= process.last_id and self._is_same_worker(process, ids):
            raise Duplicate(f"{ids.start} after {process.last_id} in one process")
        process.last_id = ids[-1]
        self.world.fired["issued"] += 1
        # The first and the last of each run meet those of any other of that millisecond.
        for flake_id in {ids[0], ids[-1]}:
            if flake_id in self.issued:
                raise Duplicate(f"{flake_id}: {unpack(flake_id)}")
            self.issued.add(flake_id)

    def _is_same_worker(self, process: _Process, ids: range) -> bool:
        last = unpack(max(process.last_id, 0))
        return unpack(ids.start).worker_id == last.worker_id

    def remove(self, process: _Process) -> None:
        process.end()
        self.processes.remove(process)

    # What happens to processes

    def some(self) -> _Process | None:
        return self.random.choice(self.processes) if self.processes else None

    def kill(self) -> None:
        if process := self.some():
            self.world.fired["killed"] += 1
            self.world.fired["killed inside the store"] += not process.sleeps
            self.remove(process)

    def pause(self) -> None:
        if process := self.some():
            self.world.fired["resumed" if process.paused else "paused"] += 1
            process.paused = not process.paused

    def stop(self) -> None:
        process = self.some()
        if process and process.service.grant:
            self.world.fired["stopped"] += 1
            self.give_back(process)

    def give_back(self, process: _Process) -> None:
        """A clean stop: what of the grant wasn't used may be granted again."""
        grant = process.service.grant
        process.stop()
        if not process.step():  # which has ended the grant, at least
            self.remove(process)
        if grant:
            own = (grant.worker_id, process.number, grant.floor_unix_ms)
            self._spans[own] = max(grant.floor_unix_ms, process.service.last_unix_ms or 0)
