import pytest

from idgen.plain import plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (b"host=web-1 pid=7", "host=web-1 pid=7"),
        (b"caf\xe9", r"caf\xe9"),
        ("café".encode(), r"caf\xe9"),
        ("a\nforged line\x1b[31m", r"a\nforged line\x1b[31m"),
        (r"a\b", r"a\b"),
        ("'", "'"),
    ],
)
def test_what_others_wrote_is_one_line_of_ascii(text: bytes | str, shown: str) -> None:
    assert plain(text) == shown
