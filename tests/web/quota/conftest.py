from collections.abc import Iterator

import pytest

from tests.web.quota.limited import Limited, limited
from tests.web.serving import Lane


@pytest.fixture(params=[Lane.FAST, Lane.HANDLERS], ids=lambda lane: lane.value)
def served(request: pytest.FixtureRequest) -> Iterator[Limited]:
    """A service with the rules of the example, on either lane; all clocks are the test's."""
    with limited(lane=request.param) as server:
        yield server
