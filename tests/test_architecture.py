"""Imports point down only; the pure core knows no clock, file, socket, log or Tornado."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).parent.parent
ALLOWED = {
    "errors": set[str](),
    "limits": set[str](),
    "moments": set[str](),
    "layout": {"errors"},
    "decoding": {"layout", "moments", "errors"},
    "grant": set[str](),
    "generator": {"grant", "layout", "errors"},
    "redis": {"plain"},
    "addresses": set[str](),
    "plain": set[str](),
    "options": {"addresses", "redis", "layout", "moments"},
    "config": {"options", "redis", "errors"},
    "log": set[str](),
    "progress": set[str](),
    "audit": {"decoding", "layout", "moments", "progress"},
    "workers": {"grants", "redis", "layout", "errors"},
    "client": {"decoding", "layout", "limits", "errors"},
    "command": {
        "client",
        "audit",
        "decoding",
        "layout",
        "limits",
        "moments",
        "progress",
        "errors",
    },
    "__main__": {"command"},
    "service": {"generator", "grant", "layout", "errors"},
    "grants": {"service", "grant", "redis", "layout", "moments", "plain", "errors"},
    "quota": {"redis", "moments", "plain", "progress", "errors"},
    "stats": {"service", "errors"},
    "batches": {"service", "limits", "errors"},
    "history": {"service"},
    "fleet": {"history", "service", "grants", "addresses", "redis", "layout", "plain", "errors"},
    "web": {
        "addresses",
        "fleet",
        "history",
        "service",
        "quota",
        "stats",
        "batches",
        "decoding",
        "layout",
        "limits",
        "moments",
        "errors",
    },
    "composition": {
        "web",
        "fleet",
        "quota",
        "grants",
        "history",
        "service",
        "config",
        "addresses",
        "redis",
        "errors",
    },
}
"""What each module or package of idgen may import of the others."""

PURE = [
    "errors", "limits", "moments", "layout", "decoding", "grant", "generator",
    "redis/address", "plain", "addresses",
    "fleet/figures", "fleet/rows", "fleet/roster", "fleet/granted",
    "grants/slots", "grants/jump",
    "grants/redis/claim", "grants/redis/answer", "grants/redis/records", "grants/redis/table",
    "client/errors", "client/servers", "client/settings", "client/choice", "client/budget",
    "client/call", "client/reply", "client/buffer",
    "command/picture", "command/latencies",
    "quota/rules", "quota/decision", "quota/tally", "quota/days",
    "quota/redis/usage_pieces",
    "quota/rule_file", "quota/rule_lines",
    "quota/redis/keys", "quota/redis/route",
]  # fmt: skip
PURE_IMPORTS = {
    "dataclasses",
    "typing",
    "collections",
    "enum",
    "math",
    "re",
    "struct",
    "zlib",
    "hashlib",
    "datetime",
    "urllib",
    "operator",
    "tomllib",
    "itertools",
    "zoneinfo",
    "json",
    "ipaddress",
    "idgen",
}


def rooms() -> Iterator[tuple[str, Path]]:
    for path in sorted((TOP / "idgen").rglob("*.py")):
        room = path.relative_to(TOP / "idgen").parts[0].removesuffix(".py")
        if room != "__init__":
            yield room, path


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            assert node.module
            yield node.module
            if node.module == "idgen":
                yield from (f"idgen.{alias.name}" for alias in node.names)


@pytest.mark.parametrize(
    ("room", "path"), list(rooms()), ids=lambda value: str(value).split("/idgen/")[-1]
)
def test_imports_point_down_only(room: str, path: Path) -> None:
    assert room in ALLOWED, f"{room} has no place in the picture yet"
    inner = {name.split(".")[1] for name in imports(path) if name.startswith("idgen.")}
    inner -= {room, "__version__"}
    assert inner <= ALLOWED[room]


@pytest.mark.parametrize(
    "path", [TOP / "idgen" / f"{name}.py" for name in PURE], ids=lambda path: path.name
)
def test_the_pure_core_knows_no_clock_file_socket_log_or_tornado(path: Path) -> None:
    assert {name.split(".")[0] for name in imports(path)} <= PURE_IMPORTS


def test_only_composition_roots_read_clocks_and_the_environment() -> None:
    for room, path in rooms():
        source = path.read_text(encoding="utf-8")
        if path == TOP / "idgen" / "command" / "main.py":  # a composition root too
            continue
        if room == "composition":  # parts of flake.py
            continue
        if room == "client":  # a library, used in programs of others
            continue
        if path.name == "workers.py":  # another, which goes by Redis's clock
            source = source.replace("os.environ", "")
        if path == TOP / "idgen" / "quota" / "archive.py":  # one more, which goes by the calendar
            for reading in ("os.environ", "time.time_ns", "time.monotonic"):
                source = source.replace(reading, "")
        for reading in ("time.time(", "time_ns", "time.monotonic", "datetime.now", "os.environ"):
            assert reading not in source, f"{path} reads {reading}"


def test_each_part_of_the_picture_exists() -> None:
    assert {room for room, _ in rooms()} == set(ALLOWED)
