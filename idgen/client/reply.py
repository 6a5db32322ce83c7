"""What came of one request, and whether it holds the IDs that were asked for.  Pure."""

import struct
from dataclasses import dataclass

from idgen.client.errors import Outcome
from idgen.layout import MAX_ID

BINARY = "application/octet-stream"
ID_BYTES = 8
MAX_DETAIL = 200
"""How much of a server's words an error repeats, in characters."""
MAX_REFUSAL_BYTES = 4096
"""How much of an answer that isn't a 200 is read."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: the status, and the body as far as it was read."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Failure:
    """None, or one that is of no use."""

    outcome: Outcome
    detail: str = ""


def target(count: int) -> str:
    """What to ask for, behind a server's URL."""
    return "/" if count == 1 else f"/?n={count}"


def room(status: int, count: int) -> int:
    """How many bytes of an answer's body are worth reading; one more tells that it is too long."""
    return count * ID_BYTES + 1 if status == 200 else MAX_REFUSAL_BYTES


def words(reply: Reply) -> str:
    """What a server says that gives no IDs, in one short line."""
    text = " ".join(reply.body.decode("utf-8", "replace").split())
    return text if len(text) <= MAX_DETAIL else text[:MAX_DETAIL] + "…"


def ids_of(reply: Reply, count: int) -> list[int] | Failure:
    """The IDs, or why there are none."""
    if reply.status != 200:
        return Failure(Outcome.FAILED, f"{reply.status} {words(reply)}".strip())
    if len(reply.body) != count * ID_BYTES:
        more = "more than " if len(reply.body) > count * ID_BYTES else ""
        got = min(len(reply.body), count * ID_BYTES)
        return Failure(Outcome.STRANGE, f"{more}{got} bytes in place of {count * ID_BYTES}")
    ids = list(struct.unpack(f">{count}Q", reply.body))
    if max(ids) > MAX_ID:
        return Failure(Outcome.STRANGE, "a number with its top bit set")
    return ids
