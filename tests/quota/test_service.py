"""Rules, counters and usage together."""

import asyncio
import logging
from collections.abc import Mapping
from zoneinfo import ZoneInfo

import pytest

from idgen.errors import BadRequest
from idgen.quota import service
from idgen.quota.days import Days
from idgen.quota.memory import MemoryStore
from idgen.quota.rules import Check, Rule, Rules
from idgen.quota.service import Quota, heard
from idgen.quota.store import UsageStore
from idgen.quota.tally import Tally, UsageId
from idgen.quota.usage import Usage
from idgen.quota.usage_memory import MemoryUsage

RULES = Rules((Rule("app", ("app",), 3, 60), Rule("shadow", ("app",), 1, 60, enforce=False)))
CALL = Check("shop", "ann")


class Stuck(MemoryUsage):
    """Never done."""

    async def add(self, tallies: Mapping[UsageId, Tally]) -> None:
        await asyncio.Event().wait()


def quota_of(store: UsageStore | None = None) -> Quota:
    usage = Usage(store or MemoryUsage(), Days(ZoneInfo("UTC")), lambda: 1795219200123)
    return Quota(RULES, MemoryStore(lambda: 1000), usage)


def test_decisions_are_counted_by_outcome_and_rule_and_looks_are_not() -> None:
    async def scenario() -> None:
        quota = quota_of()
        for _ in range(5):
            await heard(quota.ask(CALL))
        await heard(quota.ask(CALL._replace(cost=0)))
        assert quota.decisions == {"allowed": 3, "denied": 2}
        assert (quota.denials, quota.shadow_denials) == ({"app": 2}, {"shadow": 2})
        _, tally = await quota.usage.read("shop", None)
        assert (tally.total, tally.denied, tally.user_count) == (3, 2, 1)

    asyncio.run(scenario())


def test_an_array_is_decided_in_its_order_and_not_at_all_if_one_lacks_a_field() -> None:
    async def scenario() -> None:
        quota = quota_of()
        with pytest.raises(BadRequest, match=r"^\[1\]\.app is missing; rule 'app' needs it$"):
            await quota.ask_all([CALL, Check(user="ann")])
        assert not quota.decisions
        verdicts = await quota.ask_all([CALL] * (2 * service.SLICE_CHECKS + 1))
        assert [verdict.allowed for verdict in verdicts[:4]] == [True] * 3 + [False]
        assert len(verdicts) == 2 * service.SLICE_CHECKS + 1

    asyncio.run(scenario())


def test_a_last_flush_that_takes_too_long_is_given_up_and_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(service, "CLOSE_S", 0.01)

    async def scenario() -> None:
        quota = quota_of(Stuck())
        await heard(quota.ask(CALL))
        await asyncio.wait_for(quota.close(), 30)

    with caplog.at_level(logging.ERROR):
        asyncio.run(scenario())
    (line,) = caplog.messages
    assert line == "the last calls aren't all in the usage statistics: it took more than 0.01 s"
