"""The Grafana dashboard: its shape, and what a real Prometheus answers to each of its questions."""

import json
import re
from itertools import combinations
from typing import Any

import pytest

from idgen.layout import IDS_PER_MS
from tests.deploy.conftest import Watched
from tests.end_to_end.fleet import TOP

DASHBOARD = json.loads((TOP / "deploy" / "grafana" / "flake.json").read_text(encoding="utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = [
    pytest.param(target["expr"], id=f"{panel['title']} {target['refId']}")
    for panel in PANELS
    for target in panel["targets"]
]
COLUMNS = 24
VARIABLES = {"$job": "flake", "$instance": ".+", "$__rate_interval": "30s"}
"""What Grafana puts in their places."""


def filled(expression: str) -> str:
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    assert "$" not in expression
    return expression


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_panel_shows_something_of_a_fleet(watched: Watched, expression: str) -> None:
    result = watched.prometheus.result(filled(expression))
    assert result
    assert "NaN" not in {sample["value"][1] for sample in result}


def test_what_the_panels_show_of_a_sound_fleet_is_right(watched: Watched) -> None:
    def shown(title: str) -> float:
        (panel,) = [panel for panel in PANELS if panel["title"] == title]
        (sample,) = watched.prometheus.result(filled(panel["targets"][0]["expr"]))
        return float(sample["value"][1])

    assert shown("Two owners") == 0
    assert shown("Processes without IDs") == 0
    assert 0 < shown("Fullest millisecond") <= 1
    assert 50 < shown("Years left") < 54


def test_workers_are_told_apart_by_their_worker_id(watched: Watched) -> None:
    (panel,) = [panel for panel in PANELS if panel["title"] == "IDs a second by worker"]
    result = watched.prometheus.result(filled(panel["targets"][0]["expr"]))
    assert {sample["metric"]["worker_id"] for sample in result} == {"0", "1", "5"}


def test_each_metric_of_a_fleet_is_on_the_dashboard(watched: Watched) -> None:
    names = watched.prometheus.ask("label/__name__/values")
    metrics = {name for name in names if name.startswith("flake_")}
    assert len(metrics) > 15
    assert metrics <= set(re.findall(r"\bflake_\w+", json.dumps(PANELS)))


def test_the_variables_find_the_fleet_and_no_other_job(watched: Watched) -> None:
    source, job, instance = DASHBOARD["templating"]["list"]
    assert (source["name"], source["type"], source["query"]) == (
        "datasource",
        "datasource",
        "prometheus",
    )
    assert "allValue" not in job, "up{job=~'.+'} would count the processes of others"
    for variable in (job, instance):
        metric, label = re.findall(r"^label_values\((\w+)(?:\{.*\})?, (\w+)\)$", variable["query"])[
            0
        ]
        assert label == variable["name"]
        found = {sample["metric"][label] for sample in watched.prometheus.result(metric)}
        assert len(found) == (1 if variable is job else len(watched.ports))


def test_grafana_can_take_the_dashboard_in() -> None:
    assert DASHBOARD["id"] is None, "Grafana gives it one"
    assert (DASHBOARD["uid"], DASHBOARD["title"]) == ("flake", "Flake")
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_says_what_it_shows_and_in_which_unit(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    source = {"type": "prometheus", "uid": "${datasource}"}
    assert panel["datasource"] == source
    references = [target["refId"] for target in panel["targets"]]
    assert len(set(references)) == len(references)
    assert all(target["datasource"] == source for target in panel["targets"])


def test_no_panel_lies_on_another_or_leaves_the_page() -> None:
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    assert all(place["x"] >= 0 and place["x"] + place["w"] <= COLUMNS for place in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above


def test_the_headroom_ends_where_the_sequence_does() -> None:
    (panel,) = [panel for panel in PANELS if panel["title"].startswith("Headroom")]
    assert panel["fieldConfig"]["defaults"]["max"] == IDS_PER_MS
