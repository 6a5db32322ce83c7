from collections.abc import Iterator

import pytest

from idgen import batches
from tests.web.serving import Serving, serving


@pytest.fixture(params=[True, False], ids=["fast lane", "handlers"])
def served(request: pytest.FixtureRequest) -> Iterator[Serving]:
    """A fresh service whose clocks stand still until the test moves them, on either lane."""
    with serving(fast=request.param) as server:
        yield server


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches wait as long as the test needs to move the clock."""
    monkeypatch.setattr(batches, "MAX_BATCH_WAIT_MS", 60_000)
