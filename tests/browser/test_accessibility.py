"""The page for everybody: axe-core, the keyboard, and small screens."""

from collections.abc import Iterator

import pytest
from selenium.webdriver import Keys

from tests.browser.axe import violations
from tests.browser.page import DESKTOP, PHONE, Page, told
from tests.end_to_end.fleet import until
from tests.end_to_end.process import Process, running

LONGEST_ID = "9223372036854775807"
MEMORY = "--grants=memory:"
WIDTHS = (360, 600, 961, 1121)
"""Of a small phone, and of screens just wide enough for a row of bits, and for a table."""
IS_RINGED = """
const {outlineStyle, outlineWidth} = getComputedStyle(document.activeElement);
return outlineStyle === "solid" && parseFloat(outlineWidth) >= 2;
"""


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Process, Process]]:
    """Who to ask of a fleet in which all is: two owners, one that serves, and a silent one."""
    folder = tmp_path_factory.mktemp("troubled")
    with (
        running(folder, "--worker_id=2", MEMORY) as silent,
        running(folder, "--worker_id=1", MEMORY) as owner,
        running(folder, "--worker_id=1", MEMORY) as other,
    ):
        ports = ",".join(f"127.0.0.1:{process.port}" for process in (silent, owner, other))
        with running(folder, "--worker_id=0", MEMORY, f"--peers={ports}") as asked:
            yield asked, silent


def test_axe_finds_no_fault_in_a_fleet_full_of_them(
    troubled: tuple[Process, Process], page: Page
) -> None:
    asked, silent = troubled
    with page.at(asked.port):
        page.says(silent.port, "serving")
        silent.kill()
        page.says(silent.port, "silent", "its figures are the last known ones")
        for scheme, no_id in (("light", ""), ("dark", "abc")):
            for size in (DESKTOP, PHONE):
                page.look(size, scheme)
                page.paste(LONGEST_ID)
                assert page.parts()
                until(lambda: "has two owners" in page.alarms(), "two owners are there")
                assert violations(page) == []
            page.paste(no_id)
            assert page.parts() == {}
            assert violations(page) == []


def test_axe_would_find_a_fault(alone: Process, page: Page) -> None:
    with page.at(alone.port):
        page.run("document.querySelector('label').remove()")
        assert "critical label: #id" in str(violations(page))


def test_nothing_is_wider_than_the_screen(troubled: tuple[Process, Process], page: Page) -> None:
    with page.at(troubled[0].port):
        until(lambda: "has two owners" in page.alarms(), "two owners are there")
        for width in WIDTHS:
            page.look((width, 780))
            for text in (LONGEST_ID, "x" * 65):
                page.paste(text)
                assert page.run("return document.scrollingElement.scrollWidth") <= width


def test_a_keyboard_reaches_the_field_first_and_then_all_else_and_sees_where_it_is(
    alone: Process, page: Page
) -> None:
    with page.at(alone.port):
        press(page, Keys.TAB)
        assert page.driver.switch_to.active_element == page.input
        assert page.run(IS_RINGED)
        page.run("window.isTheSamePage = true")
        page.input.send_keys("4096", Keys.ENTER)
        for button in ("Copy decimal", "Copy hex"):
            press(page, Keys.TAB)
            assert told(page.driver.switch_to.active_element) == button
            assert page.run(IS_RINGED)
        assert page.values()["decimal"] == "4096"
        assert page.run("return window.isTheSamePage"), "Enter loads nothing"


def test_what_is_seen_is_spoken_too(alone: Process, page: Page) -> None:
    with page.at(alone.port, "?id=4096"):
        page.says(alone.port, "serving")
        line = "return document.querySelector('svg.sparkline desc').textContent"
        until(lambda: "a second now, at most" in page.run(line), "the line is told in words")
        bits = "return document.querySelector('.worker_id .cells').getAttribute('aria-label')"
        assert page.run(bits) == "worker_id, bits 21 to 12: 0000000001"
        assert page.told == "2009-11-26 00:00:00.000 UTC, worker_id 1, sequence 0"


def press(page: Page, key: str) -> None:
    """Wherever the keyboard is."""
    page.driver.switch_to.active_element.send_keys(key)
