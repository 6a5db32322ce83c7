"""Every command of the README runs, and what it promises of them holds."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from idgen.options import OPTIONS
from idgen.web.app import ROUTES
from tests.end_to_end.fleet import TOP, Fleet
from tests.redis_server import RedisServer

README = (TOP / "README.md").read_text(encoding="utf-8")
PAGES = {"README.md": README} | {
    f"docs/{page.name}": page.read_text(encoding="utf-8") for page in (TOP / "docs").glob("*.md")
}
COMMANDS = [
    line
    for page in PAGES.values()
    for block in re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
QUOTAS = "FLAKE_QUOTA_RULES=quota.example.toml"
MAKE = {
    "make run",
    f"{QUOTAS} make run",
    "make test",
    "make install",
    "make chaos SCALE=1",
    "make bench",
}
"""Run by test_make.py, by whoever reads this, by either's set-up, by test_chaos.py, by hand."""


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    fleet = Fleet()
    fleet.environment |= dict([QUOTAS.split("=")])
    with fleet:
        yield fleet


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.mark.parametrize("command", sorted({*COMMANDS} - MAKE, key=COMMANDS.index))
def test_a_command_of_the_pages_does_its_work(
    fleet: Fleet, redis: RedisServer, command: str
) -> None:
    command = command.replace(":6379", f":{redis.port}")
    if command.startswith("./flake.py"):  # serves until it is told to stop, and then ends well
        command = "timeout --preserve-status 2 " + command.replace("=8", f"={fleet.shift}8")
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", fleet.shifted(command).replace("curl", "curl -fsS")],
        cwd=fleet.folder,
        env=fleet.environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout or "flake.py" in command


@pytest.mark.parametrize("command", sorted(MAKE))
def test_the_makefile_has_the_targets_that_the_readme_names(command: str) -> None:
    assert command in COMMANDS
    dry_run = subprocess.run(f"{command} --dry-run", shell=True, cwd=TOP, capture_output=True)
    assert dry_run.returncode == 0


def test_the_readme_names_each_option_and_route() -> None:
    for name, option in OPTIONS.items():
        assert f"`--{name}`" in README or (not option.on_command_line and f"`{name}`" in README)
    for path in ROUTES:
        assert path.replace("{id}", "ID").replace("{name}", "NAME") in README


@pytest.mark.parametrize("page", PAGES)
def test_the_links_of_a_page_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", PAGES[page]):
        if not target.startswith("https:"):
            path, _, anchor = target.partition("#")
            file = (TOP / page).parent / path if path else TOP / page
            assert file.exists(), target
            assert not anchor or anchor in anchors(file), target


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {heading.lower().replace(" ", "-").replace(",", "") for heading in headings}
