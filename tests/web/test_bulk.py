import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from idgen.layout import MAX_ID
from idgen.web.bulk import big_endian, decimal

runs = st.builds(
    lambda start, count: range(start, min(start + count, MAX_ID + 1)),
    st.one_of(st.integers(0, 30_000), st.integers(0, MAX_ID)),
    st.integers(0, 4096),
)


@given(runs, st.sampled_from([b"\n", b'","', b""]))
@example(range(0, 10_001), b"\n")
@example(range(9_999, 10_002), b"\n")
@example(range(99_990_000 - 1, 99_990_001), b"\n")
@example(range(MAX_ID - 4095, MAX_ID + 1), b"\n")
def test_a_run_in_decimal_is_what_str_makes_of_it(ids: range, separator: bytes) -> None:
    assert decimal(ids, separator) == separator.join(str(flake_id).encode() for flake_id in ids)


@given(runs)
@example(range(0, 257))
@example(range(MAX_ID - 4095, MAX_ID + 1))
def test_a_run_of_bytes_is_what_struct_makes_of_it(ids: range) -> None:
    assert big_endian(ids) == struct.pack(f">{len(ids)}Q", *ids)


@pytest.mark.parametrize("ids", [range(5, 5), range(10**18, 10**18)])
def test_an_empty_run_is_empty(ids: range) -> None:
    assert decimal(ids, b"\n") == big_endian(ids) == b""
