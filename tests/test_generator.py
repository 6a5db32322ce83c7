from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from idgen.errors import ClockOutOfRange, ClockRegression, FlakeError, NotReady, SequenceOverflow
from idgen.generator import BATCH_IDS_PER_MS, RESERVED_PER_MS, Generator
from idgen.grant import Grant
from idgen.layout import IDS_PER_MS, Layout, unpack

LAYOUT = Layout()
NOW = 1795219200123
WORKER_ID = 1023


ALL_TIME = Grant(WORKER_ID, -1, LAYOUT.last_unix_ms + 1)


def granted(grant: Grant = ALL_TIME) -> Generator:
    generator = Generator(LAYOUT, longest_wait_ms=1000)
    generator.grant = grant
    generator.trouble = ""
    return generator


@pytest.fixture
def generator() -> Generator:
    return granted()


def state(generator: Generator) -> dict[str, Any]:
    """All but what was worked out last, which is no state: it only saves working it out again."""
    worked_out = {"_packed_unix_ms", "_packed_grant", "_first_id"}
    return {name: value for name, value in vars(generator).items() if name not in worked_out}


def test_the_sequence_starts_at_0_in_each_millisecond(generator: Generator) -> None:
    ids = [generator.next_id(NOW), generator.next_id(NOW), generator.next_id(NOW + 1)]
    assert ids == [
        LAYOUT.pack(*parts) for parts in [(NOW, 1023, 0), (NOW, 1023, 1), (NOW + 1, 1023, 0)]
    ]


def test_a_millisecond_has_4096_ids_and_refuses_the_4097th(generator: Generator) -> None:
    ids = [generator.next_id(NOW) for _ in range(4096)]
    assert [unpack(flake_id).sequence for flake_id in ids] == list(range(4096))
    before = state(generator)
    with pytest.raises(SequenceOverflow) as refusal:
        generator.next_id(NOW)
    assert state(generator) == before
    assert str(refusal.value) == (
        f"sequence overflow: 4096 IDs of {NOW} are taken; no IDs until {NOW + 1}"
    )
    assert generator.next_id(NOW + 1) == LAYOUT.pack(NOW + 1, 1023, 0)


def test_a_clock_set_back_is_refused_until_it_has_caught_up(generator: Generator) -> None:
    generator.next_id(NOW + 12)
    before = state(generator)
    with pytest.raises(ClockRegression) as refusal:
        generator.next_id(NOW)
    assert state(generator) == before
    assert (refusal.value.backwards_ms, refusal.value.next_unix_ms) == (12, NOW + 12)
    assert str(refusal.value) == "clock moved backwards 12 ms; no IDs until 1795219200135"
    assert generator.next_id(NOW + 12) == LAYOUT.pack(NOW + 12, 1023, 1)


def test_a_regression_after_an_overflow_names_the_millisecond_after(generator: Generator) -> None:
    for _ in range(IDS_PER_MS):
        generator.next_id(NOW)
    with pytest.raises(ClockRegression, match=f"backwards 1 ms; no IDs until {NOW + 1}$"):
        generator.next_id(NOW - 1)


@pytest.mark.parametrize("unix_ms", [LAYOUT.epoch_ms - 1, LAYOUT.last_unix_ms + 1, -1])
def test_a_clock_outside_the_41_bits_is_refused(generator: Generator, unix_ms: int) -> None:
    before = state(generator)
    with pytest.raises(ClockOutOfRange):
        generator.next_id(unix_ms)
    assert state(generator) == before


def test_the_first_and_the_last_millisecond_can_be_issued(generator: Generator) -> None:
    assert generator.next_id(LAYOUT.epoch_ms) == 1023 << 12
    assert generator.next_id(LAYOUT.last_unix_ms) == 9223372036854775807 - 4095


def test_a_batch_takes_consecutive_numbers(generator: Generator) -> None:
    first = generator.next_id(NOW)
    assert generator.next_ids(NOW, 100) == range(first + 1, first + 101)
    assert generator.next_id(NOW) == first + 101


def test_a_batch_leaves_the_last_64_numbers_to_single_ids(generator: Generator) -> None:
    first = LAYOUT.pack(NOW, WORKER_ID, 0)
    assert generator.next_ids(NOW, 65_536) == range(first, first + BATCH_IDS_PER_MS)
    before = state(generator)
    with pytest.raises(SequenceOverflow, match=f"{BATCH_IDS_PER_MS} IDs of {NOW} are taken"):
        generator.next_ids(NOW, 1)
    assert state(generator) == before
    singles = [generator.next_id(NOW) for _ in range(RESERVED_PER_MS)]
    assert singles == list(range(first + BATCH_IDS_PER_MS, first + IDS_PER_MS))
    with pytest.raises(SequenceOverflow):
        generator.next_id(NOW)


def test_a_peek_tells_the_next_id_or_its_refusal_and_takes_nothing(generator: Generator) -> None:
    before = state(generator)
    peeked = generator.peek_id(NOW)
    assert state(generator) == before
    assert generator.next_id(NOW) == peeked
    with pytest.raises(ClockRegression):
        generator.peek_id(NOW - 1)


# Grants


