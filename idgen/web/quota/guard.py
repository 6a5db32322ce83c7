"""What `/` costs: each ID a call of the interface `id`, taken before the ID and not given back."""

from http import HTTPStatus

from idgen.errors import QuotaExceeded, QuotaUnavailable
from idgen.quota.decision import Verdict, as_if_asked
from idgen.quota.service import Asked, Quota, heard
from idgen.web.answers import Answer
from idgen.web.quota import answers
from idgen.web.quota.proxies import Named, Proxies
from idgen.web.refusals import Refusals

INTERFACE = "id"


class Guard:
    """Asks the quotas whether a peer may have IDs, by the rules whose fields are known."""

    def __init__(self, quota: Quota, proxies: Proxies, refusals: Refusals) -> None:
        self._quota = quota
        self._proxies = proxies
        self._refusals = refusals

    def ask(self, peer: str, named: Named, n: int) -> Asked:
        """Charge n IDs.  Raises BadRequest."""
        return self._quota.ask_what_applies(self._proxies.check(peer, named, INTERFACE, n))

    async def look(self, peer: str, named: Named, n: int) -> Verdict:
        """What n IDs would be answered now, without a charge.  Raises BadRequest."""
        return as_if_asked(await heard(self.ask(peer, named, 0)), n)

    def refusal(self, verdict: Verdict, accept: str) -> Answer:
        """The answer to whom the verdict denies the IDs, counted as an error."""
        answer = answers.denial(verdict, HTTPStatus.TOO_MANY_REQUESTS, accept)
        reason = QuotaUnavailable.reason if verdict.trouble else QuotaExceeded.reason
        self._refusals.note(answer.status, reason, verdict.trouble, "/")
        return answer
