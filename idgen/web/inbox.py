"""What a connection has received and not answered yet: bytes in, whole requests out."""

import re
from collections.abc import Callable

from idgen.errors import BadRequest, HeadTooLarge
from idgen.web.message import Message
from idgen.web.plan import Plan

MAX_HEAD_BYTES = 8 * 1024

_HEAD_END = b"\r\n\r\n"
_BARE_LF = re.compile(rb"(?<!\r)\n")


class Inbox:
    """Bytes in the order of their arrival, and a request whose body isn't whole yet."""

    __slots__ = ("_bytes", "_message")

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._message: Message | None = None

    def __len__(self) -> int:
        return len(self._bytes)

    @property
    def begun(self) -> bool:
        """Whether a request has begun to arrive and isn't taken yet."""
        return bool(self._bytes) or self._message is not None

    @property
    def accept(self) -> str:
        """The Accept header of a request whose body isn't whole; empty where there is none."""
        return "" if self._message is None else self._message.fields.headers.get("accept", "")

    def asks_to_go_on(self) -> bool:
        """Whether the client waits to be told to send the body; true once."""
        if self._message is None or not self._message.awaits_continue:
            return False
        self._message.awaits_continue = False
        return True

    def add(self, data: bytes) -> None:
        """More has arrived."""
        self._bytes += data

    def clear(self) -> None:
        """Nothing of it will be answered."""
        self._bytes.clear()
        self._message = None

    def take(self, plan_of: Callable[[bytes], Plan | None]) -> Plan | Message | None:
        """The first request, or its plan where its head has one; None where it isn't whole.

        Raises BadRequest, HeadTooLarge, BodyTooLarge.
        """
        if self._message is None:
            head = self._take_head()
            if not head:
                return None
            plan = plan_of(head)
            if plan is not None:
                return plan
            self._message = Message(head)
        message = self._message
        message.feed(self._bytes)
        if not message.complete:
            return None
        self._message = None
        return message

    def _take_head(self) -> bytes:
        """A head with its empty line; empty where it isn't whole."""
        received = self._bytes
        if not received:
            return b""
        if received[0] in b"\r\n":  # RFC 9112, section 2.2: empty lines before a request
            del received[: len(received) - len(received.lstrip(b"\r\n"))]
        end = received.find(_HEAD_END, 0, MAX_HEAD_BYTES)
        if _BARE_LF.search(received, 0, end if end >= 0 else MAX_HEAD_BYTES):
            raise BadRequest("malformed request: lines must end in CR LF")
        if end >= 0:
            head = bytes(received[: end + len(_HEAD_END)])
            del received[: len(head)]
            return head
        if len(received) >= MAX_HEAD_BYTES:
            raise HeadTooLarge(MAX_HEAD_BYTES)
        return b""
