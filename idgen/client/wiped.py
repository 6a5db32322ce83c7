"""Numbers that a fork sets to 0: so a child knows that what it finds is its parent's.

Linux wipes their memory itself (MADV_WIPEONFORK), whoever forks: uWSGI does it in C, without
Python's knowledge.  Elsewhere Python's hook does it for Python's own forks.
"""

import mmap
import os
import sys
import weakref
from array import array

_MADV_WIPEONFORK = 18
"""Linux 4.14; <linux/mman.h> names it, mmap doesn't."""


class Wiped:
    """number: a sequence of one number; 0.0 at first, and again in each forked child."""

    __slots__ = ("__weakref__", "number")

    def __init__(self) -> None:
        self.number = _wiped_by_the_system() or memoryview(array("d", [0.0]))
        _all.add(self)


_all: "weakref.WeakSet[Wiped]" = weakref.WeakSet()


def _wiped_by_the_system() -> "memoryview[float] | None":
    if sys.platform != "linux":
        return None
    page = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    try:
        page.madvise(_MADV_WIPEONFORK)
    except OSError:  # an older kernel
        page.close()
        return None
    return memoryview(page).cast("d")


def _wipe_all() -> None:
    for wiped in list(_all):
        wiped.number[0] = 0.0


if hasattr(os, "register_at_fork"):  # not on Windows, which doesn't fork
    os.register_at_fork(after_in_child=_wipe_all)
