"""deploy/README.md: its commands run, its links lead somewhere, and it leaves nothing out."""

import re
import subprocess

import pytest
import yaml

from tests.deploy.prometheus import FOLDER
from tests.end_to_end.fleet import TOP
from tests.end_to_end.test_readme import anchors

README = TOP / "deploy" / "README.md"
TEXT = README.read_text(encoding="utf-8")
COMMANDS = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
THIS = "make test TESTS=tests/deploy"
"""What runs this."""


@pytest.mark.parametrize("command", [command for command in COMMANDS if command != THIS])
def test_a_command_of_the_page_does_its_work(command: str) -> None:
    told = subprocess.run(
        ["bash", "-c", command], cwd=TOP, capture_output=True, text=True, timeout=60
    )
    assert told.returncode == 0, told.stdout + told.stderr


def test_the_page_says_how_to_run_these_tests() -> None:
    assert THIS in COMMANDS


def test_the_links_of_the_page_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        path, _, anchor = target.partition("#")
        assert (README.parent / path).exists(), target
        assert not anchor or anchor in anchors(README.parent / path), target


def test_the_page_names_each_file_and_alert() -> None:
    unnamed = {README.name, "__pycache__"}
    parts = {entry.name for entry in README.parent.iterdir()} - unnamed
    assert len(parts) > 5
    assert all(f"]({part}" in TEXT for part in parts)
    rules = yaml.safe_load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))["groups"][0][
        "rules"
    ]
    for rule in rules:
        assert f"| `{rule['alert']}` | {rule['labels']['severity']} |" in TEXT
