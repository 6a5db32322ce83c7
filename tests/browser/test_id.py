"""An ID explained: the page says what the service and the command say."""

import json
import random
import time
from pathlib import Path

import pytest
from selenium.webdriver import Keys
from selenium.webdriver.common.by import By

from idgen.command.decode import id_of
from idgen.errors import BadArgument
from idgen.layout import DEFAULT_EPOCH_MS, MAX_EPOCH_MS, MAX_ID, Layout
from tests.browser.page import Page, told
from tests.end_to_end.fleet import answer, until
from tests.end_to_end.process import Process, running

GOLDEN = [
    (0, 1259193600000, 0, 0, "2009-11-26 00:00:00.000 UTC"),
    (2130840649728004096, 1767225600000, 1, 0, "2026-01-01 00:00:00.000 UTC"),
    (2248254318702493695, 1795219200123, 1023, 4095, "2026-11-21 00:00:00.123 UTC"),
    (9223372036854775807, 3458216855551, 1023, 4095, "2079-08-02 15:47:35.551 UTC"),
]
HERE = [
    (1795219200123, "2026-11-21 01:00:00.123 CET"),
    (1783000000000, "2026-07-02 15:46:40.000 CEST"),
]
AGO = [
    (-3630, "in 1h00m"),
    (3630, "1h00m ago"),
    (12 * 86400 + 3 * 3600 + 1800, "12d03h ago"),
    (3 * 31_556_952 + 43200, "3y0d ago"),
]
WRONG = ["abc", "-1", "1.5", "1_000", "٣", "0x", "0xfg", "1 2", "'4096", "<b>1</b>", "x" * 65]
WRONG += [str(MAX_ID + 1), "0xffffffffffffffff", "9" * 20, "0x" + "0" * 17]
RANDOM_IDS = [random.Random(8).getrandbits(bits) for bits in (1, 9, 12, 22, 23, 40, 53, 54, 63, 63)]


@pytest.fixture(autouse=True)
def _serving(alone: Process) -> None:
    until(alone.serves, "it serves")


def test_an_id_that_is_pasted_is_explained(alone: Process, page: Page) -> None:
    with page.at(alone.port):
        for flake_id, unix_ms, worker_id, sequence, time_told in GOLDEN:
            digits = f"{flake_id:064b}"
            for text in (str(flake_id), f"0x{flake_id:x}", f"0X{flake_id:016X}"):
                page.paste("")
                assert page.parts() == {}
                assert page.told.startswith("Paste one from a log")
                page.paste(text)
                assert page.parts() == {
                    "timestamp": str(unix_ms - DEFAULT_EPOCH_MS),
                    "worker_id": str(worker_id),
                    "sequence": str(sequence),
                }
                groups = (digits[:1], digits[1:42], digits[42:52], digits[52:])
                assert page.bits() == " ".join(groups)
                values = page.values()
                assert values["time"].startswith(f"{time_told} ")
                assert values["unix_ms"] == str(unix_ms)
                assert values["decimal"] == str(flake_id)
                assert values["hex"] == f"0x{flake_id:x}"


def test_the_page_and_the_service_say_the_same_of_any_id(alone: Process, page: Page) -> None:
    with page.at(alone.port):
        for flake_id in RANDOM_IDS:
            page.paste(str(flake_id))
            said = json.loads(answer(alone.port, f"/decode/{flake_id}")[1])
            values, parts = page.values(), page.parts()
            time_told = said["time"].replace("T", " ").replace("Z", " UTC")
            assert values["time"].startswith(f"{time_told} ")
            assert values["unix_ms"] == str(said["unix_ms"])
            assert parts == {name: str(said[name]) for name in parts}
            assert len(parts) == 3


def test_an_id_in_the_address_is_explained_and_the_address_follows_the_field(
    alone: Process, page: Page
) -> None:
    with page.at(alone.port, "?id=0x1f3367641effffff"):
        assert page.input.get_attribute("value") == "0x1f3367641effffff"
        assert page.parts()["worker_id"] == "1023"
        page.paste("2130840649728004096")
        assert page.driver.current_url.endswith("/ui?id=2130840649728004096")
        page.paste("12x")
        assert page.driver.current_url.endswith("/ui")


def test_what_came_along_from_a_log_is_no_part_of_an_id(alone: Process, page: Page) -> None:
    with page.at(alone.port):
        for text in (" 4096 ", '"4096",', "'4096'", "4096,", "\t0x1000"):
            page.paste(text)
            assert page.values()["decimal"] == "4096", text


def test_a_wrong_id_gets_the_command_s_sentence_and_no_parts(alone: Process, page: Page) -> None:
    with page.at(alone.port, "?id=4096"):
        assert page.parts()
        for text in WRONG:
            with pytest.raises(BadArgument) as refused:
                id_of(text)
            page.paste(text)
            assert page.told == str(refused.value).replace(f'"{text}"', f"'{text}'")
            assert page.parts() == page.values() == {}, text
            assert page.input.get_attribute("aria-invalid") == "true"
        page.paste("4096")
        assert page.input.get_attribute("aria-invalid") == "false"


def test_the_time_is_told_as_it_was_where_the_visitor_is(alone: Process, page: Page) -> None:
    page.be_in("Europe/Berlin")
    with page.at(alone.port):
        for unix_ms, told_here in HERE:
            page.paste(str(Layout().pack(unix_ms, 0, 0)))
            assert page.values()["local time"] == f"{told_here} (Europe/Berlin)"


def test_it_is_told_how_long_ago_that_was(alone: Process, page: Page) -> None:
    with page.at(alone.port):
        for ago_s, words in AGO:
            unix_ms = int((time.time() - ago_s) * 1000)
            page.paste(str(Layout().pack(unix_ms, 0, 0)))
            assert page.values()["time"].endswith(f" UTC {words}")


def test_an_id_counts_from_the_epoch_of_the_process_however_late(
    tmp_path: Path, page: Page
) -> None:
    options = ("--worker_id=5", "--grants=memory:", f"--epoch_ms={MAX_EPOCH_MS}")
    with running(tmp_path, *options) as late:
        until(lambda: answer(late.port, "/livez")[0] == 200, "it is up")
        with page.at(late.port, f"?id={MAX_ID}"):
            assert page.values()["time"].startswith("9999-12-31 23:59:59.999 UTC in ")
            page.says(late.port, "refusing", "is outside the 41 bits")


def test_the_worker_of_the_id_is_marked_in_the_table(alone: Process, page: Page) -> None:
    flake_id = int(answer(alone.port)[1])
    with page.at(alone.port, f"?id={flake_id}"):
        page.says(alone.port, "5 of the ID above")
        page.paste(str(flake_id ^ 1 << 12))
        assert "of the ID above" not in told(page.row(alone.port))


def test_an_id_is_copied_by_a_button(alone: Process, page: Page) -> None:
    with page.at(alone.port, "?id=4096"):
        page.driver.find_element(By.XPATH, "//button[.='Copy hex']").click()
        until(lambda: "Copied" in page.driver.find_element(By.TAG_NAME, "dl").text, "it is copied")
        page.input.send_keys(Keys.CONTROL, "a")
        page.input.send_keys(Keys.CONTROL, "v")
        assert page.input.get_attribute("value") == "0x1000"
