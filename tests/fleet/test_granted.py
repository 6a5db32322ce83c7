import pytest

from idgen.fleet.granted import SHOWN_FOR_MS, granted
from idgen.fleet.roster import Found
from idgen.fleet.rows import Row
from idgen.grants.redis.records import Fleet, Holder, Record
from tests.fleet.workers import NOW


def record(
    worker_id: int,
    at: str | None,
    host: str = "here",
    started: int = 1,
    token: str | None = "t",
    ceiling: int = NOW + 8000,
    run_id: str = "run",
) -> Record:
    holder = str(Holder(host, 1, started, at))
    return Record(worker_id, token, NOW - 1000, ceiling, run_id, holder)


def found(*records: Record) -> list[Row]:
    return fleet_of(*records).rows


def fleet_of(*records: Record) -> Found:
    return granted(Fleet(NOW, "run", "", list(records)), own_host="here")


def test_a_holder_is_asked_where_it_listens() -> None:
    rows = found(
        record(3, "10.0.0.1:8000", host="there"),
        record(4, "127.0.0.1:8000"),
        record(5, "[::1]:8001"),
        record(6, "0.0.0.0:8002", host="there"),
        record(7, "[::]:8003"),
        record(8, "flake-1.example:8004", host="there"),
    )
    assert rows == [
        Row("10.0.0.1:8000", 3),
        Row("127.0.0.1:8000", 4),
        Row("[::1]:8001", 5),
        Row("there:8002", 6),
        Row("here:8003", 7),
        Row("flake-1.example:8004", 8),
    ]


@pytest.mark.parametrize(
    ("at", "name", "why"),
    [
        ("127.0.0.1:8000", "127.0.0.1:8000 on there", "it listens on its own machine only"),
        ("[::1]:8000", "[::1]:8000 on there", "it listens on its own machine only"),
        ("localhost:80", "localhost:80 on there", "it listens on its own machine only"),
        (
            "[::ffff:127.0.0.1]:80",
            "[::ffff:127.0.0.1]:80 on there",
            "it listens on its own machine only",
        ),
        (None, "pid 1 on there", "it told no HOST:PORT"),
        ("evil/path?:80", "evil/path?:80", "that is no HOST:PORT"),
        ("10.0.0.1:8000-9000", "10.0.0.1:8000-9000", "that is no HOST:PORT"),
        ("nothing", "nothing", "that is no HOST:PORT"),
    ],
)
def test_who_cannot_be_asked_has_a_row_all_the_same(at: str | None, name: str, why: str) -> None:
    (row,) = found(record(3, at, host="there"))
    assert (row.address, row.worker_id, row.can_be_asked) == (name, 3, False)
    assert row.detail == f"can't be asked from here: {why}; Redis knows it"
    assert row.state == "silent"


def test_who_has_died_is_missed_for_a_day_and_who_gave_back_is_not() -> None:
    dead = record(3, "a:1", ceiling=NOW - SHOWN_FOR_MS)
    rows = found(
        dead,
        record(4, "b:1", ceiling=NOW - SHOWN_FOR_MS - 1),
        record(5, "c:1", token=None),
        record(6, "d:1", run_id="an older run"),
    )
    assert rows == [Row("a:1", 3), Row("d:1", 6)]


def test_of_one_address_the_process_counts_that_started_last() -> None:
    rows = found(
        record(3, "a:1", started=1), record(4, "a:1", started=3), record(5, "a:1", started=2)
    )
    assert rows == [Row("a:1", 4)]


def test_who_gave_back_has_left_unless_another_is_there() -> None:
    fleet = fleet_of(
        record(3, "a:1", token=None), record(4, "b:1", token=None), record(5, "b:1", started=2)
    )
    assert fleet == Found([Row("b:1", 5)], frozenset({"a:1"}))


def test_what_the_service_never_wrote_is_passed_over() -> None:
    foreign = Record(3, "t", NOW - 1, NOW + 1, "run", "somebody else")
    broken = Record(4, problem="its floor is no number")
    assert found(foreign, broken) == []
