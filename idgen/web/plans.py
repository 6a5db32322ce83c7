"""Plans: what `/` does with a request, prepared once and run for each that is the same.

A plan gives the response, or says that it has to be waited for.  Everything that can be known
from the request alone (the representation, the number of IDs, that it is a bad one) is decided
when the plan is made.  A request that isn't a plain `GET /` has none: Tornado's handlers answer.
"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple

from idgen.errors import BadRequest
from idgen.web import answers
from idgen.web.message import MAX_KNOWN_BYTES, Message
from idgen.web.negotiation import preferred
from idgen.web.parameters import batch_size
from idgen.web.site import Site

MAX_PLANS = 1024
"""Plans that are kept, of heads up to MAX_KNOWN_BYTES; past that they are made anew."""


class Later(NamedTuple):
    """A response that has to be waited for: `render` makes it of the future, once that is done.

    Who has lost interest cancels the future.
    """

    future: "asyncio.Future[list[bytes]]"
    render: "Callable[[asyncio.Future[list[bytes]]], bytes]"


Plan = Callable[[], bytes | Later]


class Planner:
    """Makes the plans of one process."""

    def __init__(self, site: Site) -> None:
        self._service = site.service
        self._batches = site.batches
        self._wire = site.wire
        self._refusals = site.refusals
        self._made: dict[tuple[int | None, str], Plan] = {}
        """By number of IDs and Accept header."""

    def plan(self, message: Message) -> Plan | None:
        """The plan of a request; None where it has none."""
        path, _, query = message.target.partition("?")
        if path != "/" or message.method != "GET":
            return None
        accept = message.fields.headers.get("accept", "")
        try:
            n = batch_size(query)
        except BadRequest as error:
            # Another one, since this one's traceback holds on to all that was received.
            return self._refuse(BadRequest(str(error)), accept)
        plan = self._made.get((n, accept))
        if plan is None:
            plan = self._one(accept) if n is None else self._many(n, accept)
            if len(message.head) <= MAX_KNOWN_BYTES:
                if len(self._made) >= MAX_PLANS:
                    self._made.clear()
                self._made[n, accept] = plan
        return plan

    def _refuse(self, error: BadRequest, accept: str) -> Plan:
        return lambda: self._refusals.response(error, accept, "/")

    def _one(self, accept: str) -> Plan:
        media = preferred(accept)
        heads = self._wire.heads(HTTPStatus.OK, answers.CONTENT_TYPE[media])
        body_of, next_id = answers.BODY_OF_ONE[media], self._service.next_id
        refused = self._refusals.response

        def plan() -> bytes:
            try:
                body = body_of(next_id())
            except Exception as error:
                return refused(error, accept, "/")
            return heads[len(body)] + body

        return plan

    def _many(self, n: int, accept: str) -> Plan:
        media = preferred(accept)
        heads = self._wire.heads(HTTPStatus.OK, answers.CONTENT_TYPE[media])
        part_of, body_of = answers.PART_OF_MANY[media], answers.BODY_OF_MANY[media]
        submit = self._batches.submit

        def render(batch: "asyncio.Future[list[bytes]]") -> bytes:
            try:
                body = body_of(batch.result())
            except Exception as error:
                return self._refusals.response(error, accept, "/")
            return heads[len(body)] + body

        def plan() -> bytes | Later:
            batch = submit(n, part_of)
            return render(batch) if batch.done() else Later(batch, render)

        return plan
