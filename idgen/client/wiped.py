"""A number in memory that a fork wipes.

Python tells of its own forks (after_fork.py), but not of those that a program in C makes, as uWSGI
does.  A child that knew nothing of its birth would give its parent's IDs.
"""

import mmap
import sys
from array import array

_MADV_WIPEONFORK = 18
"""Linux 4.14; <linux/mman.h> names it, mmap doesn't."""


def wiped_number() -> "memoryview[float]":
    """A sequence of one number, 0.0 at first, and again in each forked child.

    Where the system has no such memory it is a number like any other.
    """
    if sys.platform == "linux":
        page = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        try:
            page.madvise(_MADV_WIPEONFORK)
            return memoryview(page).cast("d")
        except OSError:  # an older kernel
            page.close()
    return memoryview(array("d", [0.0]))
