"""The programs of docs/clients.md, as printed, but for addresses and time-outs.

A time-out is made long: a busy machine may take its time.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from idgen.client import decode
from tests.end_to_end.fleet import TOP, until
from tests.end_to_end.process import running

PAGE = (TOP / "docs" / "clients.md").read_text(encoding="utf-8")
NAMED_BLOCK = re.compile(
    r"^```\w+\n(?P<text>(#|//) (?P<name>\S+\.\w+)\n.*?)^```$", re.MULTILINE | re.DOTALL
)
PROGRAMS = {block["name"]: block["text"] for block in NAMED_BLOCK.finditer(PAGE)}
PRINTED_SERVERS = '["10.0.0.1:8080", "10.0.0.2:8080"]'
PATIENT = {
    "one_id.py": (PRINTED_SERVERS, f"{PRINTED_SERVERS}, deadline_s=60"),
    "one_id_async.py": ("from_env()", "from_env(deadline_s=60)"),
    "ids.py": ("prefetch=1000", "prefetch=1000, deadline_s=60"),
    "next_id.go": ("250 * time.Millisecond", "60 * time.Second"),
    "NextId.java": ("Duration.ofSeconds(1)", "Duration.ofSeconds(60)"),
    "next_id.mjs": ("timeout(250)", "timeout(60_000)"),
}
"""What is printed, and what is run in its place."""
WORKER_IDS = (700, 701)
"""Of the servers that the programs ask."""


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Two real servers, as FLAKE_SERVERS has them."""
    one, other = (("--grants=memory:", f"--worker_id={worker_id}") for worker_id in WORKER_IDS)
    with running(folder, *one) as first, running(folder, *other) as second:
        until(lambda: first.serves() and second.serves(), "both serve")
        yield f"127.0.0.1:{first.port},127.0.0.1:{second.port}"


def write(folder: Path, servers: str, *names: str) -> None:
    """Programs of the page, as files; servers: with commas between, where the page prints some."""
    for name in names:
        text = PROGRAMS[name]
        if name in PATIENT:
            printed, patient = PATIENT[name]
            assert text.count(printed) == 1, printed
            text = text.replace(printed, patient)
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.replace(PRINTED_SERVERS, f"{servers.split(',')}"), encoding="utf-8")


def environment(servers: str) -> dict[str, str]:
    """What a program runs in."""
    return os.environ | {"FLAKE_SERVERS": servers, "PYTHONPATH": str(TOP)}


def run(folder: Path, servers: str, *command: str) -> "subprocess.CompletedProcess[str]":
    """How it ended, and what it printed."""
    return subprocess.run(
        command,
        cwd=folder,
        env=environment(servers),
        capture_output=True,
        text=True,
        timeout=110,
    )


def output(folder: Path, servers: str, *command: str) -> str:
    """What it prints; it must end well."""
    ended = run(folder, servers, *command)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def ids_of(text: str) -> list[int]:
    """The IDs of a text that has nothing else; each is of the servers, and there once."""
    ids = [int(word) for word in text.split()]
    assert len({*ids}) == len(ids)
    for flake_id in ids:
        assert decode(flake_id).worker_id in WORKER_IDS
    return ids
