"""The command as a shell runs it: a process of its own, with pipes, or on a terminal."""

import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass

from tests.end_to_end.fleet import TOP

COMMAND = [sys.executable, "-m", "idgen"]
BARE = [sys.executable, "-S", "-m", "idgen"]
"""Without anything that is installed."""
PATIENT = ["--timeout_s=20", "--deadline_s=30"]
"""A busy machine may be slow."""
GOLDEN = 2248254318702493695


@dataclass(frozen=True)
class Ended:
    """What is left of a process."""

    status: int
    out: str
    err: str


def environment(**others: str) -> dict[str, str]:
    """Ours, but for what would change what a command does."""
    changing = ("FLAKE_SERVERS", "NO_COLOR", "PYTHONUNBUFFERED")
    return {key: value for key, value in os.environ.items() if key not in changing} | others


def shell(*arguments: str, stdin: bytes = b"", **others: str) -> Ended:
    """Run the command with these arguments, and others in its environment."""
    return ended([*COMMAND, *arguments], stdin, **others)


def ended(command: list[str], stdin: bytes = b"", **others: str) -> Ended:
    """Run any program."""
    done = subprocess.run(
        command, input=stdin, capture_output=True, timeout=60, cwd=TOP, env=environment(**others)
    )
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


def to_nobody(*arguments: str) -> Ended:
    """Run the command with a standard output that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdout=writing, stderr=subprocess.PIPE, cwd=TOP, env=environment()
    )
    os.close(writing)
    _, err = process.communicate(timeout=60)
    return Ended(process.returncode, "", err.decode())


def on_terminal(*arguments: str, stream: str, **others: str) -> tuple[int, str]:
    """Exit status, and what a terminal is sent that is the command's stdout or stderr."""
    ours, theirs = pty.openpty()
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | {stream: theirs}
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=subprocess.DEVNULL,
        cwd=TOP,
        env=environment(**others),
        stdout=streams["stdout"],
        stderr=streams["stderr"],
    )
    os.close(theirs)
    sent = b""
    with suppress(OSError):  # at its end a terminal's other side is an error
        while chunk := os.read(ours, 4096):
            sent += chunk
    os.close(ours)
    return process.wait(60), sent.decode().replace("\r\n", "\n")


def without_colours(text: str) -> str:
    """The same without the escapes that colour it."""
    return re.sub(r"\x1b\[[0-9]+m", "", text)
