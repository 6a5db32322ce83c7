from datetime import UTC, datetime

import pytest

from idgen.decoding import Decoded, decode
from idgen.errors import BadArgument
from idgen.layout import DEFAULT_EPOCH_MS, MAX_ID


@pytest.mark.parametrize(
    ("flake_id", "unix_ms", "worker_id", "sequence"),
    [
        (0, 1259193600000, 0, 0),
        (2130840649728004096, 1767225600000, 1, 0),
        (2248254318702493695, 1795219200123, 1023, 4095),
        (9223372036854775807, 3458216855551, 1023, 4095),
    ],
)
def test_the_golden_values_are_taken_apart(
    flake_id: int, unix_ms: int, worker_id: int, sequence: int
) -> None:
    timestamp = unix_ms - DEFAULT_EPOCH_MS
    assert decode(flake_id) == Decoded(flake_id, unix_ms, timestamp, worker_id, sequence)


def test_the_time_is_in_utc_to_the_millisecond() -> None:
    assert decode(2248254318702493695).time == datetime(2026, 11, 21, 0, 0, 0, 123_000, UTC)


def test_another_epoch_moves_the_time_and_nothing_else() -> None:
    there, here = decode(1 << 22, epoch_ms=0), decode(1 << 22)
    assert (there.unix_ms, there.timestamp) == (1, here.timestamp)


@pytest.mark.parametrize("wrong", [-1, MAX_ID + 1, 1.0, "1", None, 10**500])
def test_what_is_no_id_is_refused_with_the_range(wrong: int) -> None:
    with pytest.raises(BadArgument, match=rf"an ID is a whole number from 0 to {MAX_ID}, not "):
        decode(wrong)
