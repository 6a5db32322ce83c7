"""The shipped systemd unit, read as systemd reads it."""

import re
import shlex
import subprocess

from tests.end_to_end.fleet import TOP

UNIT = TOP / "deploy" / "systemd" / "flake@.service"


def settings() -> dict[str, list[str]]:
    """All values of each name, in the order of the file."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


def in_checkout(text: str) -> str:
    """The text with the checkout in the place of /opt/flake."""
    return text.replace("/opt/flake", str(TOP))


def command(worker_id: int) -> list[str]:
    """ExecStart of an instance, run from the checkout."""
    (line,) = settings()["ExecStart"]
    return shlex.split(in_checkout(line).replace("%i", str(worker_id)).replace("$$", "$"))


def system_calls() -> list[str]:
    """Those that the lines of SystemCallFilter= leave, the first of which is a list to allow."""
    sets = _system_call_sets()
    allowed: set[str] = set()
    for line in settings()["SystemCallFilter"]:
        named: set[str] = set()
        for name in line.removeprefix("~").split():
            named |= _expanded(name, sets)
        allowed = allowed - named if line.startswith("~") else allowed | named
    return sorted(allowed)


def _system_call_sets() -> dict[str, list[str]]:
    """systemd's own, which may name one another."""
    told = subprocess.run(
        ["systemd-analyze", "syscall-filter", "--no-pager"],
        capture_output=True,
        text=True,
        check=True,
    )
    sets = re.findall(r"^(@\S+)\n((?:(?: .*)?\n)*)", told.stdout, re.MULTILINE)
    return {name: re.findall(r"^ +(@?[\w-]+)$", body, re.MULTILINE) for name, body in sets}


def _expanded(name: str, sets: dict[str, list[str]]) -> set[str]:
    if not name.startswith("@"):
        return {name}
    return {call for part in sets[name] for call in _expanded(part, sets)}
