"""The clocks of the service; everything else is told the time."""

import time


def wall_clock_ms() -> int:
    """Unix milliseconds, 0.."""
    return time.time_ns() // 1_000_000


def boot_clock_ms() -> int:
    """Milliseconds since the machine started, which nobody can set."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def monotonic_s() -> float:
    """Seconds since some moment, which nobody can set."""
    return time.monotonic()
