import pytest

from idgen.errors import ClockRegression, SequenceOverflow
from idgen.grant import Grant
from idgen.layout import Layout
from idgen.service import IdService
from tests.clocks import WallClock, granted_service

NOW = 1795219200123
FIRST = Layout().pack(NOW, 7, 0)


@pytest.fixture
def clock() -> WallClock:
    return WallClock(NOW)


@pytest.fixture
def service(clock: WallClock) -> IdService:
    return granted_service(7, clock)


def test_ids_carry_the_time_of_the_wall_clock_and_are_counted(
    service: IdService, clock: WallClock
) -> None:
    assert service.last_unix_ms is None
    assert service.next_id() == FIRST
    clock.unix_ms += 1
    assert service.next_ids(10) == range(FIRST + (1 << 22), FIRST + (1 << 22) + 10)
    assert service.ids_taken == 11
    assert service.last_unix_ms == NOW + 1


def test_a_refusal_counts_no_id(service: IdService, clock: WallClock) -> None:
    service.next_id()
    clock.unix_ms -= 5
    with pytest.raises(ClockRegression):
        service.next_id()
    with pytest.raises(ClockRegression):
        service.next_ids(2)
    assert service.ids_taken == 1


def test_peeking_takes_nothing(service: IdService) -> None:
    assert service.peek_id() == FIRST
    assert service.peek_ids(3) == [range(FIRST, FIRST + 3)]
    assert [len(ids) for ids in service.peek_ids(10_000)] == [4032, 4032, 1936]
    assert service.ids_taken == 0
    assert service.next_id() == FIRST


def test_peeking_at_a_batch_in_a_used_up_millisecond_looks_at_the_next(service: IdService) -> None:
    for _ in range(4096):
        service.next_id()
    with pytest.raises(SequenceOverflow):
        service.peek_id()
    assert service.peek_ids(2) == [range(FIRST + (1 << 22), FIRST + (1 << 22) + 2)]


def test_it_is_ready_unless_the_clock_stands_wrong(service: IdService, clock: WallClock) -> None:
    for _ in range(4096):
        service.next_id()
    assert service.reason_not_ready() is None, "an overflow passes"
    clock.unix_ms -= 12
    reason = service.reason_not_ready()
    assert reason == f"clock moved backwards 12 ms; no IDs until {NOW + 1}"
    clock.unix_ms = 0
    assert "outside the 41 bits" in (service.reason_not_ready() or "")


def test_the_worker_id_is_the_grant_s_and_without_one_that_of_the_start() -> None:
    service = IdService(Layout(), None, WallClock(), longest_wait_ms=1000)
    assert service.worker_id is None
    service.begin_grant(Grant(9, 0, 1))
    assert service.worker_id == 9
    assert IdService(Layout(), 3, WallClock(), longest_wait_ms=1000).worker_id == 3
