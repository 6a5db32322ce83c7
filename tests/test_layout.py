import pytest
from hypothesis import given
from hypothesis import strategies as st

from idgen.errors import ClockOutOfRange
from idgen.layout import (
    DEFAULT_EPOCH_MS,
    LAST_CALENDAR_UNIX_MS,
    MAX_EPOCH_MS,
    MAX_ID,
    MAX_SEQUENCE,
    MAX_TIMESTAMP,
    MAX_WORKER_ID,
    Layout,
    Parts,
    unpack,
)

LAYOUT = Layout()
GOLDEN = [
    (1259193600000, 0, 0, 0),
    (1767225600000, 1, 0, 2130840649728004096),
    (1795219200123, 1023, 4095, 2248254318702493695),
    (3458216855551, 1023, 4095, 9223372036854775807),
]


@pytest.mark.parametrize(("unix_ms", "worker_id", "sequence", "flake_id"), GOLDEN)
def test_the_golden_values_hold_both_ways(
    unix_ms: int, worker_id: int, sequence: int, flake_id: int
) -> None:
    assert LAYOUT.pack(unix_ms, worker_id, sequence) == flake_id
    assert unpack(flake_id) == Parts(unix_ms - DEFAULT_EPOCH_MS, worker_id, sequence)
    assert LAYOUT.unix_ms(unpack(flake_id).timestamp) == unix_ms


def test_the_limits_are_those_of_41_10_and_12_bits() -> None:
    assert (MAX_TIMESTAMP, MAX_WORKER_ID, MAX_SEQUENCE) == (2199023255551, 1023, 4095)
    assert MAX_ID == 2**63 - 1
    assert LAYOUT.last_unix_ms == 3458216855551
    assert Layout(MAX_EPOCH_MS).last_unix_ms == LAST_CALENDAR_UNIX_MS


@given(
    st.integers(0, MAX_EPOCH_MS),
    st.integers(0, MAX_TIMESTAMP),
    st.integers(0, MAX_WORKER_ID),
    st.integers(0, MAX_SEQUENCE),
)
def test_unpack_reverses_pack(epoch_ms: int, timestamp: int, worker_id: int, sequence: int) -> None:
    flake_id = Layout(epoch_ms).pack(timestamp + epoch_ms, worker_id, sequence)
    assert unpack(flake_id) == Parts(timestamp, worker_id, sequence)


@given(st.integers(0, MAX_ID))
def test_pack_reverses_unpack(flake_id: int) -> None:
    parts = unpack(flake_id)
    unix_ms = LAYOUT.unix_ms(parts.timestamp)
    assert LAYOUT.pack(unix_ms, parts.worker_id, parts.sequence) == flake_id


@pytest.mark.parametrize("unix_ms", [DEFAULT_EPOCH_MS - 1, 3458216855552, 0, -1])
def test_a_time_outside_the_41_bits_is_refused_and_named(unix_ms: int) -> None:
    with pytest.raises(ClockOutOfRange) as refusal:
        LAYOUT.pack(unix_ms, 0, 0)
    assert str(refusal.value) == (
        f"clock at {unix_ms} is outside the 41 bits; IDs exist from 1259193600000 to 3458216855551"
    )


@given(st.data())
def test_bounds_hold_every_id_of_the_span_and_no_neighbour(data: st.DataObject) -> None:
    times = st.integers(DEFAULT_EPOCH_MS + 1, LAYOUT.last_unix_ms - 1)
    first, last = sorted((data.draw(times), data.draw(times)))
    smallest, largest = LAYOUT.bounds(first, last)
    worker_id = data.draw(st.integers(0, MAX_WORKER_ID))
    sequence = data.draw(st.integers(0, MAX_SEQUENCE))
    inside = data.draw(st.integers(first, last))
    assert smallest <= LAYOUT.pack(inside, worker_id, sequence) <= largest
    assert LAYOUT.pack(first - 1, MAX_WORKER_ID, MAX_SEQUENCE) == smallest - 1
    assert LAYOUT.pack(last + 1, 0, 0) == largest + 1
