"""One connection: bytes in, answers out, in order.

A request that has been seen before, byte for byte, is looked up and run, and that is all that
`data_received` does.  Everything else goes through the inbox: what came in pieces, what is new,
what came while an answer was under way.  Nothing here knows what a request asks for.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import cast

from idgen.web.exchange import Context, Exchange
from idgen.web.inbox import Inbox
from idgen.web.lanes import TICK_S, Lanes
from idgen.web.message import Message
from idgen.web.plan import Later, Plan
from idgen.web.wire import with_connection

REQUEST_TIMEOUT_S = 5.0
"""For a request from its first byte on."""

IDLE_TIMEOUT_S = 75.0
"""Above the 30 s after which nginx closes: the side that sends must be the one that closes."""

SEND_TIMEOUT_S = 10.0
"""How long a client may take nothing of an answer, or leave open what was closed to it."""

MAX_UNREAD_BYTES = 64 * 1024
"""How much is read ahead while an answer is under way."""

PIPELINED_PER_TURN = 64
"""Requests of one connection that are answered before the others get their turn."""


class Connection(asyncio.Protocol):
    """What asyncio calls for one connection."""

    __slots__ = (
        "_active_s", "_closing", "_eof", "_idle_timer", "_inbox", "_lanes", "_loop",
        "_occupied", "_open", "_paused", "_peer", "_pending", "_plan_of", "_reading",
        "_request_timer", "_resting", "_send_timer", "_transport", "_write",
    )  # fmt: skip

    _transport: asyncio.Transport
    _write: Callable[[bytes], None]
    _idle_timer: asyncio.TimerHandle

    def __init__(self, lanes: Lanes, open_connections: "set[Connection]") -> None:
        self._loop = asyncio.get_running_loop()
        self._lanes = lanes
        self._plan_of = lanes.known.get
        self._open = open_connections
        self._inbox = Inbox()
        self._pending: Callable[[], object] | None = None
        """While an answer is under way: what to call should the client go."""
        self._occupied = False
        """Whether bytes that arrive have to go through the inbox."""
        self._paused = False
        """Whether the client takes its answers too slowly."""
        self._resting = False
        """Whether the others have their turn before the rest of the inbox is answered."""
        self._reading = True
        self._eof = False
        self._closing = False
        self._active_s = lanes.now_s
        self._request_timer: asyncio.TimerHandle | None = None
        self._send_timer: asyncio.TimerHandle | None = None

    @property
    def busy(self) -> bool:
        """Whether an answer is under way, or not sent whole."""
        return self._pending is not None or self._transport.get_write_buffer_size() > 0

    def abort(self) -> None:
        """Close at once."""
        self._closing = self._occupied = True
        self._transport.abort()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's isn't a subclass
        self._write = self._transport.write
        peer = transport.get_extra_info("peername") or ("",)  # none: it has just gone
        self._peer: str = peer[0]
        self._open.add(self)
        self._idle_timer = self._loop.call_later(IDLE_TIMEOUT_S, self._check_idle)

    def data_received(self, data: bytes) -> None:
        plan = self._plan_of(data)
        if plan is None or self._occupied:
            if not self._closing:
                self._inbox.add(data)
                self._proceed()
            return
        self._active_s = self._lanes.now_s
        response = plan(self._peer)
        if isinstance(response, bytes):
            self._write(response)
        else:
            self._wait(response, None)
            self._settle()

    def eof_received(self) -> bool:
        # The client has gone, or has only nothing more to ask: that looks the same from here.  So
        # it gets what is there at once, and nothing is waited for on its behalf.
        self._eof = True
        if self._pending is not None:
            self._pending()
        self._settle()
        return True  # the transport stays open until _settle finds nothing left to answer

    def pause_writing(self) -> None:
        self._paused = self._occupied = True
        self._watch_sending()

    def resume_writing(self) -> None:
        self._paused = False
        if self._send_timer is not None and not self._closing:
            self._send_timer.cancel()
        self._proceed()

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.discard(self)
        self._closing = True
        if self._pending is not None:
            self._pending()
        for timer in (self._idle_timer, self._request_timer, self._send_timer):
            if timer is not None:
                timer.cancel()

    # From the inbox to an answer.

    def _proceed(self) -> None:
        """Answer what the inbox holds, until an answer has to be waited for."""
        if self._closing:
            return
        try:
            for _ in range(PIPELINED_PER_TURN):
                if not self._inbox or self._stuck or not self._take_request():
                    break
            else:
                self._resting = True
                self._loop.call_soon(self._go_on)
        except Exception as error:  # malformed bytes, or a mistake of ours: no connection may hang
            self._pending = None
            accept = self._inbox.accept
            response = self._lanes.site.refusals.response(error, accept, "")
            self._write(with_connection(response, "close"))
            self._close()
        self._settle()

    def _go_on(self) -> None:
        self._resting = False
        self._proceed()

    @property
    def _stuck(self) -> bool:
        return self._pending is not None or self._paused or self._resting or self._closing

    def _take_request(self) -> bool:
        """Answer the first request of the inbox; False where it isn't whole."""
        request = self._inbox.take(self._plan_of)
        if request is None:
            if self._inbox.asks_to_go_on():
                self._write(b"HTTP/1.1 100 Continue\r\n\r\n")
            return False
        self._cancel_request_timer()
        if isinstance(request, Message):
            self._answer(request)
        else:
            self._run(request, None)
        return True

    def _answer(self, message: Message) -> None:
        plan = self._lanes.plan(message)
        if plan is not None:
            self._run(plan, message)
            return
        exchange = Exchange(Context(self._peer), partial(self._answered, message))
        self._pending = exchange.client_gone
        exchange.begin(self._lanes.app, message)
        if self._eof:
            exchange.client_gone()

    def _run(self, plan: Plan, message: Message | None) -> None:
        response = plan(self._peer)
        if isinstance(response, bytes):
            self._respond(response, message)
        else:
            self._wait(response, message)

    def _wait(self, later: Later, message: Message | None) -> None:
        self._pending = later.future.cancel
        later.future.add_done_callback(partial(self._come_due, later, message))
        if self._eof or self._closing:
            self._pending()

    def _come_due(self, later: Later, message: Message | None, _: object) -> None:
        try:
            response = b"" if later.future.cancelled() else later.render(later.future)
        except Exception as error:  # a mistake of ours: no connection may hang
            response = self._lanes.site.refusals.response(error, "", "")
        if isinstance(response, bytes):
            self._answered(message, response)
        else:
            self._wait(response, message)

    def _answered(self, message: Message | None, response: bytes) -> None:
        """What was waited for is there; empty means that the client has gone."""
        self._pending = None
        if self._closing:
            return
        if not response:
            self._end()
            return
        self._respond(response, message)
        self._proceed()

    # From an answer to the socket.

    def _respond(self, response: bytes, message: Message | None) -> None:
        """Send the answer to a message; None: to one that is known to keep the connection."""
        self._active_s = self._lanes.now_s
        if self._lanes.site.draining or not (message is None or message.fields.keep_alive):
            self._write(with_connection(response, "close"))
            self._close()
        elif message is None or message.persists_by_itself:
            self._write(response)
        else:
            self._write(with_connection(response, "keep-alive"))

    def _close(self) -> None:
        """Close once all is sent and read: the client closes first, or has SEND_TIMEOUT_S.

        Closing with bytes unread would reset the connection, and the answer might be lost.
        """
        self._closing = self._occupied = True
        self._inbox.clear()
        if self._eof:
            self._end()
        else:
            self._transport.write_eof()
            self._read_on(True)
            self._watch_sending()

    def _end(self) -> None:
        """Close once all is sent; nothing more will come."""
        self._closing = self._occupied = True
        self._cancel_request_timer()
        self._watch_sending()
        self._transport.close()

    def _read_on(self, wanted: bool) -> None:
        """Read, or leave what comes with the kernel."""
        if wanted != self._reading:
            self._reading = wanted
            (self._transport.resume_reading if wanted else self._transport.pause_reading)()

    def _settle(self) -> None:
        """Take stock after bytes came or an answer went."""
        unfinished = self._inbox.begun
        self._occupied = unfinished or self._stuck
        if self._eof and (self._closing or not self._stuck):
            self._end()  # a request that was cut off gets no answer
            return
        self._read_on(len(self._inbox) <= MAX_UNREAD_BYTES)
        if not unfinished or self._stuck:
            self._cancel_request_timer()
        elif self._request_timer is None:
            self._request_timer = self._loop.call_later(REQUEST_TIMEOUT_S, self.abort)

    # Time.

    def _cancel_request_timer(self) -> None:
        if self._request_timer is not None:
            self._request_timer.cancel()
            self._request_timer = None

    def _check_idle(self) -> None:
        idle_s = self._loop.time() - self._active_s - TICK_S  # at least
        if self._occupied:
            idle_s = 0.0
        if idle_s >= IDLE_TIMEOUT_S:
            self.abort()
        else:
            rest_s = IDLE_TIMEOUT_S - idle_s
            self._idle_timer = self._loop.call_later(rest_s, self._check_idle)

    def _watch_sending(self, unsent_before: int | None = None) -> None:
        """Give up on a client that takes nothing for SEND_TIMEOUT_S."""
        if self._send_timer is not None:
            self._send_timer.cancel()
        unsent = self._transport.get_write_buffer_size()
        if unsent_before is not None and unsent >= unsent_before:
            self.abort()
            return
        self._send_timer = self._loop.call_later(SEND_TIMEOUT_S, self._watch_sending, unsent)
