import asyncio
import itertools
import re
from argparse import Namespace

import pytest

from idgen.client import Attempt, NoServerAnswered, Outcome, RequestRefused
from idgen.command.asking import Tally
from idgen.command.bench import run
from idgen.command.latencies import Latencies
from idgen.command.surroundings import Surroundings
from tests.command.recording import recording
from tests.command.shell import on_terminal, shell

FIGURES = re.compile(
    r"([\d,]+) calls in ([\d.]+) s: ([\d,]+) calls/s, ([\d,]+) IDs/s\n"
    r"latency: p50 ([\d.]+) ms, p90 ([\d.]+) ms, p99 ([\d.]+) ms, max ([\d.]+) ms\n"
    r"0 errors\n"
)


def number(text: str) -> float:
    return float(text.replace(",", ""))


def test_it_tells_rate_and_latency_of_a_server(server: str) -> None:
    done = shell("bench", "--seconds=.5", "--connections=3", "-n", "100", f"--servers={server}")
    assert (done.status, done.err) == (0, "")
    figures = FIGURES.fullmatch(done.out)
    assert figures, done.out
    calls, elapsed_s, calls_a_second, ids_a_second, *latencies = map(number, figures.groups())
    assert calls >= 3
    assert elapsed_s >= 0.5
    assert ids_a_second == pytest.approx(100 * calls_a_second, abs=50)
    assert latencies == sorted(latencies)


def test_where_no_call_succeeds_the_errors_are_told_by_kind_and_the_status_is_1(
    nobody: str,
) -> None:
    done = shell("bench", "--seconds=.05", "--connections=2", FLAKE_SERVERS=nobody)
    assert (done.status, done.err) == (1, "")
    first, second, third = done.out.splitlines()
    assert first.startswith("0 calls in ")
    count = second.removesuffix(" errors")
    assert int(count) >= 2
    kind = "no_server_answered (could not be connected to)"
    assert third.startswith(f"  {count} {kind}, the last: http://{nobody} could not be connected")


def test_a_terminal_is_told_how_far_it_is_and_is_left_clean(server: str) -> None:
    status, sent = on_terminal("bench", "--seconds=1", f"--servers={server}", stream="stderr")
    assert status == 0
    assert re.match(r"\r\d of 1 s: [\d,]+ calls, 0 errors\x1b\[K", sent)
    assert sent.endswith("\r\x1b[K")


def test_a_task_goes_on_after_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    clock = itertools.count()  # a second each time it is read, however fast this machine is
    with recording(lambda before: 200 if before else 500) as (server, targets):
        options = Namespace(servers=server, connections=1, n=7, seconds=200.0)
        assert run(options, Surroundings({}, lambda: 0, lambda: float(next(clock)))) == 0
    assert set(targets) == {"/?n=7"}
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{len(targets) - 1} calls in ")
    assert lines[2] == "1 errors"


def test_a_ctrl_c_before_the_first_step_is_one_too(nobody: str) -> None:
    readings = itertools.count()

    def clock() -> float:
        if next(readings) > 0:  # the first is the progress's
            raise asyncio.CancelledError
        return 0.0

    options = Namespace(servers=nobody, connections=1, n=1, seconds=1.0)
    with pytest.raises(KeyboardInterrupt):
        run(options, Surroundings({}, lambda: 0, clock))


def test_the_tally_counts_errors_by_kind_and_keeps_the_last_words_of_each() -> None:
    tally = Tally(elapsed_s=0.5)
    for took_s in (0.001, 0.002):
        attempt = Attempt("http://a", Outcome.TIMED_OUT, "", took_s)
        tally.note(NoServerAnswered((attempt,)))
    tally.note(RequestRefused("http://a", "no"))
    tally.latencies.add(0.004)
    assert tally.lines(ids_per_call=10) == [
        "1 calls in 0.5 s: 2 calls/s, 20 IDs/s",
        "latency: p50 4.00 ms, p90 4.00 ms, p99 4.00 ms, max 4.00 ms",
        "3 errors",
        "  2 no_server_answered (timed out), the last: http://a timed out after 2.0 ms",
        "  1 request_refused, the last: http://a refused the request: no",
    ]


def test_quantiles_are_right_by_1_percent() -> None:
    latencies = Latencies()
    for ms in range(1000, 0, -1):
        latencies.add(ms / 1000)
    for part in (0.5, 0.9, 0.99):
        assert part <= latencies.quantile_s(part) <= part * 1.0101
    assert latencies.quantile_s(1) == latencies.longest_s == 1.0


def test_a_latency_of_nothing_and_one_of_an_hour_have_a_place() -> None:
    latencies = Latencies()
    latencies.add(0)
    assert latencies.quantile_s(0.5) == 0
    latencies.add(3600)
    assert latencies.quantile_s(0.5) == pytest.approx(1e-6)
    assert latencies.quantile_s(0.99) == 3600
