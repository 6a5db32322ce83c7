"""A browser for all tests here, and a folder for the pictures that they make.

FLAKE_PICTURES=DIR keeps the pictures, and takes the time to have some history in them.
"""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from tests.browser.chromium import chromium
from tests.browser.page import Page
from tests.end_to_end.process import Process, running

History = Callable[[float], None]
PICTURES = os.environ.get("FLAKE_PICTURES")


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    driver = chromium(tmp_path_factory.mktemp("chromium"))
    yield driver
    driver.quit()


@pytest.fixture
def page(driver: Chrome) -> Page:
    page = Page(driver)
    page.look()
    page.be_in("UTC")
    return page


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures go."""
    if not PICTURES:
        return tmp_path_factory.mktemp("pictures")
    folder = Path(PICTURES)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A process without peers, for what needs no fleet."""
    with running(tmp_path_factory.mktemp("alone"), "--worker_id=5", "--grants=memory:") as process:
        yield process


@pytest.fixture(scope="session")
def history() -> History:
    """Let so many seconds pass, where pictures are kept: so that there is something in them."""
    return lambda seconds: time.sleep(seconds if PICTURES else 0)
