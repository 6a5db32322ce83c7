"""What a store of counters does, and what one of usage does."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Protocol

from idgen.quota.decision import Verdict
from idgen.quota.rules import Charge
from idgen.quota.tally import Tally, UsageId


class QuotaStore(Protocol):
    """The counters.  A window is one rule's and one caller's, and ends by the store's clock."""

    failures: Counter[str]
    """Calls on which it couldn't be asked, by reason."""

    def take(self, charge: Charge) -> "Verdict | asyncio.Future[Verdict]":
        """Decide on a call and charge it, in one step; at once, or when the store has answered.

        Never raises and never fails: while the store can't be asked the verdict is what the rules
        say of that.  Who has lost interest cancels the future; a call that has been sent by then
        is charged all the same.
        """

    async def close(self) -> None:
        """Let go of connections."""


class UsageStore(Protocol):
    """What applications have used, by day."""

    async def add(self, tallies: Mapping[UsageId, Tally]) -> None:
        """Add to what is there.  Raises QuotaUnavailable: nothing was added, or all of it was.

        In the latter case the same mapping, handed in again, isn't added a second time.  One call
        at a time, and the mapping doesn't change until it is added.
        """

    async def read(self, usage_id: UsageId) -> Tally:
        """All that was added of one application's day; empty where nothing was.

        Raises QuotaUnavailable.
        """

    async def close(self) -> None:
        """Let go of connections."""
