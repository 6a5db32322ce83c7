from collections.abc import Iterator

import pytest

from idgen import batches
from tests.web.serving import Lane, Serving, serving


@pytest.fixture(params=[Lane.FAST, Lane.HANDLERS], ids=lambda lane: lane.value)
def served(request: pytest.FixtureRequest) -> Iterator[Serving]:
    """A fresh service whose clocks stand still until the test moves them, on either lane."""
    with serving(lane=request.param) as server:
        yield server


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches wait as long as the test needs to move the clock."""
    monkeypatch.setattr(batches, "MAX_BATCH_WAIT_MS", 60_000)
