import json
import logging
from collections.abc import Iterator

import pytest

from idgen import log


def record(created_s: float, message: str = "overflow of %s", **extra: object) -> logging.LogRecord:
    made = logging.makeLogRecord(
        {"name": "flake.web", "levelno": logging.ERROR, "levelname": "ERROR", "msg": message}
    )
    made.created = created_s
    made.__dict__.update(extra)
    return made


def test_one_line_a_second_of_each_kind_passes() -> None:
    passes = log.OncePerSecond().filter
    assert passes(record(10.0))
    assert not passes(record(10.1))
    assert not passes(record(10.999))
    assert passes(record(10.5, "another"))
    later = record(11.0)
    assert passes(later)
    assert vars(later)["held_back"] == 2


def test_a_kind_is_told_by_its_reason_where_it_has_one() -> None:
    passes = log.OncePerSecond().filter
    assert passes(record(10.0, "until 5", reason="clock_regression"))
    assert not passes(record(10.1, "until 6", reason="clock_regression"))
    assert passes(record(10.1, "until 6", reason="sequence_overflow"))


def test_a_clock_set_back_silences_nothing() -> None:
    passes = log.OncePerSecond().filter
    assert passes(record(1000.0))
    assert passes(record(10.0))


def test_the_table_of_kinds_is_bounded() -> None:
    limiter = log.OncePerSecond()
    for number in range(3 * log.MAX_KINDS):
        assert limiter.filter(record(10.0, f"kind {number}"))
    assert len(limiter._kinds) <= log.MAX_KINDS


@pytest.fixture
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("restored_logging")
def test_json_lines_carry_the_facts_as_fields(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up("info", "json")
    logging.getLogger("flake.web").error(
        "500 no", extra={"reason": "sequence_overflow", "status": 500, "path": "/"}
    )
    line = json.loads(capsys.readouterr().err)
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "error",
        "logger": "flake.web",
        "message": "500 no",
        "reason": "sequence_overflow",
        "status": 500,
        "path": "/",
    }


@pytest.mark.usefixtures("restored_logging")
def test_text_lines_have_time_level_and_message(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up("warning", "text")
    logging.info("below the level")
    logging.warning("worker %d", 3)
    (line,) = capsys.readouterr().err.splitlines()
    time, level, message = line.split(" ", 2)
    assert (len(time), time[-1], level, message) == (24, "Z", "warning", "worker 3")


@pytest.mark.usefixtures("restored_logging")
def test_level_none_is_silence(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up("none", "text")
    logging.critical("anything")
    assert capsys.readouterr().err == ""
