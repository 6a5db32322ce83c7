"""The page as a whole: its pictures, and what it asks of whom."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from idgen.fleet.figures import dumps
from tests.browser.conftest import History
from tests.browser.page import DESKTOP, Page
from tests.browser.traffic import Traffic
from tests.end_to_end.fleet import Fleet, answer, free_port, until
from tests.end_to_end.process import Process, running
from tests.fleet.workers import FIGURES

ICON = "icon.svg"
"""Which the browser fetches for the tab when it likes."""
IMPORTANT_PARTS = {"main.js", "style.css", "fleet.json"}


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with Fleet() as fleet:
        fleet.control("restart", "flake:*")  # to count none of the refusals of a first start
        until(fleet.serves, "the fleet serves")
        yield fleet


def test_any_process_of_the_fleet_shows_all_of_it(
    fleet: Fleet, page: Page, pictures: Path, history: History
) -> None:
    with Traffic(fleet.public_port, fleet.public_port, fleet.public_port):
        history(60)
        for asked in (0, 1):
            flake_id = answer(fleet.port(asked))[1]
            with page.at(fleet.port(asked), f"?id={flake_id}"):
                for worker_id in (0, 1):
                    page.says(fleet.port(worker_id), f"{worker_id} ", "serving")
                page.says(fleet.port(asked), f"{asked} of the ID above", "the one asked")
                until(lambda: page.summary != "2 of 2 workers serve, 0 IDs a second", "IDs count")
                assert page.summary.startswith("2 of 2 workers serve, ")
                page.picture(pictures / "page.png")


def test_the_bits_make_a_picture_of_their_own(alone: Process, page: Page, pictures: Path) -> None:
    page.look(DESKTOP, scale=2)
    with page.at(alone.port, "?id=2248254318702493695"):
        assert page.parts()["sequence"] == "4095"
        page.picture(pictures / "id.png", "figure")


def test_only_the_process_itself_is_asked_for_anything(alone: Process, page: Page) -> None:
    with page.at(alone.port, "?id=4096"):
        page.await_polls()
        requested = page.requested()
        origin = f"http://127.0.0.1:{alone.port}/"
        assert [url for url in requested if not url.startswith(origin)] == []
        assert {url.rpartition("/")[2] for url in requested} >= IMPORTANT_PARTS


def test_explaining_an_id_asks_nobody(alone: Process, page: Page) -> None:
    with page.at(alone.port):
        page.await_polls(1)
        page.requested()
        for text in ("1", "22", "0x1f3367641effffff", "wrong"):
            page.paste(text)
        page.await_polls(1)
        requested = {url.rpartition("/")[2] for url in page.requested()}
        assert requested - {ICON} == {"fleet.json"}


def test_a_page_that_nobody_sees_asks_for_nothing(alone: Process, page: Page) -> None:
    driver = page.driver
    with page.at(alone.port):
        page.await_polls(1)
        unseen = driver.current_window_handle
        driver.switch_to.new_window("tab")
        driver.get(f"http://127.0.0.1:{alone.port}/ui")
        page.await_polls(1)
        before = polls_in(page, unseen)
        page.await_polls(2)
        assert polls_in(page, unseen) <= before + 1, "one may have been under way"
        driver.close()
        driver.switch_to.window(unseen)
        page.await_polls(1)


def polls_in(page: Page, handle: str) -> int:
    """Of another tab, which stays unseen."""
    here = page.driver.current_window_handle
    page.driver.switch_to.window(handle)
    polls = page.polls()
    page.driver.switch_to.window(here)
    return polls


def test_headroom_tells_the_years_that_are_left(alone: Process, page: Page) -> None:
    with page.at(alone.port):
        assert "the last ID is of 2079-08-02 15:47:35.551 UTC" in page.headroom()
        until(lambda: "4,096 (" in page.headroom(), "the peak is told")


class Stranger(BaseHTTPRequestHandler):
    """Tells figures whose words are markup."""

    def do_GET(self) -> None:
        told = replace(
            FIGURES, version="<img src=x onerror=alert(1)>", errors={"": 7, "<b>bold</b>": 1}
        )
        body = dumps(told.document()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Not to the tests' output."""


def test_what_a_stranger_among_the_peers_says_is_text(tmp_path: Path, page: Page) -> None:
    stranger = HTTPServer(("127.0.0.1", port := free_port()), Stranger)
    threading.Thread(target=stranger.serve_forever, daemon=True).start()
    options = ("--worker_id=0", "--grants=memory:", f"--peers=127.0.0.1:{port}")
    with running(tmp_path, *options) as asked, page.at(asked.port):
        page.says(port, "<img src=x onerror=alert(1)>", "<b>bold</b>", "7", "serving")
        page.await_polls()
        assert page.alarms() == ""
    stranger.shutdown()
    stranger.server_close()
