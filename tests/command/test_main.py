import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path

import pytest

from idgen import __version__
from idgen.command.main import run
from tests.command.shell import (
    BARE,
    COMMAND,
    GOLDEN,
    PATIENT,
    ended,
    environment,
    shell,
    to_nobody,
)
from tests.end_to_end.fleet import TOP, answer, until

INTERRUPTIBLE = ["env", "--default-signal=INT", *COMMAND]
"""A shell that runs the tests in its background has them ignore SIGINT."""
COMMANDS = ["get", "decode", "bounds", "audit", "bench"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "the following arguments are required: COMMAND; flake-client --help"),
        (["gett"], "COMMAND: invalid choice: 'gett'"),
        (["--vers"], "the following arguments are required: COMMAND"),
        (["get", "--server=x:1"], "unrecognized arguments: --server=x:1"),
        (["get", "--servers=x:0"], "a server is HOST:PORT or http"),
        (
            ["get", "-n", "0"],
            "-n: '0' is not a whole number from 1 to 1000000000; flake-client get",
        ),
        (["get", "-n", "1_0"], "-n: '1_0' is not a whole number from 1 to 1000000000"),
        (["get", "-n", "1000000001"], "-n: '1000000001' is not a whole number from 1 to 10"),
        (["get", "--timeout_s=0"], "--timeout_s: '0' is not a number of seconds above 0 and at"),
        (["get", "--deadline_s=nan"], "--deadline_s: 'nan' is not a number of seconds above 0"),
        (["get", "--deadline_s=3600.1"], "--deadline_s: '3600.1' is not a number of seconds"),
        (["decode", "--epoch_ms=-1", "0"], "--epoch_ms: '-1' is not a whole number from 0 to 251"),
        (["bounds", "0"], "the following arguments are required: TO; flake-client bounds --help"),
        (["audit", "--format=xml"], "--format: invalid choice: 'xml'"),
        (["bench", "--seconds=3601"], "--seconds: '3601' is not a number of seconds above 0 and"),
        (["bench", "--connections=1001"], "--connections: '1001' is not a whole number from 1 to"),
        (["bench", "-n", "65537"], "-n: '65537' is not a whole number from 1 to 65536"),
        (["get", "--a\nb\x1b[2J"], r"unrecognized arguments: --a\nb\x1b[2J"),
        (["get", "-n", "9" * 100], f"-n: '{'9' * 64}…' is not a whole number"),
    ],
)
def test_a_mistake_is_one_line_and_exit_status_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"flake-client: {said}")
    assert err.count("\n") == 1


