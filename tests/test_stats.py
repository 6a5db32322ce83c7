from idgen.stats import Stats
from tests.clocks import MonotonicClock, WallClock, granted_service

NOW = 1795219200123


def test_a_flush_zeroes_the_two_counts_and_the_time_and_nothing_else() -> None:
    monotonic = MonotonicClock()
    service = granted_service(7, WallClock(NOW))
    stats = Stats(service, monotonic)
    service.next_ids(5)
    service.errors["sequence_overflow"] += 1
    service.errors["clock_regression"] += 2
    service.errors["bad_request"] += 4
    monotonic.now_s += 2.5
    assert stats.read() == {
        "timestamp": 1795219200,
        "generated_ids": 5,
        "errors": 3,
        "max_time_ms": NOW,
        "worker_id": 7,
        "time_since_flush": 2.5,
    }
    stats.flush()
    assert stats.read() == {
        "timestamp": 1795219200,
        "generated_ids": 0,
        "errors": 0,
        "max_time_ms": NOW,
        "worker_id": 7,
        "time_since_flush": 0.0,
    }
    service.next_id()
    assert stats.read()["generated_ids"] == 1
    assert service.ids_taken == 6
    assert service.errors.total() == 7
