from idgen.history import KEPT_S, History
from idgen.layout import IDS_PER_MS
from tests.clocks import WallClock, granted_service


def test_each_second_has_its_ids_and_the_peak_of_a_millisecond() -> None:
    clock = WallClock()
    service = granted_service(7, clock)
    history = History(service)
    history.tick(10.0)
    assert (list(history.ids_per_s), history.peak) == ([], 0), "the first tick begins a second"
    for taken in (3, 5, 2):
        for _ in range(taken):
            service.next_id()
        clock.unix_ms += 1
    history.tick(11.0)
    service.next_ids(100)
    service.next_id()
    history.tick(12.0)
    history.tick(13.0)
    assert list(history.ids_per_s) == [10, 101, 0]
    assert list(history.peak_per_ms) == [5, 101, 0]
    assert history.peak == 101


def test_a_full_millisecond_is_a_peak_of_all_its_numbers() -> None:
    service = granted_service(7, WallClock())
    history = History(service)
    history.tick(0.0)
    for _ in range(IDS_PER_MS):
        service.next_id()
    service.peek_ids(1000)
    history.tick(1.0)
    assert history.peak == IDS_PER_MS


def test_a_second_that_took_longer_is_told_as_a_rate() -> None:
    service = granted_service(7, WallClock())
    history = History(service)
    history.tick(10.0)
    service.next_ids(100)
    history.tick(14.0)
    assert list(history.ids_per_s) == [25]


def test_no_more_is_kept_than_three_minutes() -> None:
    service = granted_service(7, WallClock())
    history = History(service)
    history.tick(0.0)
    service.next_ids(100)
    for second in range(1, KEPT_S + 2):
        history.tick(float(second))
    assert len(history.ids_per_s) == len(history.peak_per_ms) == KEPT_S == 180
    assert history.peak == 0, "the peak of the first second is forgotten"
