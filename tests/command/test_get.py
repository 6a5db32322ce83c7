from collections.abc import Callable

import pytest

from idgen.command.main import run
from idgen.decoding import decode
from tests.command.recording import recording
from tests.command.shell import PATIENT, Ended, shell


@pytest.fixture
def get(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """The command in this process, which saves its start."""

    def run_here(*arguments: str) -> Ended:
        status = run(["get", *arguments])
        return Ended(status, *capsys.readouterr())

    return run_here


def test_one_id_is_the_default(server: str, get: Callable[..., Ended]) -> None:
    done = get(f"--servers={server}", *PATIENT)
    assert (done.status, done.err) == (0, "")
    assert done.out.endswith("\n")
    assert decode(int(done.out)).worker_id == 5


def test_as_many_as_asked_for_come_one_a_line_and_none_twice(server: str) -> None:
    done = shell("get", "-n", "10000", *PATIENT, FLAKE_SERVERS=server)
    assert (done.status, done.err) == (0, "")
    ids = [int(line) for line in done.out.splitlines()]
    assert len(ids) == len(set(ids)) == 10_000


def test_the_option_wins_over_the_environment(
    server: str, nobody: str, get: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLAKE_SERVERS", nobody)
    assert get(f"--servers={server}", *PATIENT).status == 0


def test_a_server_that_isn_t_there_is_one_line_and_exit_status_1(
    nobody: str, get: Callable[..., Ended]
) -> None:
    done = get(f"--servers={nobody}", *PATIENT)
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("flake-client: no server gave IDs")
    assert nobody in done.err
    assert done.err.count("\n") == 1


def test_many_are_asked_for_in_requests_that_nginx_has_the_patience_for(
    get: Callable[..., Ended],
) -> None:
    with recording(lambda _: 200) as (server, targets):
        done = get("-n", "10000", f"--servers={server}", *PATIENT)
    assert targets == ["/?n=4096", "/?n=4096", "/?n=1808"]
    assert done.out.count("\n") == 10_000


def test_what_came_before_a_failure_is_printed(get: Callable[..., Ended]) -> None:
    with recording(lambda before: 200 if before < 2 else 500) as (server, _):
        done = get("-n", "10000", f"--servers={server}", *PATIENT)
    assert (done.status, done.out.count("\n"), done.err.count("\n")) == (1, 8192, 1)
    assert "failed (500 out of order)" in done.err


def test_the_time_out_and_the_deadline_are_the_client_s(get: Callable[..., Ended]) -> None:
    # 1.2 s are more than either has by default; with the default time-out it would ask again.
    with recording(lambda _: 200, wait_s=1.2) as (server, targets):
        done = get(f"--servers={server},http://{server}/other", *PATIENT)
    assert (done.status, done.out, len(targets)) == (0, "0\n", 1)
