"""What was taken in the last minutes, second by second."""

from collections import deque

from idgen.service import IdService

KEPT_S = 180
"""How far back it goes."""


class History:
    """The numbers of the last KEPT_S seconds, oldest first, at most one of each a second."""

    def __init__(self, service: IdService) -> None:
        self._service = service
        self.ids_per_s: deque[int] = deque(maxlen=KEPT_S)
        self.peak_per_ms: deque[int] = deque(maxlen=KEPT_S)
        """The most IDs taken of one millisecond of each of those seconds, 0..IDS_PER_MS."""
        self._ids_taken = 0
        self._ticked_s: float | None = None

    @property
    def peak(self) -> int:
        """The most IDs taken of one millisecond in all of that time."""
        return max(self.peak_per_ms, default=0)

    def tick(self, now_s: float) -> None:
        """About a second has gone by; now_s is of a clock that nobody sets."""
        taken, peak = self._service.ids_taken, self._service.take_peak()
        if self._ticked_s is not None and now_s > self._ticked_s:
            # After a pause of the process a second is longer.
            rate = (taken - self._ids_taken) / (now_s - self._ticked_s)
            self.ids_per_s.append(round(rate))
            self.peak_per_ms.append(peak)
        self._ids_taken, self._ticked_s = taken, now_s
