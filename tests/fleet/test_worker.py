import json

from idgen.errors import ClockRegression
from idgen.fleet.figures import MAX_TEXT, figures_of
from idgen.fleet.worker import Worker
from idgen.grant import Grant
from idgen.history import History
from tests.clocks import WallClock, granted_service
from tests.fleet.workers import NOW


def test_a_worker_tells_what_its_service_counts_and_knows() -> None:
    clock = WallClock(NOW)
    service = granted_service(7, clock)
    worker = Worker(service, History(service), "127.0.0.1:8007", "abc", NOW - 5000, 1000)
    service.begin_grant(Grant(7, NOW - 10, NOW + 800))
    service.next_ids(100)
    service.errors["bad_request"] += 1
    service.grant_counts.skew_ms = -3
    worker.history.tick(1.0)
    service.next_id()
    worker.history.tick(2.0)
    figures = worker.figures()
    assert figures_of(figures.document() | {"ids_per_s": [1], "peak_per_ms": [101]}) == figures
    assert (figures.instance, figures.started_unix_ms, figures.unix_ms) == ("abc", NOW - 5000, NOW)
    assert (figures.worker_id, figures.ids_taken, figures.last_unix_ms) == (7, 101, NOW)
    assert (figures.owns, figures.grant_remaining_ms, figures.grant_ms) == (True, 800, 1000)
    assert (figures.trouble, figures.skew_ms, figures.errors["bad_request"]) == ("", -3, 1)
    clock.unix_ms -= 5
    assert worker.figures().trouble == str(ClockRegression(5, NOW))
    assert worker.figures().owns, "it issues again in 5 ms"
    clock.unix_ms = NOW + 801
    assert (worker.figures().owns, worker.figures().grant_remaining_ms) == (False, 0)
    assert worker.heard().offset_ms == 0


def test_whatever_its_trouble_is_others_understand_it_and_so_does_a_browser() -> None:
    service = granted_service(7, WallClock(NOW))
    service.end_grant("\udcff" + "x" * 2 * MAX_TEXT)  # as of a path that is no UTF-8
    worker = Worker(service, History(service), "127.0.0.1:8007", "abc", NOW, 1000)
    told = json.loads(worker.heard().text.encode())
    assert figures_of(told).trouble == r"\udcff" + "x" * (MAX_TEXT - 1)
