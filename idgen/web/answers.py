"""Every answer, made once and whole: status, content type, body.  No socket, no Tornado."""

import json
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import chain
from sys import byteorder
from typing import Any

from idgen.errors import BadRequest, ClockRegression, FlakeError, NotReady, SequenceOverflow
from idgen.layout import Layout, unpack
from idgen.web.negotiation import PROBLEM_JSON, Media, wants_problem

TEXT_TYPE = "text/plain; charset=utf-8"

STATUS: dict[type[FlakeError], HTTPStatus] = {
    ClockRegression: HTTPStatus.INTERNAL_SERVER_ERROR,
    SequenceOverflow: HTTPStatus.INTERNAL_SERVER_ERROR,
    NotReady: HTTPStatus.SERVICE_UNAVAILABLE,
    BadRequest: HTTPStatus.BAD_REQUEST,
}
"""The one table that gives a cause its HTTP status."""

RETRY_AFTER_S = 1
METHODS = ("GET", "HEAD")
"""What every route takes; HEAD answers as GET would now, and spends nothing."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response but for the headers that all have: Cache-Control, Content-Length, Date."""

    status: int
    content_type: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def one_id(flake_id: int, media: Media) -> Answer:
    """One ID: decimal text, `{"id":"…"}`, or 8 bytes big-endian."""
    match media:
        case Media.TEXT:
            return text(str(flake_id))
        case Media.JSON:
            return document({"id": str(flake_id)})
        case Media.BINARY:
            return Answer(HTTPStatus.OK, media.value, flake_id.to_bytes(8, "big"))


def many_ids(ranges: Iterable[range], media: Media) -> Answer:
    """IDs: a line each without a newline at the end, `{"ids":["…",…]}`, or 8 bytes each."""
    ids = chain.from_iterable(ranges)
    match media:
        case Media.TEXT:
            return text("\n".join(map(str, ids)))
        case Media.JSON:
            return document({"ids": list(map(str, ids))})
        case Media.BINARY:
            words = array("Q", ids)
            if byteorder == "little":
                words.byteswap()
            return Answer(HTTPStatus.OK, media.value, words.tobytes())


def decoded(flake_id: int, layout: Layout) -> Answer:
    """What an ID, 0..MAX_ID, is made of."""
    parts = unpack(flake_id)
    unix_ms = layout.unix_ms(parts.timestamp)
    seconds = datetime.fromtimestamp(unix_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return document(
        {
            "id": str(flake_id),
            "unix_ms": unix_ms,
            "time": f"{seconds}.{unix_ms % 1000:03d}Z",
            "timestamp": parts.timestamp,
            "worker_id": parts.worker_id,
            "sequence": parts.sequence,
        }
    )


def bounds(from_unix_ms: int, to_unix_ms: int, layout: Layout) -> Answer:
    """The IDs that a range query needs.  The times are those of the layout, in order."""
    smallest, largest = layout.bounds(from_unix_ms, to_unix_ms)
    return document({"min": str(smallest), "max": str(largest)})


def text(line: str) -> Answer:
    """Plain text, as it is."""
    return Answer(HTTPStatus.OK, TEXT_TYPE, line.encode())


def document(value: Any) -> Answer:
    """JSON without a blank."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Answer(HTTPStatus.OK, Media.JSON.value, body.encode())


def status_of(error: FlakeError) -> HTTPStatus:
    """The status of a cause or of the cause that it is a kind of."""
    return next(status for cause, status in STATUS.items() if isinstance(error, cause))


def refusal(status: HTTPStatus, reason: str, detail: str, accept: str) -> Answer:
    """An error: RFC 9457 problem details where they are wanted, otherwise one line of text."""
    headers = {}
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    elif status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(METHODS)
    if not wants_problem(accept):
        return Answer(status, TEXT_TYPE, detail.encode(), headers)
    problem = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        "reason": reason,
    }
    return Answer(status, PROBLEM_JSON, document(problem).body, headers)
