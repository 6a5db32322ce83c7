"""The two lanes: a plan where a request has one, Tornado's application for the rest."""

from collections.abc import Callable

from tornado.web import Application

from idgen.web.message import MAX_KNOWN_BYTES, Message
from idgen.web.plan import Plan
from idgen.web.site import Site

TICK_S = 1.0
"""How often the Date and the time of the lanes are read anew: both are that old at most."""

MAX_KNOWN_REQUESTS = 1024
"""Requests, byte for byte, whose plan is remembered; past that the table starts anew.

Longer ones than MAX_KNOWN_BYTES aren't: together the two bound what the table takes.
"""


class Lanes:
    """What answers the requests of all connections.

    `known` has the plans by the exact bytes of whole requests.  Only those are in it that keep
    their connection open, and none while the process drains.
    """

    def __init__(
        self, app: Application, site: Site, plan: Callable[[Message], Plan | None]
    ) -> None:
        self.app = app
        self.site = site
        self.known: dict[bytes, Plan] = {}
        self.now_s = 0.0
        """The loop's time at the last tick: at most TICK_S old, enough for idle connections."""
        self._plan = plan

    def plan(self, message: Message) -> Plan | None:
        """The plan of a request, which is known from now on where that is allowed."""
        if message.has_body or self.site.draining:
            return None
        plan = self._plan(message)
        if plan is None or not message.persists_by_itself:
            return plan
        if len(message.head) <= MAX_KNOWN_BYTES:
            if len(self.known) >= MAX_KNOWN_REQUESTS:
                self.known.clear()
            self.known[message.head] = plan
        return plan

    def tick(self, now_s: float) -> None:
        """A second has gone by; now_s is the loop's time."""
        self.now_s = now_s
        self.site.wire.tick()
        self.site.refusals.tick()
        self.site.worker.history.tick(now_s)

    def drain(self) -> None:
        """From now on all requests are refused, by the handlers."""
        self.site.draining = True
        self.known.clear()
