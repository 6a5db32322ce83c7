"""Plans for `/`, and who makes those of other paths.

Everything that can be known from the request alone (the representation, the number of IDs, that
it is a bad one) is decided when the plan is made.  A request that isn't a plain `GET` of a path
here has none: Tornado's handlers answer.
"""

import asyncio
from http import HTTPStatus

from idgen.errors import BadRequest
from idgen.web import answers
from idgen.web.message import MAX_KNOWN_BYTES, Message
from idgen.web.negotiation import preferred
from idgen.web.parameters import batch_size
from idgen.web.plan import Later, Plan
from idgen.web.quota.plans import CHECK_PATH, CheckPlanner, guarded
from idgen.web.quota.proxies import Named
from idgen.web.site import Site

MAX_PLANS = 1024
"""Plans that are kept, of heads up to MAX_KNOWN_BYTES; past that they are made anew."""


class Planner:
    """Makes the plans of one process."""

    def __init__(self, site: Site) -> None:
        self._service = site.service
        self._batches = site.batches
        self._wire = site.wire
        self._refusals = site.refusals
        self._site = site
        self._guard = site.guard
        self._checks: CheckPlanner | None = None
        if site.quota is not None:
            self._checks = CheckPlanner(site.quota, site.wire, site.refusals)
        self._made: dict[tuple[int | None, str], Plan] = {}
        """By number of IDs and Accept header."""

    def plan(self, message: Message) -> Plan | None:
        """The plan of a request; None where it has none."""
        path, _, query = message.target.partition("?")
        if path == CHECK_PATH and message.method == "GET" and self._checks:
            return self._checks.plan(message, query)
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
        if self._guard is None:
            return plan
        named = Named.of(message.fields.headers)
        return guarded(plan, self._site, self._guard, named, n or 1, accept)

    def _refuse(self, error: BadRequest, accept: str) -> Plan:
        return lambda peer: self._refusals.response(error, accept, "/")

    def _one(self, accept: str) -> Plan:
        media = preferred(accept)
        heads = self._wire.heads(HTTPStatus.OK, answers.CONTENT_TYPE[media])
        body_of, next_id = answers.BODY_OF_ONE[media], self._service.next_id
        refused = self._refusals.response

        def plan(peer: str) -> bytes:
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

        def plan(peer: str) -> bytes | Later:
            batch = submit(n, part_of)
            return render(batch) if batch.done() else Later(batch, render)

        return plan
