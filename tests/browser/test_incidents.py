"""Real faults, and what the page shows of them; docs/operate.md has the pictures."""

import re
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

from tests.browser.clocked import clocked_process
from tests.browser.conftest import History
from tests.browser.page import Page, told
from tests.browser.traffic import Flood, Traffic
from tests.end_to_end.fleet import until
from tests.end_to_end.process import Process, running

FLEET = "section[aria-labelledby='fleet-heading']"
HEADROOM = "section[aria-labelledby='headroom-heading']"
MEMORY = "--grants=memory:"


def peers(*processes: Process) -> str:
    return "--peers=" + ",".join(f"127.0.0.1:{process.port}" for process in processes)


def test_a_lost_machine_stays_in_the_table_and_comes_back(
    tmp_path: Path, page: Page, pictures: Path, history: History
) -> None:
    with (
        running(tmp_path, "--worker_id=1", MEMORY) as lost,
        running(tmp_path, "--worker_id=0", MEMORY, peers(lost)) as asked,
        page.at(asked.port),
        Traffic(asked.port, lost.port),
    ):
        until(lambda: "2 of 2 workers serve" in page.summary, "both serve")
        page.says(lost.port, "serving", "just now")
        row = page.row(lost.port)
        address = row.find_element(By.XPATH, f".//*[.='127.0.0.1:{lost.port}']")
        page.run("getSelection().selectAllChildren(arguments[0])", address)
        history(60)
        lost.kill()
        page.says(lost.port, "silent", "stopped answering", "Connection refused", "was ")
        page.says(lost.port, "its figures are the last known ones, of ")
        until(lambda: page.summary.startswith("1 of 2 workers serves, 1 is silent, "), "it counts")
        spoken = f"worker 1 at 127.0.0.1:{lost.port}: "
        until(lambda: page.spoken() == spoken + "silent", "it is spoken of")
        assert page.alarms() == ""
        last_id = row.find_element(By.XPATH, ".//td[@data-name='last ID']")
        until(lambda: bool(re.search(r" UTC \d+s ago$", told(last_id))), "it grows older")
        selected = page.run("return getSelection().toString()")
        assert selected == f"127.0.0.1:{lost.port}", "figures change in place"
        page.run("getSelection().removeAllRanges()")
        history(8)
        page.picture(pictures / "lost-machine.png", FLEET)
        lost.start()
        page.says(lost.port, "serving")
        until(lambda: page.spoken() == spoken + "serving", "it is spoken of again")
        assert "stopped answering" not in told(row), "it is the row that was there before"


def test_two_owners_of_a_worker_id_turn_red_until_one_is_stopped(
    tmp_path: Path, page: Page, pictures: Path, history: History
) -> None:
    grants = [f"--grants=file:{tmp_path / name}" for name in ("right", "wrong")]
    with running(tmp_path, "--worker_id=1", grants[1]) as wrong:
        until(wrong.serves, "it serves")
        wrong.stop()  # known by its port, and started again once the page is there
        with (
            running(tmp_path, "--worker_id=1", grants[0]) as right,
            running(tmp_path, "--worker_id=0", MEMORY, peers(right, wrong)) as asked,
            page.at(asked.port),
        ):
            page.says(right.port, "serving")
            assert page.alarms() == ""
            calm = colour(page, right)
            with Traffic(asked.port, right.port, wrong.port):
                history(60)
                wrong.start()
                check_red(page, right, wrong)
                assert "two owners" not in told(page.row(asked.port))
                history(8)
                page.picture(pictures / "two-owners.png", FLEET)
            wrong.stop()
            page.says(right.port, "serving")
            until(lambda: page.alarms() == "", "the alarm is over")
            assert colour(page, right) == calm
            page.says(wrong.port, "silent")


