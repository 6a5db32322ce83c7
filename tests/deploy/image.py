"""The shipped Dockerfile, read as Docker reads it."""

import re

from tests.end_to_end.fleet import TOP

FOLDER = TOP / "deploy" / "docker"
DOCKERFILE = FOLDER / "Dockerfile"


def instructions() -> list[tuple[str, str]]:
    """Each instruction and its arguments, of all stages, continued lines joined."""
    text = DOCKERFILE.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines(keepends=True) if not line.startswith("#")]
    joined = "".join(lines).replace("\\\n", "")
    found = re.findall(r"^([A-Z]+) +(.*)$", joined, re.MULTILINE)
    assert found[0][0] == "FROM"
    return found


def arguments(name: str) -> list[str]:
    """Of each instruction of that name."""
    return [found for instruction, found in instructions() if instruction == name]


def environment() -> dict[str, str]:
    """What ENV sets."""
    return dict(pair.split("=") for line in arguments("ENV") for pair in line.split())


def copied() -> list[tuple[str, str]]:
    """What is copied from the checkout, and where to."""
    pairs = [line.split() for line in arguments("COPY") if not line.startswith("--from")]
    return [(source, target) for source, target in pairs]
