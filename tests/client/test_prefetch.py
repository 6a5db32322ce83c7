import gc
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from idgen.client.buffer import Buffer
from idgen.client.errors import ClientClosed, NoServerAnswered
from idgen.client.prefetch import Prefetch
from idgen.client.wiped import Wiped
from tests.end_to_end.fleet import until

SIZE = 10


class Source:
    """Gives numbers that follow one another; a test can hold it, or have it fail."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.error: Exception | None = None
        self.once = False
        self.flows = threading.Event()
        self.flows.set()
        self._next = 0

    def ask(self, count: int, begun_s: float | None = None) -> list[int]:
        self.asked.append(count)
        assert self.flows.wait(60)
        if self.error:
            error, self.error = self.error, None if self.once else self.error
            raise error
        self._next += count
        return list(range(self._next - count, self._next))


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def prefetch(source: Source) -> Iterator[Prefetch]:
    made = Prefetch(source.ask, Buffer(SIZE, 3600, Wiped().number), 60)
    yield made
    source.flows.set()
    made.close()
    until(lambda: not threads(), "the thread has ended")


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "flake-prefetch"]


def full(source: Source, asks: int = 2) -> Callable[[], bool]:
    return lambda: len(source.asked) >= asks


def test_nothing_is_asked_for_before_the_first_id(source: Source, prefetch: Prefetch) -> None:
    assert not threads()
    assert prefetch.next_id() == 0
    assert len(threads()) == 1
    until(full(source), "the buffer is full")
    assert set(source.asked) <= {SIZE // 2, SIZE // 2 + 1}, "one more for whoever waits"


def test_ids_come_in_order(prefetch: Prefetch) -> None:
    assert [prefetch.next_id() for _ in range(1000)] == list(range(1000))


def test_no_id_comes_twice_to_threads(prefetch: Prefetch) -> None:
    with ThreadPoolExecutor(8) as pool:
        taken = pool.map(lambda _: [prefetch.next_id() for _ in range(5000)], range(8))
        ids = list(itertools.chain.from_iterable(taken))
    assert sorted(ids) == list(range(40_000))


def test_all_who_wait_wait_for_one_fill(source: Source, prefetch: Prefetch) -> None:
    source.flows.clear()
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(prefetch.next_id) for _ in range(4)]
        until(full(source, 1), "it is asked")
        source.flows.set()
        assert sorted(each.result(60) for each in waiting) == [0, 1, 2, 3]


def test_as_many_are_taken_as_are_at_hand(source: Source, prefetch: Prefetch) -> None:
    assert prefetch.take(3) == []
    until(full(source), "the buffer is full")
    until(lambda: prefetch.take(4) == [0, 1, 2, 3], "the block is there")
    source.flows.clear()
    first = prefetch.take(100)
    assert first == list(range(4, 4 + len(first)))
    assert len(first) in (1, 6), "of one block or both"


def test_a_fill_that_fails_is_told_to_whoever_waits_and_the_next_call_asks_anew(
    source: Source, prefetch: Prefetch
) -> None:
    source.error = NoServerAnswered()
    for _ in range(3):
        with pytest.raises(NoServerAnswered):
            prefetch.next_id()
    source.error = None
    assert prefetch.next_id() == 0


def test_an_outage_is_not_noticed_while_ids_are_at_hand(source: Source, prefetch: Prefetch) -> None:
    prefetch.next_id()
    until(lambda: source._next >= SIZE, "the buffer is full")
    source.error = NoServerAnswered()
    assert [prefetch.next_id() for _ in range(1, source._next)] == list(range(1, source._next))
    with pytest.raises(NoServerAnswered):
        prefetch.next_id()


def test_the_buffer_fills_by_itself_after_an_outage(source: Source, prefetch: Prefetch) -> None:
    prefetch.next_id()
    until(lambda: source._next >= SIZE, "the buffer is full")
    given = source._next
    source.error = NoServerAnswered()
    asked = len(source.asked)
    prefetch.take(SIZE // 2 + 2)
    until(lambda: len(source.asked) >= asked + 2, "it is asked again and again")
    source.error = None
    until(lambda: source._next > given, "it is filled")


def test_a_fill_that_was_under_way_before_a_call_is_not_its_error(
    source: Source, prefetch: Prefetch
) -> None:
    source.flows.clear()
    source.error = NoServerAnswered()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(prefetch.next_id)
        until(full(source, 1), "a fill is under way")
        second = pool.submit(prefetch.next_id)
        until(lambda: prefetch.next_id.__self__._waiting == 2, "both wait")  # type: ignore[attr-defined]
        source.once = True
        source.flows.set()
        assert isinstance(first.exception(60), NoServerAnswered | None)
        assert isinstance(second.result(60), int), "the next fill has its ID"


def test_a_mistake_of_ours_leaves_nobody_waiting(source: Source, prefetch: Prefetch) -> None:
    source.error = KeyError("oh")
    with pytest.raises(KeyError):
        prefetch.next_id()
    source.error = None
    assert prefetch.next_id() == 0


def test_whoever_waits_when_it_is_closed_is_told(source: Source, prefetch: Prefetch) -> None:
    source.flows.clear()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(prefetch.next_id)
        until(full(source, 1), "it waits")
        prefetch.close()
        with pytest.raises(ClientClosed):
            waiting.result(60)
        source.flows.set()


def test_nothing_is_given_after_a_close(prefetch: Prefetch) -> None:
    prefetch.next_id()
    prefetch.close()
    for call in (prefetch.next_id, lambda: prefetch.take(1)):
        with pytest.raises(ClientClosed):
            call()
    until(lambda: not threads(), "the thread has ended")


def test_one_that_nobody_closes_ends_its_thread_when_it_is_forgotten(source: Source) -> None:
    forgotten = Prefetch(source.ask, Buffer(SIZE, 3600, Wiped().number), 60)
    forgotten.next_id()
    del forgotten
    gc.collect()
    until(lambda: not threads(), "the thread has ended")


def test_ids_get_no_older_than_they_may(source: Source) -> None:
    short = Prefetch(source.ask, Buffer(SIZE, 0.01, Wiped().number), 60)
    short.next_id()
    until(full(source), "the buffer is full")
    time.sleep(0.02)
    given = source._next
    assert short.next_id() >= given
    short.close()


def test_an_id_that_is_too_old_when_it_comes_is_asked_for_alone(source: Source) -> None:
    short = Prefetch(source.ask, Buffer(SIZE, 1e-9, Wiped().number), 60)
    short.next_id()
    assert 1 in source.asked
    short.close()


def test_a_buffer_that_is_little_used_is_made_younger(source: Source) -> None:
    some = Prefetch(source.ask, Buffer(SIZE, 0.4, Wiped().number), 60)
    some.next_id()
    until(full(source), "the buffer is full")
    some.next_id()
    until(full(source, 3), "it is made younger")
    some.close()


def test_a_thread_that_cannot_be_started_is_tried_again(
    source: Source, prefetch: Prefetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        with pytest.raises(RuntimeError):
            prefetch.next_id()
    assert prefetch.next_id() == 0
