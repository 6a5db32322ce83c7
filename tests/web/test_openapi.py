"""openapi.json says what the routes do: held to the route table, and tried out."""

import time
from collections.abc import Iterator
from typing import Any
from unittest import SkipTest

import pytest
import schemathesis
from hypothesis import given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from idgen.web.app import ROUTES
from tests.web.quota.limited import limited
from tests.web.serving import Serving


@pytest.fixture(scope="module")
def living() -> Iterator[Serving]:
    """A service with quotas whose clock runs, so that batches get their numbers."""
    with limited(wall_clock_ms=lambda: time.time_ns() // 1_000_000) as limiting:
        yield limiting.server


def test_the_document_names_exactly_the_routes_of_the_table(living: Serving) -> None:
    document = living.get("/openapi.json").json
    assert document["openapi"].startswith("3.1.")
    assert set(document["paths"]) == set(ROUTES)
    for path, operations in document["paths"].items():
        allowed = {method.lower() for method in ROUTES[path].SUPPORTED_METHODS}
        assert set(operations) == allowed
    names = [op["operationId"] for ops in document["paths"].values() for op in ops.values()]
    assert len(names) == len(set(names)) == 2 * len(ROUTES) + 1


QUERIES = {
    "/bounds": "?from=1795219200123&to=1795219200123",
    "/quota/check": "?app=a&user=b&interface=c&ip=::1",
    "/quota/usage": "?app=a",
}


def test_the_routes_that_the_document_names_exist(living: Serving) -> None:
    for path in ROUTES:
        query = QUERIES.get(path, "")
        target = path.replace("{id}", "1").replace("{name}", "main.js")
        assert living.get(target + query).status == 200, path


UNSAYABLE: dict[str, list[Any]] = {
    "/bounds": [positive_data_acceptance],
    "/quota/check": [positive_data_acceptance],
    "/quota/usage": [positive_data_acceptance],
}
"""A schema can't say that `from` comes before `to`, how precise a date-time may be, nor which
fields the rules need; and what is made by its patterns has control characters all the same."""


@pytest.mark.parametrize(
    ("path", "method"),
    [(path, method) for path, handler in ROUTES.items() for method in handler.SUPPORTED_METHODS],
)
def test_every_answer_is_one_that_the_document_describes(
    living: Serving, path: str, method: str
) -> None:
    schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{living.port}/openapi.json")
    operation = schema[path][method]
    calls = 0

    @settings(max_examples=20, deadline=None, derandomize=True, database=None)
    @given(data=st.data())
    def try_out(data: st.DataObject) -> None:
        nonlocal calls
        mode = data.draw(st.sampled_from(list(GenerationMode)))
        try:
            case = data.draw(operation.as_strategy(generation_mode=mode))
        except SkipTest:  # there is no wrong way to call a route without parameters
            return
        case.call_and_validate(excluded_checks=UNSAYABLE.get(path, []))
        calls += 1

    try_out()
    assert calls
