"""Which representation a client wants: RFC 9110, section 12.5.1, for the three there are."""

import enum
import re
from functools import lru_cache

PROBLEM_JSON = "application/problem+json"

MAX_KNOWN = 256
"""Headers whose meaning is remembered: clients are many, their Accept headers few."""

_QUALITY = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")


class Media(enum.Enum):
    """The representations of an ID, in the order in which a draw falls."""

    TEXT = "text/plain"
    JSON = "application/json"
    BINARY = "application/octet-stream"


_Ranges = dict[str, tuple[float, int]]
"""By media range, in lower case: q, and minus its place in the header."""


@lru_cache(MAX_KNOWN)
def preferred(accept: str) -> Media:
    """The representation with the highest q, on a tie the one named first.

    q=0 excludes; what no range fits is out; where nothing is left, text (never a 406).  A
    range whose q isn't one counts as absent, and parameters other than q are passed over.
    """
    ranges = _ranges(accept)
    best = max(Media, key=lambda media: _rank(media.value, ranges))
    return best if _rank(best.value, ranges) > _ABSENT else Media.TEXT


@lru_cache(MAX_KNOWN)
def wants_problem(accept: str) -> bool:
    """Whether an error is to be application/problem+json: named, or JSON preferred."""
    quality, _ = _ranges(accept).get(PROBLEM_JSON, _ABSENT)
    return quality > 0 or preferred(accept) is Media.JSON


_ABSENT = (0.0, 1)
"""The rank of what is not wanted; ranks that are wanted are larger, since their q is."""


def _rank(media_type: str, ranges: _Ranges) -> tuple[float, int]:
    """q and place of the most specific range that fits."""
    for media_range in (media_type, media_type.partition("/")[0] + "/*", "*/*"):
        if media_range in ranges:
            return ranges[media_range] if ranges[media_range][0] > 0 else _ABSENT
    return _ABSENT


def _ranges(accept: str) -> _Ranges:
    ranges: _Ranges = {}
    for place, element in enumerate(accept.lower().split(",")):
        media_range, *parameters = (part.strip() for part in element.split(";"))
        quality = next((text[2:] for text in parameters if text.startswith("q=")), "1")
        if _QUALITY.fullmatch(quality):
            ranges.setdefault(media_range, (float(quality), -place))
    return ranges
