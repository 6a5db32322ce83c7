"""The quotas of this process: rules, counters and usage meet here, and decisions are counted."""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence

from idgen.errors import BadRequest, QuotaUnavailable
from idgen.quota.decision import Verdict
from idgen.quota.rules import Charge, Check, Rules
from idgen.quota.store import QuotaStore
from idgen.quota.usage import Usage

_log = logging.getLogger("flake.quota")

SLICE_CHECKS = 100
"""Of an array, decided on together."""
MAX_SLICES = 4
"""Of all arrays, at a time."""

CLOSE_S = 0.4
"""For the last flush: a process that is told to stop has 5 s, of which the drain may take most."""

Asked = Verdict | asyncio.Future[Verdict]
"""A verdict, at once or when the store has answered."""


async def heard(asked: Asked) -> Verdict:
    """The verdict, once it is there."""
    return asked if isinstance(asked, Verdict) else await asked


def _require(rules: Rules, check: Check, place: str) -> None:
    missing = rules.first_missing(check) if None in check else None
    if missing is not None:
        name, rule = missing
        raise BadRequest(f"{place}{name} is missing; rule {rule.name!r} needs it")


class Quota:
    """Decides on calls by the rules of now."""

    def __init__(self, rules: Rules, store: QuotaStore, usage: Usage) -> None:
        self.rules = rules
        """Those in force; a reload puts others in their place."""
        self.usage = usage
        self.decisions: Counter[str] = Counter()
        """allowed and denied; unchecked_allowed and unchecked_denied while the store is away."""
        self.denials: Counter[str] = Counter()
        """By rule; a call that two rules deny counts for both."""
        self.shadow_denials: Counter[str] = Counter()
        """By rule that isn't enforced: the calls that it would have denied."""
        self.store = store
        self._slices = asyncio.Semaphore(MAX_SLICES)

    def adopt(self, rules: Rules) -> None:
        """Decide by these from now on; counters of rules that keep their name and fields go on."""
        self.rules = rules

    def ask(self, check: Check) -> Asked:
        """Decide on a call that every rule has to apply to.  Raises BadRequest."""
        _require(self.rules, check, "")
        return self._take(self.rules.charge(check))

    def ask_what_applies(self, check: Check) -> Asked:
        """Decide on a call by those rules alone whose fields it has."""
        return self._take(self.rules.charge(check))

    async def ask_all(self, checks: Sequence[Check]) -> list[Verdict]:
        """Decide on calls in their order, by the rules of now; none if one of them isn't whole.

        A slice of them after the other, and few slices at a time: so arrays hold up nobody else
        for long, however many there are.  Raises BadRequest.
        """
        rules = self.rules
        for place, check in enumerate(checks):
            _require(rules, check, f"[{place}].")
        verdicts: list[Verdict] = []
        for begin in range(0, len(checks), SLICE_CHECKS):
            async with self._slices:
                charges = map(rules.charge, checks[begin : begin + SLICE_CHECKS])
                asked = [self._take(charge) for charge in charges]
                verdicts += [await heard(one) for one in asked]
            await asyncio.sleep(0)
        return verdicts

    def _take(self, charge: Charge) -> Asked:
        asked = self.store.take(charge)
        if isinstance(asked, Verdict):
            self._count(asked)
        else:
            asked.add_done_callback(self._answered)
        return asked

    def _answered(self, asked: "asyncio.Future[Verdict]") -> None:
        if not asked.cancelled():
            self._count(asked.result())

    def _count(self, verdict: Verdict) -> None:
        check = verdict.charge.check
        if not check.cost:
            return
        self.usage.note(check, verdict.allowed)
        outcome = "allowed" if verdict.allowed else "denied"
        if verdict.trouble:
            self.decisions[f"unchecked_{outcome}"] += 1
            return
        self.decisions[outcome] += 1
        if not verdict.allowed:
            self.denials.update(rule.name for rule, _ in verdict.denying)
        elif self.rules.has_shadows:
            self.shadow_denials.update(rule.name for rule in verdict.over_shadows)

    async def close(self) -> None:
        """Hand over the usage that was gathered last, and let go of the stores."""
        try:
            async with asyncio.timeout(CLOSE_S):
                await self.usage.flush()
        except (QuotaUnavailable, TimeoutError) as trouble:
            told = str(trouble) or f"it took more than {CLOSE_S} s"
            _log.error(f"the last calls aren't all in the usage statistics: {told}")
        await self.usage.close()
        await self.store.close()
