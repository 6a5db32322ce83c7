"""`make run` in the foreground, and the installed command."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy import run_fleet
from tests.end_to_end.fleet import TOP, Fleet, answer, until


@pytest.fixture
def folder() -> Iterator[Fleet]:
    """A fleet's folder in which nothing runs yet."""
    fleet = Fleet()
    # The launcher looks for the files beside itself.
    (fleet.folder / "deploy").unlink()
    shutil.copytree(TOP / "deploy", fleet.folder / "deploy")
    yield fleet
    fleet.remove()


@contextmanager
def make_run(fleet: Fleet) -> Iterator[subprocess.Popen[str]]:
    """`make run` as a terminal starts it: a process group of its own, which Ctrl-C ends."""
    done = [f"--old-file=.venv/{part}" for part in ("bin/python", "run-installed")]
    make = subprocess.Popen(
        ["make", *done, "run"],
        cwd=fleet.folder,
        # As from a shell, though these tests run under a make of their own.
        env={name: value for name, value in fleet.environment.items() if name[:4] != "MAKE"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield make
    finally:
        if make.poll() is None:
            os.killpg(make.pid, signal.SIGINT)
            make.communicate(timeout=60)


def test_make_run_prints_an_id_and_the_address_and_ctrl_c_stops_all(folder: Fleet) -> None:
    with make_run(folder) as make:
        assert make.stdout
        flake_id, told = make.stdout.readline(), make.stdout.readline()
        assert re.fullmatch(r"\d{19}\n", flake_id)
        assert f"http://127.0.0.1:{folder.public_port}/" in told
        assert make.stdout.readline().endswith(f": http://127.0.0.1:{folder.port(0)}/ui\n")
        until(folder.serves, "the fleet serves")
        os.killpg(make.pid, signal.SIGINT)
        rest, _ = make.communicate(timeout=60)
    assert rest.strip().splitlines()[0] == "stopping"
    assert "Traceback" not in rest
    for port in (folder.public_port, folder.port(0), folder.port(1)):
        assert answer(port) == (0, "")
    assert not (folder.folder / "run" / "supervisord.pid").exists()


def test_make_run_beside_a_running_fleet_says_so(folder: Fleet) -> None:
    folder.start()
    try:
        with make_run(folder) as make:
            told, _ = make.communicate(timeout=60)
    finally:
        folder.stop()
    assert make.returncode != 0
    assert f"127.0.0.1:{folder.public_port} is taken; does a fleet run already?" in told


def test_setup_py_installs_the_package_and_the_commands(tmp_path: Path) -> None:
    source = tmp_path / "source"
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=TOP, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    for name in tracked:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(TOP / name, source / name)
    target = tmp_path / "installed"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    options = ["--no-deps", "--no-build-isolation", "--no-index", f"--target={target}"]
    subprocess.run([*pip, "install", *options, source], check=True)
    for command in ("flake", "flake-client"):
        ended = subprocess.run(
            [sys.executable, target / "bin" / command, "--version"],
            env=os.environ | {"PYTHONPATH": str(target)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        assert re.fullmatch(command + r" \d+\.\d+\.\d+\n", ended.stdout)
    assert (target / "idgen" / "py.typed").exists()
    assert not (target / "tests").exists()


@pytest.mark.parametrize(
    ("listens", "reachable"),
    [
        ("127.0.0.1:8080", "127.0.0.1:8080"),
        ("8080", "127.0.0.1:8080"),
        ("0.0.0.0:8080", "127.0.0.1:8080"),
        ("*:8080", "127.0.0.1:8080"),
        ("[::]:8080", "127.0.0.1:8080"),
        ("[::1]:8080", "[::1]:8080"),
        ("localhost:8080", "localhost:8080"),
    ],
)
def test_the_launcher_asks_where_nginx_listens(listens: str, reachable: str) -> None:
    assert run_fleet._reachable(listens) == reachable
