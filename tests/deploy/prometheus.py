"""A real Prometheus of the test's own."""

import json
import re
import signal
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.end_to_end.fleet import TOP, answer, free_port, until

FOLDER = TOP / "deploy" / "prometheus"
FASTER = 5
"""Everything takes a fifth of the time, so that scrapes and evaluations are a second apart."""


class Prometheus:
    """Runs in a folder of its own with the shipped alerts and with the configuration it is given.

    Nothing differs in them but the intervals, and what alerts wait for: they are FASTER.
    """

    def __init__(self, folder: Path, configuration: str) -> None:
        self.port = free_port()
        self._folder = folder
        self._configuration = folder / "prometheus.yml"
        alerts = (FOLDER / "alerts.yml").read_text(encoding="utf-8")
        (folder / "alerts.yml").write_text(_faster(alerts), encoding="utf-8")
        self._configuration.write_text(_faster(configuration), encoding="utf-8")

    def __enter__(self) -> Self:
        command = ["prometheus", f"--config.file={self._configuration}"]
        command += [f"--storage.tsdb.path={self._folder / 'data'}"]
        command += [f"--web.listen-address=127.0.0.1:{self.port}"]
        with (self._folder / "prometheus.log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        until(lambda: answer(self.port, "/-/ready")[0] == 200, "Prometheus is ready")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        assert self._process.wait(60) == 0

    def reconfigure(self, configuration: str) -> None:
        """Taken up soon."""
        self._configuration.write_text(_faster(configuration), encoding="utf-8")
        self._process.send_signal(signal.SIGHUP)

    def ask(self, path: str, **parameters: str) -> Any:
        """`data` of an answer of its API."""
        query = urllib.parse.urlencode(parameters)
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{query}"
        with urllib.request.urlopen(url, timeout=30) as response:
            document = json.load(response)
        assert document["status"] == "success"
        return document["data"]

    def result(self, expression: str) -> Any:
        """What a PromQL expression gives now."""
        return self.ask("query", query=expression)["result"]

    def firing(self) -> dict[str, Any]:
        """The alerts that are firing, by name."""
        alerts = self.ask("alerts")["alerts"]
        return {
            alert["labels"]["alertname"]: alert for alert in alerts if alert["state"] == "firing"
        }


def _faster(text: str) -> str:
    durations = r"(scrape_interval|scrape_timeout|evaluation_interval|for): (\d+)s"
    return re.sub(durations, lambda found: f"{found[1]}: {max(1, int(found[2]) // FASTER)}s", text)
