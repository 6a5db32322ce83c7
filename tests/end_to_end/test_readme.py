"""Every command of the README runs, and what it promises of them holds."""

import re
import subprocess
from collections.abc import Iterator

import pytest

from idgen.config import OPTIONS
from idgen.web.app import ROUTES
from tests.end_to_end.fleet import TOP, Fleet

README = (TOP / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
MAKE = {"make run", "make test", "make install", "make chaos SCALE=1", "make bench"}
"""Run by test_make.py, by whoever reads this, by either's set-up, by test_chaos.py, by hand."""


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with Fleet() as fleet:
        yield fleet


@pytest.mark.parametrize("command", sorted({*COMMANDS} - MAKE, key=COMMANDS.index))
def test_a_command_of_the_readme_does_its_work(fleet: Fleet, command: str) -> None:
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
    dry_run = subprocess.run([*command.split(), "--dry-run"], cwd=TOP, capture_output=True)
    assert dry_run.returncode == 0


def test_the_readme_names_each_option_and_route() -> None:
    for name in OPTIONS:
        assert f"`--{name}`" in README
    for path in ROUTES:
        assert path.replace("{id}", "ID") in README


def test_the_links_inside_the_readme_lead_somewhere() -> None:
    headings = re.findall(r"^#+ (.*)$", README, re.MULTILINE)
    anchors = {heading.lower().replace(" ", "-").replace(",", "") for heading in headings}
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert target.removeprefix("#") in anchors or (TOP / target).exists(), target
