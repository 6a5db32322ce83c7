"""What a command finds around it.  Only main.py reads the clocks and the environment."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Surroundings:
    """wall_clock_ms: Unix milliseconds; monotonic_s: seconds that no clock step moves."""

    environment: Mapping[str, str]
    wall_clock_ms: Callable[[], int]
    monotonic_s: Callable[[], float]
