import math

import pytest

from idgen.client.settings import checked, servers_from
from idgen.errors import BadArgument

GOOD = {"servers": "a:1", "timeout_s": 0.05, "deadline_s": 1, "prefetch": 0, "max_age_s": 10.0}


def test_good_settings_pass() -> None:
    settings = checked(**GOOD)  # type: ignore[arg-type] # a table of any types
    assert settings.urls == ("http://a:1",)
    assert settings.deadline_s == 1


@pytest.mark.parametrize("name", ["timeout_s", "deadline_s", "max_age_s"])
@pytest.mark.parametrize("value", [0, -1, 3600.1, math.nan, math.inf, "1", None])
def test_a_bad_time_is_refused_with_its_name_value_and_range(name: str, value: object) -> None:
    with pytest.raises(BadArgument, match=rf"^{name} must be above 0 and at most 3600 s, not "):
        checked(**GOOD | {name: value})  # type: ignore[arg-type] # on purpose


@pytest.mark.parametrize("value", [-1, 131_073, 1.0, "5", None])
def test_a_bad_prefetch_is_refused_with_its_name_value_and_range(value: object) -> None:
    with pytest.raises(BadArgument, match=r"^prefetch must be a whole number from 0 to 131072"):
        checked(**GOOD | {"prefetch": value})  # type: ignore[arg-type] # on purpose


def test_the_environment_names_the_servers() -> None:
    assert servers_from({"FLAKE_SERVERS": "a:1,b:2"}) == "a:1,b:2"
    with pytest.raises(BadArgument, match="FLAKE_SERVERS is not set"):
        servers_from({})
