"""The page beside the load: what `GET /` costs while people look at the fleet."""

import subprocess
import sys
from collections.abc import Callable

from benchmarks.contenders import LOAD_CORE, Contender, Stage
from benchmarks.load import Sample, closed_loop
from benchmarks.rounds import Cell

SCENARIO = "the page and the load"
LOOKERS = {"nobody looks": 0, "one page": 1, "twenty pages": 20}

_SCRIPT = """
import http.client, select, sys
pages = [http.client.HTTPConnection("127.0.0.1", {port}, timeout=5) for _ in range({count})]
while not select.select([sys.stdin], [], [], 1 / max(1, len(pages)))[0]:
    if pages:
        pages.append(page := pages.pop(0))
        page.request("GET", "/fleet.json")
        assert page.getresponse().read().count(b'"serving"') == 2
    print("looked", flush=True)
"""
"""Each page looks once a second, one after the other."""


def cells(running: Stage, seconds: float) -> list[Cell]:
    """A process of a fleet of two, at 25 connections; both are on one core."""
    peer = running.flake()
    flake = running.flake("Flake", f"--peers=127.0.0.1:{peer.port}")
    return [Cell(SCENARIO, name, _beside(flake, count, seconds)) for name, count in LOOKERS.items()]


def _beside(flake: Contender, count: int, seconds: float) -> Callable[[], Sample]:
    def run() -> Sample:
        command = [sys.executable, "-c", _SCRIPT.format(port=flake.port, count=count)]
        pages = subprocess.Popen(
            ["taskset", "-c", str(LOAD_CORE), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert pages.stdin is not None
        assert pages.stdout is not None
        try:
            assert pages.stdout.readline() == b"looked\n"
            return closed_loop(flake, 25, seconds)
        finally:
            pages.stdin.close()
            looked = pages.stdout.read()
            assert pages.wait(30) == 0
            assert looked, "somebody looked while it was measured"

    return run
