"""Tasks that ask servers for IDs, each again and again, and what came of it."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from idgen.client import AsyncClient
from idgen.client.errors import ClientError
from idgen.command.latencies import Latencies
from idgen.progress import Progress

PAUSE_S = 0.01
"""After a call that failed, so that an outage isn't hammered."""
LOOK_EVERY_S = 0.1


@dataclass
class Tally:
    """What came of the calls.  lasts: by kind of error the last one's words."""

    elapsed_s: float = 0.0
    latencies: Latencies = field(default_factory=Latencies)
    errors: Counter[str] = field(default_factory=Counter)
    lasts: dict[str, str] = field(default_factory=dict)

    def note(self, error: ClientError) -> None:
        """A call failed."""
        last = error.attempts[-1] if error.attempts else None
        kind = error.reason + (f" ({last.outcome.value})" if last else "")
        self.errors[kind] += 1
        self.lasts[kind] = str(last or error)

    def lines(self, ids_per_call: int) -> list[str]:
        """The result in words."""
        calls = self.latencies.count
        rate = calls / self.elapsed_s
        lines = [
            f"{calls:,} calls in {self.elapsed_s:.1f} s: "
            f"{rate:,.0f} calls/s, {rate * ids_per_call:,.0f} IDs/s"
        ]
        if calls:
            parts = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
            told = [
                f"{name} {self.latencies.quantile_s(part) * 1000:.2f} ms"
                for name, part in parts.items()
            ]
            told.append(f"max {self.latencies.longest_s * 1000:.2f} ms")
            lines.append("latency: " + ", ".join(told))
        lines.append(f"{self.errors.total():,} errors")
        for kind, count in self.errors.most_common():
            lines.append(f"  {count:,} {kind}, the last: {self.lasts[kind]}")
        return lines


async def ask_all(
    client: AsyncClient,
    tasks: int,
    n: int,
    seconds: float,
    clock: Callable[[], float],
    progress: Progress,
) -> Tally:
    """So many tasks ask for n IDs a call, and call until the time is up.  Ends the client."""
    tally = Tally()
    began_s = clock()
    ends_s = began_s + seconds
    async with client, asyncio.TaskGroup() as group:
        left = {group.create_task(_ask(client, n, ends_s, clock, tally)) for _ in range(tasks)}
        while left:
            _, left = await asyncio.wait(left, timeout=LOOK_EVERY_S)
            progress.tell(
                f"{clock() - began_s:.0f} of {seconds:g} s: "
                f"{tally.latencies.count:,} calls, {tally.errors.total():,} errors"
            )
    tally.elapsed_s = clock() - began_s
    return tally


async def _ask(
    client: AsyncClient, n: int, ends_s: float, clock: Callable[[], float], tally: Tally
) -> None:
    """One task: a call after the other until the time is up."""
    while (asked_s := clock()) < ends_s:
        try:
            await client.next_ids(n)
        except ClientError as error:
            tally.note(error)
            await asyncio.sleep(PAUSE_S)
        else:
            tally.latencies.add(clock() - asked_s)
