"""What a process tells of itself, as JSON and back.  Pure."""

import json
from dataclasses import dataclass
from typing import Any

from idgen.errors import shown
from idgen.layout import IDS_PER_MS, MAX_WORKER_ID
from idgen.plain import plain

MAX_TEXT = 1000
"""Characters of a text; who tells more cuts it, or others would take it for no figures."""
MAX_NUMBERS = 1000
"""Of a list, or of errors by reason: more than any version tells."""


class NotFigures(Exception):
    """What was told is no worker's figures; the message names what is wrong."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One process at one moment of its own wall clock, unix_ms."""

    instance: str
    """Drawn at each start: two with the same are one process, whatever it was asked by."""
    version: str
    started_unix_ms: int
    unix_ms: int
    trouble: str
    """Why no ID can be had now; "" where one can."""
    worker_id: int | None
    epoch_ms: int
    owns: bool
    """Whether its grant covers this moment: then nobody else may have one of this worker_id."""
    grant_remaining_ms: int
    grant_ms: int
    """How long a grant is when it is new."""
    ids_taken: int
    errors: dict[str, int]
    last_unix_ms: int | None
    """Of the last ID; None before the first."""
    skew_ms: int | None
    """How far ahead of the grant store's clock, where that has one."""
    ids_per_s: tuple[int, ...]
    peak_per_ms: tuple[int, ...]
    """Both of the last seconds, oldest first; the second is 0..IDS_PER_MS."""

    def document(self) -> dict[str, Any]:
        """What becomes JSON.  (dataclasses.asdict copies each number: half a millisecond.)"""
        return {name: getattr(self, name) for name in _IS_RIGHT}


def dumps(document: dict[str, Any]) -> str:
    """JSON without a blank, in ASCII, so that whatever a peer has sent can be sent on."""
    return json.dumps(document, separators=(",", ":"))


def figures_of(document: Any) -> Figures:
    """The figures that somebody has told; what is unknown is left out.  Raises NotFigures."""
    if not isinstance(document, dict):
        raise NotFigures("it is no JSON object")
    return Figures(**{name: _value(name, document) for name in _IS_RIGHT})


def _value(name: str, document: dict[str, Any]) -> Any:
    if name not in document:
        raise NotFigures(f"{name} is missing")
    value = document[name]
    if not _IS_RIGHT[name](value):
        raise NotFigures(f"{name} can't be {shown(value)}")
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, dict):
        return {plain(reason): count for reason, count in value.items()}
    return tuple(value) if isinstance(value, list) else value


def _is_number(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 63


def _is_length(value: Any) -> bool:
    return _is_number(value) and value > 0


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MAX_TEXT


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_number_or_none(value: Any) -> bool:
    return value is None or _is_number(value)


def _is_worker_id_or_none(value: Any) -> bool:
    return value is None or (_is_number(value) and value <= MAX_WORKER_ID)


def _is_difference_or_none(value: Any) -> bool:
    return value is None or (type(value) is int and abs(value) < 1 << 63)


def _are_numbers(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= MAX_NUMBERS and all(map(_is_number, value))


def _are_peaks(value: Any) -> bool:
    return _are_numbers(value) and all(number <= IDS_PER_MS for number in value)


def _are_counts(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and len(value) <= MAX_NUMBERS
        and all(map(_is_text, value))
        and all(map(_is_number, value.values()))
    )


_IS_RIGHT = {
    "instance": _is_text,
    "version": _is_text,
    "started_unix_ms": _is_number,
    "unix_ms": _is_number,
    "trouble": _is_text,
    "worker_id": _is_worker_id_or_none,
    "epoch_ms": _is_number,
    "owns": _is_flag,
    "grant_remaining_ms": _is_number,
    "grant_ms": _is_length,
    "ids_taken": _is_number,
    "errors": _are_counts,
    "last_unix_ms": _is_number_or_none,
    "skew_ms": _is_difference_or_none,
    "ids_per_s": _are_numbers,
    "peak_per_ms": _are_peaks,
}
