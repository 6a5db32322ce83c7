"""flake.py as a process: its messages, its exit statuses, its limits."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from idgen.grants.slots import LAYOUT, Slot, parse
from idgen.layout import DEFAULT_EPOCH_MS
from tests.end_to_end.fleet import TOP, answer, free_port, until

FLAKE = [sys.executable, str(TOP / "flake.py")]
LARGEST_BATCH = b"GET /?n=65536 HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory of the test's own."""
    folder = tmp_path / "state"
    monkeypatch.setenv("STATE_DIRECTORY", str(folder))
    return folder


def run(*arguments: str, environment: dict[str, str] | None = None) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of a run that ends by itself."""
    ended = subprocess.run(
        [*FLAKE, *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        env=os.environ | (environment or {}),
    )
    return ended.returncode, ended.stdout, ended.stderr


@contextmanager
def started(
    port: int, *arguments: str, prefix: tuple[str, ...] = ()
) -> Iterator[subprocess.Popen[str]]:
    """A serving process; it is asked to stop at the end if it still runs."""
    process = subprocess.Popen(
        [*prefix, *FLAKE, "--worker_id=5", f"--port={port}", *arguments],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        until(lambda: _accepts(port, arguments), "it listens")
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=30)


def _accepts(port: int, arguments: tuple[str, ...]) -> bool:
    address = "::1" if "--address=::1" in arguments else "127.0.0.1"
    try:
        socket.create_connection((address, port), timeout=5).close()
    except OSError:
        return False
    return True


def stop(process: subprocess.Popen[str], signal_number: int = signal.SIGTERM) -> tuple[int, str]:
    """Exit status and standard error."""
    process.send_signal(signal_number)
    _, stderr = process.communicate(timeout=30)
    return process.returncode, stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "flake: --worker_id is required: 0 to 1023"),
        (["--worker_id=1024"], "flake: --worker_id: '1024' is not a whole number from 0 to 1023"),
        (["--worker_id=1", "--port=x"], "flake: --port: 'x' is not a whole number from 1 to 65535"),
        (["--worker_id=1", "--nonsense=1"], "flake: unknown option '--nonsense'"),
        (["--worker_id=1", "stray"], "flake: stray argument 'stray'"),
        (["--worker_id=1", "--address=no.such.host.invalid"], "flake: --address: 'no.such"),
        (["--worker_id=1", "--address=a..b"], "flake: --address: 'a..b' is no address"),
        (["--worker_id=1", "--address=999.1.1.1"], "flake: --address: '999.1.1.1'"),
    ],
)
def test_a_bad_setting_is_one_line_and_exit_status_2(arguments: list[str], message: str) -> None:
    status, stdout, stderr = run(*arguments)
    assert (status, stdout) == (2, "")
    assert stderr.startswith(message)
    assert stderr.count("\n") == 1


def test_a_bad_environment_variable_is_named() -> None:
    status, _, stderr = run("--worker_id=1", environment={"FLAKE_PORT": "http"})
    assert status == 2
    assert (
        stderr == "flake: --port: 'http' (from FLAKE_PORT) is not a whole number from 1 to 65535\n"
    )


def test_help_and_version_end_well_on_standard_output() -> None:
    status, stdout, stderr = run("--help")
    assert (status, stderr) == (0, "")
    assert "--worker_id N" in stdout
    status, stdout, stderr = run("--version")
    assert (status, stderr) == (0, "")
    assert re.fullmatch(r"flake \d+\.\d+\.\d+\n", stdout)


def test_a_taken_port_is_one_line_and_exit_status_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, stdout, stderr = run("--worker_id=1", f"--port={port}")
    assert (status, stdout) == (1, "")
    assert stderr == f"flake: 127.0.0.1 port {port}: Address already in use\n"


def test_without_the_dependencies_one_line_names_make_run(tmp_path: Path) -> None:
    shutil.copy(TOP / "flake.py", tmp_path)
    shutil.copytree(TOP / "idgen", tmp_path / "idgen")
    ended = subprocess.run(
        [sys.executable, "-S", tmp_path / "flake.py"], capture_output=True, text=True, timeout=30
    )
    assert ended.returncode == 1
    assert re.fullmatch(r"flake: \w+ is not installed; `make run` .*\n", ended.stderr)


def test_with_the_dependencies_in_dot_venv_it_finds_them_by_itself(tmp_path: Path) -> None:
    shutil.copy(TOP / "flake.py", tmp_path)
    shutil.copytree(TOP / "idgen", tmp_path / "idgen")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    ended = subprocess.run(
        [sys.executable, "-S", tmp_path / "flake.py", "--version"],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("flake ")


def test_flake_py_is_executable() -> None:
    assert os.access(TOP / "flake.py", os.X_OK)
    assert (TOP / "flake.py").read_text().startswith("#!/usr/bin/env python3\n")


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_and_exits_0(signal_number: int, state: Path) -> None:
    port = free_port()
    with started(port, "--logging=info") as process:
        until(lambda: answer(port)[0] == 200, "it has a grant")
        status, stderr = stop(process, signal_number)
    assert status == 0
    lines = [line for line in stderr.splitlines() if " 503 not_ready: " not in line]
    listening, draining = lines
    file = state / "worker-5.grant"
    assert f"worker 5 listens on 127.0.0.1:{port}, grants from file:{file}" in listening
    assert draining.endswith("draining")
    assert parse(file.read_bytes()).newer


def test_a_second_process_with_the_worker_id_is_refused_and_names_the_first() -> None:
    port = free_port()
    with started(port) as first:
        status, stdout, stderr = run("--worker_id=5", f"--port={free_port()}")
        assert (status, stdout) == (1, "")
        assert stderr.startswith(f"flake: worker_id 5 is held by process {first.pid}: /")
        assert stderr.count("\n") == 1


def test_corrupt_state_is_one_line_and_exit_status_1(state: Path) -> None:
    state.mkdir()
    (state / "worker-5.grant").write_bytes(b"x" * 8192)
    status, stdout, stderr = run("--worker_id=5", f"--port={free_port()}")
    assert (status, stdout) == (1, "")
    assert "is corrupt in both slots" in stderr
    assert stderr.count("\n") == 1


def test_another_epoch_is_one_line_and_exit_status_2(state: Path) -> None:
    port = free_port()
    with started(port):
        pass
    status, stdout, stderr = run("--worker_id=5", "--epoch_ms=1767225600000")
    assert (status, stdout) == (2, "")
    assert stderr.startswith("flake: --epoch_ms: 1767225600000 is not 1259193600000, to which /")
    assert stderr.count("\n") == 1


def test_a_directory_that_can_t_be_used_is_one_line_and_exit_status_1(state: Path) -> None:
    state.write_text("not a directory")
    status, stdout, stderr = run("--worker_id=5", f"--port={free_port()}")
    assert (status, stdout) == (1, "")
    assert stderr.startswith(f"flake: {state}/worker-5.grant can't be opened: ")
    assert stderr.count("\n") == 1


def test_a_floor_far_ahead_is_a_500_until_the_clock_has_passed_it(state: Path) -> None:
    state.mkdir()
    floor_unix_ms = time.time_ns() // 1_000_000 + 4000
    slot = Slot(1, floor_unix_ms, LAYOUT, DEFAULT_EPOCH_MS, 1).to_bytes()
    (state / "worker-5.grant").write_bytes(slot + replace_counter(slot))
    port = free_port()
    with started(port) as process:
        status, text = answer(port)
        assert status == 500
        until_then = f"no IDs until {floor_unix_ms + 1}"
        assert re.fullmatch(rf"clock moved backwards \d+ ms; {until_then}", text)
        status, text = answer(port, "/readyz")
        assert (status, text.endswith(until_then)) == (503, True)
        until(lambda: answer(port)[0] == 200, "the clock has passed the floor")
        assert stop(process)[0] == 0


def replace_counter(slot: bytes) -> bytes:
    """The same record as another slot would hold it."""
    newer = parse(slot).newer
    assert newer
    return replace(newer, counter=2).to_bytes()


def test_it_listens_on_ipv6_too() -> None:
    port = free_port()
    with (
        started(port, "--address=::1") as process,
        socket.create_connection(("::1", port), timeout=10) as client,
    ):
        client.sendall(b"GET /livez HTTP/1.0\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 200 OK")
        client.close()
        assert stop(process)[0] == 0


def test_logging_warning_is_quiet_but_for_warnings() -> None:
    port = free_port()
    with started(port, "--logging=warning", "--grants=memory:") as process:
        answer(port)
        answer(port, "/?n=0")
        status, stderr = stop(process)
    assert status == 0
    assert [line.split(" ", 2)[1] for line in stderr.splitlines()] == ["warning"]


def test_json_lines_are_json() -> None:
    port = free_port()
    with started(port, "--log_format=json", "--grants=memory:") as process:
        _, stderr = stop(process)
    assert [json.loads(line)["level"] for line in stderr.splitlines()] == [
        "warning",
        "info",
        "info",
    ]


def test_a_client_that_never_reads_doesn_t_keep_a_drain_from_ending() -> None:
    port = free_port()
    with started(port, "--grants=memory:") as process, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", port))
        client.sendall(LARGEST_BATCH * 20)
        until(lambda: '"generated_ids":0' not in answer(port, "/stats")[1], "it began to answer")
        begun_s = time.monotonic()
        assert stop(process)[0] == 0
    assert time.monotonic() - begun_s < 10, "5 s, and a slow machine"


def test_more_connections_than_files_are_closed_and_don_t_make_it_spin() -> None:
    port = free_port()
    limited = ("/bin/sh", "-c", 'ulimit -n 100; exec "$@"', "sh")
    with started(port, "--grants=memory:", prefix=limited) as process:
        clients = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(150)]
        closed = [client for client in clients if _is_closed(client)]
        assert len(closed) >= 150 - 100
        spent_before = _cpu_s(process.pid)
        time.sleep(1)
        assert _cpu_s(process.pid) - spent_before < 0.5, "it spins"
        for client in clients:
            client.close()
        until(lambda: answer(port)[0] == 200, "it serves again")
        status, stderr = stop(process)
    assert status == 0
    assert "Too many open files" not in stderr
    assert len(stderr.splitlines()) == 3


def _is_closed(client: socket.socket) -> bool:
    """Whether the server has closed; one that serves answers instead."""
    try:
        client.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        return client.recv(100) == b""
    except ConnectionError:
        return True


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