def test_without_a_grant_nothing_is_issued() -> None:
    generator = Generator(LAYOUT, longest_wait_ms=1000)
    with pytest.raises(NotReady, match=r"^starting: no grant yet$"):
        generator.next_id(NOW)


def test_ids_come_after_the_floor_and_up_to_the_ceiling() -> None:
    generator = granted(Grant(7, NOW, NOW + 2))
    for unix_ms in (NOW + 1, NOW + 2):
        assert generator.next_id(unix_ms) == LAYOUT.pack(unix_ms, 7, 0)
        assert generator.next_ids(unix_ms, 2) == range(
            LAYOUT.pack(unix_ms, 7, 1), LAYOUT.pack(unix_ms, 7, 3)
        )
    before = state(generator)
    for ask in (generator.next_id, generator.peek_id, lambda now: generator.next_ids(now, 1)):
        with pytest.raises(NotReady, match=rf"^the grant ends at {NOW + 2}: it is about to be ext"):
            ask(NOW + 3)
    assert state(generator) == before


def test_ids_carry_the_worker_id_of_the_grant_that_they_are_issued_by() -> None:
    generator = granted(Grant(7, NOW - 1, NOW))
    first = generator.next_id(NOW)
    generator.grant = Grant(8, NOW - 1, NOW + 1)
    assert first == LAYOUT.pack(NOW, 7, 0)
    assert generator.next_id(NOW) == LAYOUT.pack(NOW, 8, 1)
    assert generator.next_id(NOW + 1) == LAYOUT.pack(NOW + 1, 8, 0)


@pytest.mark.parametrize("behind_ms", [0, 1, 1000])
def test_a_floor_up_to_a_grant_ahead_is_a_short_wait(behind_ms: int) -> None:
    generator = granted(Grant(7, NOW, NOW + 1000))
    with pytest.raises(NotReady) as refusal:
        generator.next_id(NOW - behind_ms)
    assert str(refusal.value) == (
        f"clock is {behind_ms} ms behind the floor of the grant; no IDs until {NOW + 1}"
    )


def test_a_floor_further_ahead_is_a_clock_regression() -> None:
    generator = granted(Grant(7, NOW, NOW + 1000))
    with pytest.raises(ClockRegression, match=rf"backwards 1001 ms; no IDs until {NOW + 1}$"):
        generator.next_id(NOW - 1001)


def test_a_regression_before_a_new_floor_names_the_millisecond_after_the_floor() -> None:
    generator = granted(Grant(7, NOW - 1, NOW))
    generator.next_id(NOW)
    generator.grant = Grant(7, NOW + 500, NOW + 1500)
    with pytest.raises(ClockRegression, match=rf"backwards 1 ms; no IDs until {NOW + 501}$"):
        generator.next_id(NOW - 1)


class ClockThatWanders(RuleBasedStateMachine):
    """Whatever the clock does, the next ID is larger than the last, or there is none."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = granted()
        self.unix_ms = NOW
        self.ids = [-1]

    @rule(by_ms=st.integers(-3, 3))
    def move_the_clock(self, by_ms: int) -> None:
        self.unix_ms += by_ms

    @rule()
    def take_one(self) -> None:
        self.take(lambda: [self.generator.next_id(self.unix_ms)], IDS_PER_MS)

    @rule(n=st.sampled_from([1, 2, 63, 64, 65, 4000, 4031, 4032, 4033, 65_536]))
    def take_a_batch(self, n: int) -> None:
        self.take(lambda: self.generator.next_ids(self.unix_ms, n), BATCH_IDS_PER_MS)

    def take(self, ask: Any, limit: int) -> None:
        before = state(self.generator)
        last = unpack(self.ids[-1]) if self.ids[-1] >= 0 else None
        try:
            taken = ask()
        except FlakeError as refusal:
            assert state(self.generator) == before
            assert last is not None, "a fresh generator refuses nothing"
            if self.unix_ms < LAYOUT.unix_ms(last.timestamp):
                assert type(refusal) is ClockRegression  # noqa: PT017 - or none at all
            else:
                assert type(refusal) is SequenceOverflow  # noqa: PT017
                assert last.sequence >= limit - 1
        else:
            assert taken
            for flake_id in (taken[0], taken[-1]):
                parts = unpack(flake_id)
                assert LAYOUT.unix_ms(parts.timestamp) == self.unix_ms
                assert parts.worker_id == WORKER_ID
                assert parts.sequence < limit
            self.ids += [taken[0], taken[-1]] if len(taken) > 1 else [taken[0]]

    @invariant()
    def ids_strictly_increase(self) -> None:
        assert all(earlier < later for earlier, later in zip(self.ids, self.ids[1:], strict=False))


TestClockThatWanders = ClockThatWanders.TestCase


def test_a_new_grant_takes_effect_within_a_millisecond(generator: Generator) -> None:
    generator.next_id(NOW)
    generator.grant = Grant(5, NOW - 1, NOW + 1000)
    assert generator.next_id(NOW) == LAYOUT.pack(NOW, 5, 1)
    assert generator.next_ids(NOW, 2)[0] == LAYOUT.pack(NOW, 5, 2)
    assert generator.peek_id(NOW + 1) == LAYOUT.pack(NOW + 1, 5, 0)
    assert generator.next_id(NOW) == LAYOUT.pack(NOW, 5, 4), "a peek ahead changes nothing"