@pytest.mark.parametrize("command", ["get", "bench"])
def test_without_servers_one_line_names_both_ways_to_name_some(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FLAKE_SERVERS", raising=False)
    assert run([command]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("flake-client: --servers is missing, and FLAKE_SERVERS is not set")
    assert err.count("\n") == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_each_command_has_an_example_and_fits_a_terminal(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run([command, "--help"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "\nexample: flake-client " in out
    assert max(map(len, out.splitlines())) <= 88


def test_the_help_names_all_commands_and_the_version_is_ours() -> None:
    told = shell("--help")
    assert (told.status, told.err) == (0, "")
    for command in COMMANDS:
        assert f"    {command} " in told.out
    assert shell("--version").out == f"flake-client {__version__}\n"


def test_who_reads_no_further_ends_it_quietly_with_141(server: str) -> None:
    script = f'{" ".join(COMMAND)} get -n 100000 "$@" | head -1; echo "${{PIPESTATUS[0]}}"'
    done = ended(["bash", "-c", script, "bash", f"--servers={server}", *PATIENT])
    first, status = done.out.splitlines()
    assert first.isdigit()
    assert (status, done.err) == ("141", "")


@pytest.mark.parametrize(
    "arguments", [["decode", str(GOLDEN)], ["--help"], ["bounds", "1300000000000", "1300000000000"]]
)
def test_output_that_nobody_reads_is_noticed_at_the_end_too(arguments: list[str]) -> None:
    done = to_nobody(*arguments)
    assert (done.status, done.err) == (141, "")


def test_where_errors_go_nowhere_the_ids_still_come() -> None:
    script = f'{" ".join(COMMAND)} decode x {GOLDEN} 2> >(exec true); echo "$?"'
    done = ended(["bash", "-c", script])
    assert done.out.splitlines()[0].startswith(str(GOLDEN))
    assert done.out.splitlines()[1] == "1"


def test_a_full_disk_is_one_line_and_exit_status_1() -> None:
    done = ended(["bash", "-c", f"{' '.join(COMMAND)} decode {GOLDEN} >/dev/full"])
    assert (done.status, done.err) == (1, "flake-client: [Errno 28] No space left on device\n")


def test_a_standard_input_that_can_t_be_read_is_one_line_after_what_came_before() -> None:
    done = ended(["bash", "-c", f"{' '.join(COMMAND)} decode {GOLDEN} - 0>/dev/null"])
    assert done.out.startswith(str(GOLDEN))
    assert (done.status, done.err) == (1, "flake-client: [Errno 9] Bad file descriptor\n")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_a_closed_standard_stream_is_as_good_as_none(closed: str) -> None:
    done = ended(["bash", "-c", f"{' '.join(COMMAND)} decode {GOLDEN} x - {closed}"])
    assert done.status == 1
    assert done.out.count("\n") == (0 if closed == ">&-" else 1)
    assert done.err.count("\n") == (0 if closed == "2>&-" else 1)


def test_with_standard_output_closed_no_id_is_spent(server: str) -> None:
    before = ids_given(server)
    done = ended(["bash", "-c", f"{' '.join(COMMAND)} get --servers={server} >&-"])
    assert (done.status, done.err) == (1, "flake-client: standard output is closed\n")
    assert ids_given(server) == before


@pytest.mark.parametrize(
    "arguments", [["get", "-n", "1000000000", *PATIENT], ["bench", "--seconds=3600"]]
)
def test_ctrl_c_ends_it_quietly_with_130(server: str, arguments: list[str]) -> None:
    before = ids_given(server)
    process = subprocess.Popen(
        [*INTERRUPTIBLE, *arguments, f"--servers={server}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=TOP,
        env=environment(),
    )
    try:
        until(lambda: ids_given(server) > before, "it asks")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.communicate()[1] == b""
    finally:
        process.kill()


def test_ctrl_c_doesn_t_wait_for_whoever_doesn_t_read() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):  # it is full
        while True:
            os.write(writing, b"x")
    os.set_blocking(writing, True)
    process = subprocess.Popen(
        [*INTERRUPTIBLE, "decode"],
        stdin=subprocess.PIPE,
        stdout=writing,
        cwd=TOP,
        env=environment(),
    )
    os.close(writing)
    assert process.stdin
    ids = process.stdin.fileno()
    try:
        os.write(ids, b"%d\n" % GOLDEN)
        until(lambda: waiting_bytes(ids) == 0, "the ID is read")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    finally:
        process.kill()
        process.communicate()
        os.close(reading)


def waiting_bytes(pipe: int) -> int:
    """That nobody has read yet."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


def ids_given(server: str) -> int:
    """By a server since it started."""
    _, stats = answer(int(server.rpartition(":")[2]), "/stats")
    return int(json.loads(stats)["generated_ids"])


def test_what_ctrl_c_cuts_off_doesn_t_complain() -> None:
    script = """
from idgen.command import bounds, main

class Half:
    def __del__(self):
        raise ValueError("half made")

def run(options, around):
    half = Half()
    raise KeyboardInterrupt

bounds.run = run
raise SystemExit(main.run(["bounds", "0", "0"]))
"""
    done = ended([sys.executable, "-c", script])
    assert (done.status, done.err) == (130, "")


def test_ctrl_c_while_it_begins_is_quiet_too(tmp_path: Path) -> None:
    (tmp_path / "argparse.py").write_text("raise KeyboardInterrupt\n")
    done = shell("decode", "0", PYTHONPATH=str(tmp_path))
    assert (done.status, done.out, done.err) == (130, "", "")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("get", "flake-client: idgen.client.Client needs requests: pip install '.[client]'"),
        ("bench", "flake-client: idgen.client.AsyncClient needs aiohttp: pip install '.[async-cl"),
        ("audit", "audit: numpy is missing; pip install '.[audit]' installs it"),
    ],
)
def test_what_isn_t_installed_is_one_line_and_exit_status_2(command: str, said: str) -> None:
    done = ended([*BARE, command], FLAKE_SERVERS="127.0.0.1:1")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(said)
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [["decode", "0"], ["bounds", "1300000000000", "1300000000000"]]
)
def test_what_asks_no_server_needs_nothing_installed(arguments: list[str]) -> None:
    assert ended([*BARE, *arguments]).status == 0
