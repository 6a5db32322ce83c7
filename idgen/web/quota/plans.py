"""Plans of the fast lane: single checks, and `/` where quotas guard it."""

from collections.abc import Callable

from idgen.errors import BadRequest
from idgen.quota.decision import Verdict
from idgen.quota.service import Asked, Quota
from idgen.web.message import Message
from idgen.web.plan import Later, Plan
from idgen.web.quota import answers
from idgen.web.quota.guard import Guard
from idgen.web.quota.parameters import question
from idgen.web.quota.proxies import Named
from idgen.web.refusals import Refusals
from idgen.web.site import Site
from idgen.web.wire import Wire

CHECK_PATH = "/quota/check"


class CheckPlanner:
    """Makes the plans of single checks."""

    def __init__(self, quota: Quota, wire: Wire, refusals: Refusals) -> None:
        self._quota = quota
        self._wire = wire
        self._refusals = refusals

    def plan(self, message: Message, query: str) -> Plan:
        """The plan of a `GET /quota/check` with this query string."""
        accept = message.fields.headers.get("accept", "")
        ask, refused = self._quota.ask, self._refusals.response
        try:
            check, deny_status = question(query)
        except BadRequest as bad:
            error = BadRequest(str(bad))  # whose traceback holds on to nothing that was received
            return lambda peer: refused(error, accept, CHECK_PATH)

        def render(verdict: Verdict) -> bytes:
            return self._wire.render(answers.to_check(verdict, deny_status))

        def plan(peer: str) -> bytes | Later:
            try:
                return _rendered(ask(check), render)
            except Exception as error:
                return refused(error, accept, CHECK_PATH)

        return plan


def guarded(plan: Plan, site: Site, guard: Guard, named: Named, n: int, accept: str) -> Plan:
    """The same plan of n IDs, for those whose quota it fits."""

    def run(peer: str) -> bytes | Later:
        def go_on(verdict: Verdict) -> bytes | Later:
            if verdict.allowed:
                return plan(peer)
            return site.wire.render(guard.refusal(verdict, accept))

        try:
            return _rendered(guard.ask(peer, named, n), go_on)
        except Exception as error:
            return site.refusals.response(error, accept, "/")

    return run


def _rendered(asked: Asked, render: Callable[[Verdict], bytes | Later]) -> bytes | Later:
    if isinstance(asked, Verdict):
        return render(asked)
    return Later(asked, lambda future: render(future.result()))
