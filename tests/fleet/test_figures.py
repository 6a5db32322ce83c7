import json
from typing import Any

import pytest

from idgen.fleet.figures import MAX_NUMBERS, MAX_TEXT, Figures, NotFigures, dumps, figures_of
from tests.fleet.workers import FIGURES


def told(**changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(FIGURES.document()))
    return document | changes


def test_figures_come_back_as_they_were_told() -> None:
    assert figures_of(told()) == FIGURES


def test_what_a_later_version_adds_is_left_out() -> None:
    assert figures_of(told(colour="blue")) == FIGURES


@pytest.mark.parametrize("name", Figures.__dataclass_fields__)
def test_each_figure_has_to_be_there(name: str) -> None:
    document = told()
    del document[name]
    with pytest.raises(NotFigures, match=f"^{name} is missing$"):
        figures_of(document)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("instance", 7),
        ("version", "x" * (MAX_TEXT + 1)),
        ("unix_ms", -1),
        ("unix_ms", 1.5),
        ("unix_ms", True),
        ("unix_ms", 1 << 63),
        ("trouble", None),
        ("worker_id", "7"),
        ("worker_id", 1024),
        ("owns", 1),
        ("grant_ms", 0),
        ("errors", ["bad_request"]),
        ("errors", {"bad_request": "many"}),
        ("errors", {str(number): 0 for number in range(MAX_NUMBERS + 1)}),
        ("skew_ms", 0.5),
        ("ids_per_s", {}),
        ("ids_per_s", [1, None]),
        ("peak_per_ms", [0] * (MAX_NUMBERS + 1)),
        ("peak_per_ms", [4097]),
    ],
)
def test_a_figure_of_another_kind_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(NotFigures, match=f"^{name} can't be "):
        figures_of(told(**{name: value}))


def test_whatever_text_a_peer_sends_is_one_line_of_ascii() -> None:
    figures = figures_of(told(version="\ud800<b>", trouble="\u202eno\n", errors={"\u202e": 1}))
    assert (figures.version, figures.trouble) == (r"\ud800<b>", r"\u202eno\n")
    assert figures.errors == {r"\u202e": 1}
    assert json.loads(dumps(figures.document()).encode()) | {"ids_per_s": (1, 2)}


@pytest.mark.parametrize("document", [None, [], "figures", 7])
def test_figures_are_an_object(document: Any) -> None:
    with pytest.raises(NotFigures, match="no JSON object"):
        figures_of(document)
