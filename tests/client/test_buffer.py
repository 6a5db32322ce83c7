import pytest

from idgen.client.buffer import LOOKS, Buffer
from idgen.client.wiped import Wiped

NOW = 1000.0
MAX_AGE_S = 10.0


def buffer(size: int = 10) -> Buffer:
    return Buffer(size, MAX_AGE_S, Wiped().number)


def drained(some: Buffer, now_s: float = NOW) -> list[int]:
    ids = []
    try:
        while True:
            ids.append(some.next(now_s))
    except IndexError:
        return ids


@pytest.mark.parametrize(
    ("size", "block_size"), [(1, 1), (2, 1), (3, 1), (10, 5), (1000, 500), (131_072, 65_536)]
)
def test_a_block_is_half_of_what_is_kept(size: int, block_size: int) -> None:
    assert buffer(size).block_size == block_size


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 10, 11, 1000])
def test_no_more_are_kept_than_asked_for_whoever_takes_how_many(size: int) -> None:
    some, held, given = buffer(size), 0, 0
    for step in range(size * 3):
        while some.wants_in_s(NOW) == 0:
            some.add(range(given, given + some.block_size), NOW)
            given += some.block_size
            held += some.block_size
            assert held <= size
        for _ in range(min(held, step % 4)):
            some.next(NOW)
            held -= 1


def test_blocks_are_used_up_one_after_the_other() -> None:
    some = buffer()
    some.add([5, 6, 7], NOW)
    some.add([1, 2], NOW)
    assert drained(some) == [5, 6, 7, 1, 2]


def test_an_empty_buffer_says_so_each_time() -> None:
    some = buffer()
    for _ in range(3):
        with pytest.raises(IndexError):
            some.next(NOW)


def test_an_id_is_given_up_to_its_age_and_not_after() -> None:
    some = buffer()
    some.add([1, 2, 3], NOW)
    assert some.next(NOW + MAX_AGE_S - 0.001) == 1
    with pytest.raises(IndexError):
        some.next(NOW + MAX_AGE_S)
    assert drained(some) == []


def test_a_younger_block_takes_the_place_of_one_that_is_too_old() -> None:
    some = buffer()
    some.add([1, 2, 3], NOW)
    some.add([7, 8], NOW + 5)
    assert some.next(NOW) == 1
    assert drained(some, NOW + MAX_AGE_S) == [7, 8]


def test_a_block_in_use_knows_how_long_it_may_be_popped_from() -> None:
    some = buffer()
    assert some.expires_s[0] == 0
    some.add([1, 2], NOW)
    some.next(NOW)
    assert some.expires_s[0] == NOW + MAX_AGE_S
    assert some.pop() == 2


def test_a_buffer_in_use_is_made_younger_at_half_its_age() -> None:
    some = buffer()
    some.add(range(5), NOW)
    some.next(NOW)
    some.add(range(5, 10), NOW)
    assert some.wants_in_s(NOW) == MAX_AGE_S / 2
    some.next(NOW + 1)
    assert some.wants_in_s(NOW + 1) == MAX_AGE_S / 2 - 1
    assert some.wants_in_s(NOW + 5) == 0
    some.add(range(20, 25), NOW + 5)
    assert some.wants_in_s(NOW + 5) == MAX_AGE_S / 2
    assert drained(some, NOW + 6) == [2, 3, 4, 20, 21, 22, 23, 24]


def test_a_buffer_that_nobody_takes_from_is_left_to_get_old_and_looked_at() -> None:
    some = buffer()
    some.add(range(5), NOW)
    some.next(NOW)
    some.add(range(5, 10), NOW)
    assert some.wants_in_s(NOW + 5) == some.wants_in_s(NOW + 9.9) == MAX_AGE_S / LOOKS
    some.next(NOW + 7)
    assert some.wants_in_s(NOW + 8) == 0, "it is used after all"


def test_a_buffer_that_is_too_old_is_filled_when_an_id_is_wanted() -> None:
    some = buffer()
    some.add(range(5), NOW)
    some.next(NOW)
    some.add(range(5, 10), NOW)
    assert some.wants_in_s(NOW + 100) is None
    with pytest.raises(IndexError):
        some.next(NOW + 100)
    assert some.wants_in_s(NOW + 100) == 0


def test_a_buffer_of_one_is_filled_when_it_is_empty() -> None:
    some = buffer(1)
    some.add([7], NOW)
    assert some.next(NOW) == 7
    assert some.wants_in_s(NOW) == 0


def test_what_is_cleared_is_gone() -> None:
    some = buffer()
    some.add([1, 2], NOW)
    some.add([3, 4], NOW)
    some.next(NOW)
    some.clear()
    assert drained(some) == []
