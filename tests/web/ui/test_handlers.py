"""The page's routes, on both lanes and behind Tornado's own server."""

import re
from collections.abc import Iterator

import pytest

from idgen.web.ui.files import CONTENT_TYPES
from tests.web.serving import NOW, WORKER_ID, Lane, Serving, serving

POLICY = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


@pytest.fixture(scope="module", params=Lane, ids=lambda lane: lane.value)
def served(request: pytest.FixtureRequest) -> Iterator[Serving]:
    with serving(epoch_ms=1_600_000_000_000, lane=request.param) as server:
        yield server


def test_the_page_carries_the_epoch_and_lets_nothing_in_from_elsewhere(served: Serving) -> None:
    page = served.get("/ui?id=7")
    assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert 'data-epoch-ms="1600000000000"' in page.text
    assert "{{" not in page.text
    assert page.headers["Content-Security-Policy"] == POLICY
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    assert not re.search(r"<script(?![^>]* src=)|<style| style=| on[a-z]+=|https?://", page.text)


def test_each_part_that_the_page_or_a_part_names_is_there(served: Serving) -> None:
    seen: set[str] = set()
    waiting = {""}
    while waiting:
        name = waiting.pop()
        seen.add(name)
        part = served.get(f"/ui/{name}" if name else "/ui")
        assert part.status == 200, name
        assert part.headers["Content-Type"] == CONTENT_TYPES[name.rpartition(".")[2] or "html"]
        assert part.headers["Content-Security-Policy"] == POLICY
        named = re.findall(r'(?:from|import|href=|src=) ?"(?:ui/|\./)([a-z_-]+\.\w+)"', part.text)
        waiting |= {*named} - seen
    assert {"main.js", "style.css", "icon.svg"} <= seen


@pytest.mark.parametrize(
    "name", ["nothing.js", "page", "page.html", "..%2ffiles.py", "../files.py"]
)
def test_what_is_no_part_of_the_page_is_not_there(served: Serving, name: str) -> None:
    assert served.get(f"/ui/{name}").status == 404


def test_a_slash_too_many_leads_to_the_page(served: Serving) -> None:
    there = served.get("/ui/")
    assert (there.status, there.headers["Location"], there.body) == (308, "../ui", b"")


def test_a_worker_tells_of_itself_and_of_the_fleet(served: Serving) -> None:
    figures = served.get("/worker.json").json
    assert (figures["worker_id"], figures["unix_ms"]) == (WORKER_ID, NOW)
    fleet = served.get("/fleet.json")
    assert fleet.media_type == "application/json"
    (row,) = fleet.json["workers"]
    assert row["figures"] == figures
    assert (row["state"], row["two_owners"]) == ("serving", False)


@pytest.mark.parametrize("target", ["/ui", "/ui/main.js", "/worker.json", "/fleet.json"])
def test_looking_costs_no_id_and_no_error(served: Serving, target: str) -> None:
    taken = served.service.ids_taken
    got, head = served.get(target), served.request(target, method="HEAD")
    assert (got.status, head.status, head.body) == (200, 200, b"")
    assert head.headers["Content-Length"] == str(len(got.body))
    assert served.request(target, method="POST").headers["Allow"] == "GET, HEAD"
    assert served.service.ids_taken == taken
