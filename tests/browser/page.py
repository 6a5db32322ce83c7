"""The page as a visitor has it: by its labels, roles and texts."""

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.end_to_end.fleet import answer, until

DESKTOP, PHONE = (1200, 900), (390, 844)
LABEL = "ID, in decimal or in hex with 0x"
MARGIN = 16
POLLS = (
    "return performance.getEntriesByType('resource')"
    ".filter(entry => entry.name.endsWith('/fleet.json')).length"
)


class Page:
    """One tab.  Every visit ends with an empty console, but for what it was told to expect."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    @contextmanager
    def at(self, port: int, query: str = "", expected: str = "(?!)") -> Iterator[None]:
        """A visit of a process that may just have been started.

        expected: what lines of the console may look like.
        """
        until(lambda: answer(port, "/livez")[0] == 200, "there is a process")
        self._console()
        self.requested()
        self.driver.get(f"http://127.0.0.1:{port}/ui{query}")
        yield
        lines = self._console()
        self.driver.get("about:blank")
        assert [line for line in lines if not re.search(expected, line)] == []

    def run(self, script: str, *arguments: object) -> Any:
        """What JavaScript gives."""
        return self.driver.execute_script(script, *arguments)

    def look(self, size: tuple[int, int] = DESKTOP, scheme: str = "light", scale: int = 1) -> None:
        """Have a screen of that size, and a system that prefers light or dark."""
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": scale}
        metrics |= {"mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    def be_in(self, time_zone: str) -> None:
        """Have a system with that time zone."""
        self.driver.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": time_zone})

    @property
    def input(self) -> WebElement:
        """The field with the label."""
        label = self.driver.find_element(By.XPATH, f"//label[.='{LABEL}']")
        return self.driver.find_element(By.ID, label.get_attribute("for") or "")

    def paste(self, text: str) -> None:
        """In place of what is there."""
        self.run("arguments[0].focus(); arguments[0].select()", self.input)
        if text:
            self.driver.execute_cdp_cmd("Input.insertText", {"text": text})
        else:
            self.run("document.execCommand('delete')")

    @property
    def told(self) -> str:
        """The sentence under the field."""
        return self._text(By.CSS_SELECTOR, "#id-told")

    def parts(self) -> dict[str, str]:
        """The parts' values by name, as they stand under the bits; empty while none are shown."""
        return dict(
            self.run(
                "return [...document.querySelectorAll('figure .group')]"
                ".map(group => group.innerText.split('\\n'))"
                ".filter(lines => lines.length > 1 && !lines.includes('sign'))"
                ".map(lines => [lines.at(-3), lines.at(-2)])"
            )
        )

    def bits(self) -> str:
        """The 64 cells from left to right, in groups."""
        rows = "return [...document.querySelectorAll('figure .cells')].map(row => row.innerText)"
        return " ".join("".join(row.split()) for row in self.run(rows))

    def values(self) -> dict[str, str]:
        """The list under the bits, by name; empty while none is shown."""
        items = self.run(
            "const shown = term => term.checkVisibility();"
            "return [...document.querySelectorAll('dl dt')].filter(shown)"
            ".map(term => [term.innerText, term.nextSibling.innerText])"
        )
        return {name: told.split("Copy")[0].strip() for name, told in items}

    def row(self, port: int) -> WebElement:
        """A worker's row of the table, with what is noted of it."""
        address = f"127.0.0.1:{port}"
        until(lambda: address in self._text(By.TAG_NAME, "main"), f"{address} is in the table")
        return self.driver.find_element(By.XPATH, f"//tbody[.//*[.='{address}']]")

    def says(self, port: int, *words: str) -> None:
        """Return when a worker's row has all of these."""
        row = self.row(port)
        until(
            lambda: all(word in told(row) for word in words), f"the row says {words}: {told(row)}"
        )

    @property
    def summary(self) -> str:
        """The line above the table."""
        return self._text(By.CSS_SELECTOR, "#summary")

    def alarms(self) -> str:
        """What is told at once to whoever listens, and stands in a frame for all others."""
        alerts = self.driver.find_elements(By.XPATH, "//*[@role='alert']")
        return " ".join(alert.text for alert in alerts).strip()

    def spoken(self) -> str:
        """What a screen reader was told last of changes in the fleet."""
        changes = self.driver.find_element(By.CSS_SELECTOR, "#changes[role='status']")
        return changes.get_attribute("textContent") or ""

    def headroom(self) -> str:
        """The last section."""
        return self._text(By.XPATH, "//section[.//h2[.='Headroom']]")

    def polls(self) -> int:
        """How often the page has had figures of the fleet."""
        return int(self.run(POLLS))

    def await_polls(self, more: int = 2) -> None:
        """Return when it has had them so many times more."""
        enough = self.polls() + more
        until(lambda: self.polls() >= enough, "the page has new figures")

    def picture(self, path: Path, *selectors: str) -> None:
        """Keep a picture of these parts, one below the other, or of the whole page.

        Of parts with a margin beside them, where the page has nothing else.
        """
        boxes = [self._box(selector) for selector in selectors or ("html",)]
        margin = MARGIN if selectors else 0
        left, top = min(box["x"] for box in boxes) - margin, min(box["y"] for box in boxes)
        clip = {
            "x": left,
            "y": top,
            "width": max(box["x"] + box["width"] for box in boxes) + margin - left,
            "height": max(box["y"] + box["height"] for box in boxes) - top,
            "scale": 1,
        }
        shot = self.driver.execute_cdp_cmd(
            "Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True}
        )
        path.write_bytes(base64.b64decode(shot["data"]))

    def requested(self) -> list[str]:
        """The addresses that the browser has requested since this was last asked."""
        events = [json.loads(line)["message"] for line in self._log("performance")]
        sent = [event for event in events if event["method"] == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in sent]

    def _console(self) -> list[str]:
        """What has come to the console since this was last asked."""
        return self._log("browser")

    def _log(self, name: str) -> list[str]:
        log = self.driver.get_log(name)  # type: ignore[no-untyped-call]
        return [entry["message"] for entry in log]

    def _box(self, selector: str) -> Any:
        return self.run(
            "const box = document.querySelector(arguments[0]).getBoundingClientRect();"
            "return {x: box.x + scrollX, y: box.y + scrollY, width: box.width, height: box.height}",
            selector,
        )

    def _text(self, by: str, selector: str) -> str:
        return self.driver.find_element(by, selector).text


def told(element: WebElement) -> str:
    """Its text, on one line."""
    return " ".join(element.text.split())
