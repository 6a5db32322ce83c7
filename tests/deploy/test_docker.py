"""The Dockerfile, as far as it can be tried without an engine that builds it."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from idgen.config import load
from idgen.grants.state_directory import SYSTEM_DIRECTORY
from tests.deploy.image import DOCKERFILE, FOLDER, arguments, copied, environment
from tests.end_to_end.fleet import TOP, answer, free_port, until
from tests.end_to_end.process import running


def test_the_linter_finds_nothing_wrong() -> None:
    hadolint = Path(sys.prefix) / "bin" / "hadolint"
    told = subprocess.run(
        [hadolint, "--no-color", DOCKERFILE], capture_output=True, text=True, timeout=60
    )
    assert (told.returncode, told.stdout) == (0, "")


def test_the_files_that_are_copied_are_enough_to_serve(tmp_path: Path) -> None:
    folder = tmp_path / "opt"
    for source, target in copied():
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        if (TOP / source).is_dir():
            uncompiled = shutil.ignore_patterns("__pycache__")
            shutil.copytree(TOP / source, folder / target, ignore=uncompiled)
        else:
            shutil.copy(TOP / source, folder / target)
    port = free_port()
    settings = environment() | {
        "FLAKE_ADDRESS": "127.0.0.1",
        "FLAKE_PORT": str(port),
        "FLAKE_WORKER_ID": "7",
        "STATE_DIRECTORY": str(tmp_path / "state"),
    }
    (entry,) = arguments("ENTRYPOINT")
    python, program = json.loads(entry)
    assert python == "/opt/flake/.venv/bin/python"
    command = [sys.executable, program.replace("/opt/flake", str(folder))]
    process = subprocess.Popen(command, cwd=folder, env=os.environ | settings)
    try:
        until(lambda: answer(port)[0] == 200, "it serves")
        for target in ("/livez", "/metrics", "/openapi.json", "/ui", "/ui/main.js"):
            assert answer(port, target)[0] == 200, target
    finally:
        process.terminate()
        assert process.wait(30) == 0


def test_the_build_is_told_of_nothing_but_what_is_copied() -> None:
    lines = (FOLDER / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if not line.startswith("#")]
    assert rules[0] == "*"
    assert rules[-1] == "**/__pycache__"
    assert {f"!{source}" for source, _ in copied()} == set(rules[1:-1])


def health(port: int) -> int:
    """Exit status of the health check."""
    (line,) = arguments("HEALTHCHECK")
    command = json.loads(line[line.index("CMD") + len("CMD") :])
    assert command[0] == "/opt/flake/.venv/bin/python"
    nowhere = {"http_proxy": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    settings = environment() | nowhere | {"FLAKE_PORT": str(port)}
    told = subprocess.run(
        [sys.executable, *command[1:]], env=os.environ | settings, capture_output=True, timeout=30
    )
    return told.returncode


def test_the_health_check_tells_a_process_that_answers_from_one_that_is_gone(
    tmp_path: Path,
) -> None:
    with running(tmp_path, "--worker_id=7", "--grants=memory:") as process:
        until(process.serves, "it serves")
        assert health(process.port) == 0
        process.stop()
        assert health(process.port) == 1


def test_another_server_on_the_port_is_not_healthy() -> None:
    with HTTPServer(("127.0.0.1", free_port()), BaseHTTPRequestHandler) as server:
        Thread(target=server.handle_request).start()
        assert health(server.server_port) == 1


def test_the_container_is_nobody_s_root_and_owns_its_state() -> None:
    (user,) = arguments("USER")
    number, group = re.fullmatch(r"(\d+):(\d+)", user).groups()  # type: ignore[union-attr]
    assert int(number) >= 10_000
    (volume,) = arguments("VOLUME")
    assert Path(volume) == SYSTEM_DIRECTORY
    assert f"install -d -o {number} -g {group} -m 0750 {volume}" in arguments("RUN")


def test_the_settings_of_the_image_are_settings() -> None:
    settings = load([], environment() | {"FLAKE_WORKER_ID": "7"})
    assert settings.address == "0.0.0.0"
    assert arguments("EXPOSE") == [str(settings.port)]


def test_the_image_has_the_python_that_the_checkout_is_written_for() -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))
    version = project["tool"]["mypy"]["python_version"]
    assert {line.split()[0] for line in arguments("FROM")} == {f"python:{version}-slim"}


@pytest.mark.parametrize("word", ["--require-hashes", "--only-binary=:all:"])
def test_what_is_installed_is_locked_and_built(word: str) -> None:
    (install,) = [line for line in arguments("RUN") if "pip install" in line]
    assert word in install.split()
