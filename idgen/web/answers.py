"""Every answer, made once and whole: status, content type, body.  No socket, no Tornado."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from idgen.decoding import decode
from idgen.errors import (
    BadRequest,
    BodyTooLarge,
    ClockOutOfRange,
    ClockRegression,
    FlakeError,
    HeadTooLarge,
    NotReady,
    QuotaExceeded,
    QuotaUnavailable,
    SequenceOverflow,
)
from idgen.layout import Layout
from idgen.web.bulk import big_endian, decimal
from idgen.web.negotiation import PROBLEM_JSON, Media, wants_problem

TEXT_TYPE = "text/plain; charset=utf-8"

STATUS: dict[type[FlakeError], HTTPStatus] = {
    ClockRegression: HTTPStatus.INTERNAL_SERVER_ERROR,
    SequenceOverflow: HTTPStatus.INTERNAL_SERVER_ERROR,
    NotReady: HTTPStatus.SERVICE_UNAVAILABLE,
    ClockOutOfRange: HTTPStatus.SERVICE_UNAVAILABLE,
    BadRequest: HTTPStatus.BAD_REQUEST,
    HeadTooLarge: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    BodyTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    QuotaExceeded: HTTPStatus.TOO_MANY_REQUESTS,
    QuotaUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
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


CONTENT_TYPE = {
    Media.TEXT: TEXT_TYPE,
    Media.JSON: Media.JSON.value,
    Media.BINARY: Media.BINARY.value,
}

BODY_OF_ONE: dict[Media, Callable[[int], bytes]] = {
    Media.TEXT: lambda flake_id: b"%d" % flake_id,
    Media.JSON: lambda flake_id: b'{"id":"%d"}' % flake_id,
    Media.BINARY: lambda flake_id: flake_id.to_bytes(8, "big"),
}
"""One ID: decimal text, `{"id":"…"}`, or 8 bytes big-endian."""


PART_OF_MANY: dict[Media, Callable[[range], bytes]] = {
    Media.TEXT: lambda ids: decimal(ids, b"\n"),
    Media.JSON: lambda ids: decimal(ids, b'","'),
    Media.BINARY: big_endian,
}
"""Consecutive IDs of a batch, to be joined by:"""

BODY_OF_MANY: dict[Media, Callable[[Iterable[bytes]], bytes]] = {
    Media.TEXT: b"\n".join,
    Media.JSON: lambda parts: b'{"ids":["%b"]}' % b'","'.join(parts),
    Media.BINARY: b"".join,
}
"""A batch: a line an ID without a newline at the end, `{"ids":["…",…]}`, or 8 bytes each."""


def one_id(flake_id: int, media: Media) -> Answer:
    """One ID in a representation."""
    return Answer(HTTPStatus.OK, CONTENT_TYPE[media], BODY_OF_ONE[media](flake_id))


def many_ids(parts: Iterable[bytes], media: Media) -> Answer:
    """A batch in a representation, of parts that are in it."""
    return Answer(HTTPStatus.OK, CONTENT_TYPE[media], BODY_OF_MANY[media](parts))


def decoded(flake_id: int, layout: Layout) -> Answer:
    """What an ID, 0..MAX_ID, is made of."""
    return document(decode(flake_id, layout.epoch_ms).document())


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


def explained(error: BaseException | None) -> tuple[HTTPStatus, str, str]:
    """Status, reason and detail of an error; one that nobody raised on purpose keeps its own."""
    if isinstance(error, FlakeError):
        return STATUS[type(error)], error.reason, str(error)
    return HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", "internal error"


def refusal(
    status: HTTPStatus,
    reason: str,
    detail: str,
    accept: str,
    headers: dict[str, str] | None = None,
) -> Answer:
    """An error: RFC 9457 problem details where they are wanted, otherwise one line of text."""
    headers = headers or {}
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_S)
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
