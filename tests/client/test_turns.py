import threading
import time
from concurrent.futures import ThreadPoolExecutor

from idgen.client.turns import Turns
from tests.end_to_end.fleet import until


def test_so_many_have_a_turn_and_the_next_one_waits() -> None:
    turns = Turns(2)
    assert [turns.take(0), turns.take(0), turns.take(0)] == [True, True, False]
    turns.give_back()
    assert turns.take(0)
    assert not turns.take(0.01)


def test_whoever_waits_longest_is_next() -> None:
    turns, order = Turns(1), []

    def take(name: int) -> None:
        assert turns.take(60)
        order.append(name)
        turns.give_back()

    assert turns.take(0)
    with ThreadPoolExecutor(5) as pool:
        for name in range(5):
            pool.submit(take, name)
            until(lambda name=name: len(turns._waiting) > name, "it waits")  # type: ignore[misc]
        turns.give_back()
    assert order == list(range(5))


def test_one_that_gives_up_takes_no_turn_with_it() -> None:
    turns = Turns(1)
    assert turns.take(0)
    assert not turns.take(0.01)
    turns.give_back()
    assert turns.take(0)


def test_threads_that_come_and_go_lose_no_turn() -> None:
    turns, under_way, most = Turns(3), [], 0
    lock = threading.Lock()

    def work(number: int) -> None:
        nonlocal most
        if turns.take(0.0001 * (number % 5)):
            with lock:
                under_way.append(number)
                most = max(most, len(under_way))
            time.sleep(0.0002)
            with lock:
                under_way.remove(number)
            turns.give_back()

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(work, range(3000)))
    assert most <= 3
    assert [turns.take(0) for _ in range(4)] == [True, True, True, False]
