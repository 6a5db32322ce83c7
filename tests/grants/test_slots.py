import pytest
from hypothesis import given
from hypothesis import strategies as st

from idgen.grants.slots import BLOCK_BYTES, LAYOUT, Slot, parse

OLDER = Slot(16, 1795219200123, LAYOUT, 1259193600000, 4711)
NEWER = Slot(17, 1795219200623, LAYOUT, 1259193600000, 4711)


def test_a_slot_is_a_line_of_text_in_a_block_of_its_own() -> None:
    block = NEWER.to_bytes()
    assert len(block) == BLOCK_BYTES
    assert block.splitlines()[0] == (
        b"flake-grant counter=17 ceiling=1795219200623 layout=41.10.12 epoch=1259193600000"
        b" pid=4711 crc32=15c26f26"
    )


@pytest.mark.parametrize(("slots", "older_place"), [((OLDER, NEWER), 0), ((NEWER, OLDER), 1)])
def test_the_larger_counter_is_the_newer(slots: tuple[Slot, Slot], older_place: int) -> None:
    contents = parse(slots[0].to_bytes() + slots[1].to_bytes())
    assert contents.slots == slots
    assert (contents.newer, contents.older_place) == (NEWER, older_place)
    assert not contents.blank


@pytest.mark.parametrize("data", [b"", bytes(1), bytes(2 * BLOCK_BYTES)])
def test_nothing_and_zeros_are_blank(data: bytes) -> None:
    contents = parse(data)
    assert contents.blank
    assert contents.newer is None
    assert contents.older_place == 0


def test_a_file_cut_after_the_first_slot_has_one() -> None:
    contents = parse(NEWER.to_bytes())
    assert contents.slots == (NEWER, None)
    assert contents.older_place == 1


@given(st.integers(0, 120), st.integers(1, 255))
def test_no_changed_byte_of_the_line_passes(place: int, change: int) -> None:
    block = bytearray(NEWER.to_bytes())
    line_bytes = block.index(b"\n") + 1
    block[place % line_bytes] ^= change
    assert parse(bytes(block)).slots[0] is None


@given(st.binary(max_size=3 * BLOCK_BYTES))
def test_any_bytes_at_all_are_parsed(data: bytes) -> None:
    assert parse(data).newer is None
