import re

import pytest

from idgen.command.picture import picture
from idgen.decoding import decode
from idgen.layout import MAX_EPOCH_MS, MAX_ID
from tests.command.shell import GOLDEN, on_terminal, without_colours

NOW = 1795219200123
PICTURE = """\
2248254318702493695  0x1f3367641effffff
  63 62                                     22 21      12 11         0
   0 00111110011001101100111011001000001111011 1111111111 111111111111
     └───────────────────────────────────────┘ └────────┘ └──────────┘
                     timestamp                 worker_id    sequence
  time       2026-11-21 00:00:00.123 UTC, 4m12s ago
  timestamp  536025600123 ms since the epoch, unix_ms 1795219200123
  worker_id  1023
  sequence   4095
"""


def test_the_picture_has_all_bits_and_names_their_parts() -> None:
    assert picture(decode(GOLDEN), NOW + 252_000, has_colours=False) == PICTURE


def test_an_id_of_the_future_is_said_to_be() -> None:
    assert "00:00:00.123 UTC, in 1h00m\n" in picture(decode(GOLDEN), NOW - 3_600_000, False)


def test_a_part_and_its_value_have_the_same_colour() -> None:
    coloured = picture(decode(GOLDEN - 1), NOW, has_colours=True)
    for colour, name, value in ((36, "timestamp", "536025600123"), (33, "worker_id", "1023")):
        painted = re.findall(rf"\x1b\[{colour}m(.*?)\x1b\[0m", coloured)
        assert name in [each.strip() for each in painted]
        assert value in painted
    assert "\x1b[35m111111111110\x1b[0m" in coloured
    assert "\x1b[35m4094\x1b[0m" in coloured


@pytest.mark.parametrize("flake_id", [0, GOLDEN, MAX_ID])
@pytest.mark.parametrize("epoch_ms", [0, MAX_EPOCH_MS])
def test_it_fits_80_columns_and_is_the_same_without_colours(flake_id: int, epoch_ms: int) -> None:
    plain = picture(decode(flake_id, epoch_ms), NOW, has_colours=False)
    coloured = picture(decode(flake_id, epoch_ms), NOW, has_colours=True)
    assert max(map(len, plain.splitlines())) <= 80
    unpainted = without_colours(coloured).splitlines()
    assert [line.rstrip() for line in unpainted] == plain.splitlines()


def test_a_terminal_gets_it_in_colours() -> None:
    status, sent = on_terminal("decode", str(GOLDEN), "0", stream="stdout")
    assert status == 0
    assert "\x1b[33m1111111111\x1b[0m" in sent
    lines = without_colours(sent).splitlines()
    assert lines[2] == PICTURE.splitlines()[2]
    assert lines[9:11] == ["", "0  0x0"]


def test_no_color_in_the_environment_is_respected_unless_it_is_empty() -> None:
    _, sent = on_terminal("decode", str(GOLDEN), stream="stdout", NO_COLOR="1")
    assert sent.splitlines()[:5] == PICTURE.splitlines()[:5]
    _, sent = on_terminal("decode", str(GOLDEN), stream="stdout", NO_COLOR="")
    assert "\x1b[" in sent


def test_a_terminal_gets_json_where_it_asks_for_it() -> None:
    status, sent = on_terminal("decode", "--json", "0", stream="stdout")
    assert (status, sent[:10]) == (0, '{"id":"0",')


def test_a_terminal_that_has_no_such_characters_gets_others() -> None:
    status, sent = on_terminal("decode", "0", stream="stdout", PYTHONIOENCODING="ascii")
    assert status == 0
    assert "?" * 41 in sent
