"""Clocks that a test moves."""

from dataclasses import dataclass


@dataclass
class WallClock:
    """Unix milliseconds that stand still until they are set."""

    unix_ms: int = 1795219200123

    def __call__(self) -> int:
        return self.unix_ms


@dataclass
class MonotonicClock:
    """Seconds that stand still until they are set."""

    now_s: float = 1000.0

    def __call__(self) -> float:
        return self.now_s
