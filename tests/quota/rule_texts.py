"""Files of rules, and what is said of those that are wrong."""

import pytest

from idgen.errors import FlakeError
from idgen.quota.rule_file import BadRules, read_rules

GOOD = {"name": '"a"', "fields": '["ip"]', "limit": "1", "window_s": "60"}


def table(**keys: str) -> str:
    """A rule in TOML, [[rule]] in line 1 and each key in a line of its own, from line 2."""
    return "[[rule]]\n" + "".join(f"{name} = {text}\n" for name, text in (GOOD | keys).items())


def complaint(text: str) -> str:
    with pytest.raises(BadRules) as caught:
        read_rules(text, "FILE")
    assert isinstance(caught.value, FlakeError)
    assert caught.value.reason == "bad_rules"
    assert str(caught.value) == f"FILE:{caught.value.line}: {caught.value.fault}"
    return str(caught.value)
