"""Plays histories, each drawn from a seed, in as many processes as there are cores.

    python -m tests.faults.simulator KIND SEED          one history, to replay it
    python -m tests.faults.simulator KIND FIRST LAST    a range of them

KIND is `file`, `redis`, or `split`: two Redis primaries at once, which the promise excludes and
which shows that duplicates are seen.
"""

import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from multiprocessing import Pool
from typing import Any

from tests.faults.file_history import FileHistory
from tests.faults.history import History
from tests.faults.redis_history import RedisHistory, SplitHistory

KINDS: dict[str, type[History[Any, Any]]] = {
    "file": FileHistory,
    "redis": RedisHistory,
    "split": SplitHistory,
}


def play(kind: str, seed: int) -> Counter[str]:
    """One history; raises Duplicate, Stuck or whatever broke, with the seed in a note."""
    logging.disable()
    try:
        return KINDS[kind](seed).play()
    except Exception as error:
        error.add_note(f"replay: python -m tests.faults.simulator {kind} {seed}")
        raise
    finally:
        logging.disable(logging.NOTSET)


def play_all(
    kind: str, first: int, last: int, tell: Callable[[int], None] | None = None
) -> Counter[str]:
    """Histories first..last; what came about in them."""
    fired: Counter[str] = Counter()
    with Pool(os.cpu_count()) as pool:
        played = pool.imap_unordered(partial(play, kind), range(first, last + 1), chunksize=50)
        for count, one in enumerate(played, 1):
            fired += one
            if tell and count % 1000 == 0:
                tell(count)
    return fired


def main() -> None:
    """The command line."""
    kind, first, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[-1])
    begun_s = time.monotonic()

    def tell(count: int) -> None:
        rate = count / (time.monotonic() - begun_s)
        left_s = (last - first + 1 - count) / rate
        print(
            f"\r{count:,} histories, {rate:.0f} a second, {left_s:.0f} s left ", end="", flush=True
        )

    fired = play_all(kind, first, last, tell) if last > first else play(kind, first)
    print(f"\r{last - first + 1:,} histories, 0 duplicates, {time.monotonic() - begun_s:.1f} s")
    for name, count in sorted(fired.items()):
        print(f"{count:>12,}  {name}")


if __name__ == "__main__":
    main()