def test_a_clock_set_back_is_told_with_its_offset_until_it_is_right_again(
    tmp_path: Path, page: Page, pictures: Path, history: History
) -> None:
    with (
        clocked_process(tmp_path, "--worker_id=1", MEMORY) as clocked,
        running(tmp_path, "--worker_id=0", MEMORY, peers(clocked)) as asked,
        page.at(asked.port),
        Traffic(asked.port, clocked.port),
    ):
        page.says(clocked.port, "serving")
        until(lambda: clocked.metric("flake_last_timestamp_seconds") > 0, "it has given IDs")
        history(60)
        clocked.set_clock(-60)
        page.says(clocked.port, "refusing", "clock moved backwards", "ms; no IDs until")
        page.says(clocked.port, "−60.0 s", "over 1 s from the one asked", "ahead of its clock")
        page.says(clocked.port, "clock_regression", "/s")
        history(8)
        page.picture(pictures / "clock-set-back.png", FLEET)
        clocked.set_clock(0)
        page.says(clocked.port, "serving", " ms ± ", "clock_regression")
        assert "over 1 s from the one asked" not in told(page.row(clocked.port))


def test_an_overflow_is_counted_and_the_headroom_is_used_up(
    tmp_path: Path, page: Page, pictures: Path, history: History
) -> None:
    with (
        running(tmp_path, "--worker_id=1", MEMORY) as flooded,
        running(tmp_path, "--worker_id=0", MEMORY, peers(flooded)) as asked,
        page.at(asked.port),
        Traffic(asked.port, flooded.port),
    ):
        page.says(flooded.port, "serving", "none")
        history(60)
        with Flood(flooded.port):
            page.says(flooded.port, "sequence_overflow", "/s")
            used_up = "4,032 of 4,096 (98.4 %)\nby worker 1, the busiest"
            until(lambda: used_up in page.headroom(), "it is used up")
            page.says(flooded.port, "serving")
            history(8)
            page.picture(pictures / "overflow.png", FLEET, HEADROOM)
        page.says(flooded.port, "serving")


def test_a_page_whose_own_process_is_gone_says_so_and_goes_on_trying(
    tmp_path: Path, page: Page
) -> None:
    with running(tmp_path, "--worker_id=0", MEMORY) as asked:
        until(asked.serves, "it serves")
        with page.at(asked.port, expected=r"/fleet\.json - Failed to load resource: net::ERR_"):
            page.says(asked.port, "serving")
            asked.kill()
            host = f"127.0.0.1:{asked.port}"
            sentence = f"{host} doesn't answer; figures are of "
            until(lambda: page.alarms().startswith(sentence), "it says so")
            assert page.alarms().endswith(" UTC. Other processes show the fleet too.")
            table = page.driver.find_element(By.ID, "workers")
            assert table.value_of_css_property("filter") == "grayscale(1)"
            page.says(asked.port, "serving")
            asked.start()
            until(lambda: page.alarms() == "", "it has figures again")
            assert table.value_of_css_property("filter") == "none"


def check_red(page: Page, *owners: Process) -> None:
    """Of worker_id 1."""
    sentence = "another process has worker_id 1 too: stop one of them at once"
    for owner in owners:
        page.says(owner.port, "two owners", sentence)
        assert is_red(colour(page, owner))
    addresses = " and ".join(sorted(f"127.0.0.1:{owner.port}" for owner in owners))
    alarm = f"worker_id 1 has two owners: {addresses}. "
    alarm += "They can give the same ID twice: stop one at once."
    until(lambda: page.alarms() == alarm, "the alarm names both")


def colour(page: Page, process: Process) -> str:
    """Of a row."""
    return page.row(process.port).value_of_css_property("background-color")


def is_red(rgba: str) -> bool:
    red, green, blue = (float(part) for part in rgba[5:-1].split(",")[:3])
    return red > green + 10 and red > blue + 10


@pytest.mark.parametrize("colour", ["rgba(255, 255, 255, 1)", "rgba(240, 242, 245, 1)"])
def test_what_is_calm_is_not_red(colour: str) -> None:
    assert not is_red(colour)
