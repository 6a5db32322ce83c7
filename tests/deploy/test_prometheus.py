"""The shipped configuration and alerts, by promtool and by a Prometheus that watches a fleet."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.deploy.conftest import Watched
from tests.deploy.prometheus import FOLDER
from tests.end_to_end.fleet import TOP, until
from tests.end_to_end.process import running
from tests.end_to_end.test_readme import anchors

RULES = [
    rule
    for group in yaml.safe_load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
NAMES = {rule["alert"] for rule in RULES}


@pytest.mark.parametrize(
    "words",
    [
        ("check", "config", "prometheus.yml"),
        ("check", "rules", "alerts.yml"),
        ("test", "rules", "alerts.test.yml"),
    ],
)
def test_promtool_finds_nothing_wrong(words: tuple[str, ...]) -> None:
    told = subprocess.run(["promtool", *words], cwd=FOLDER, capture_output=True, text=True)
    assert told.returncode == 0, told.stdout + told.stderr


def test_each_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    cases = yaml.safe_load((FOLDER / "alerts.test.yml").read_text(encoding="utf-8"))["tests"]
    checks = [check for case in cases for check in case["alert_rule_test"]]
    assert {check["alertname"] for check in checks if check["exp_alerts"]} == NAMES
    assert {check["alertname"] for check in checks if not check["exp_alerts"]} == NAMES


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_how_urgent_it_is_what_is_wrong_and_where_to_read_on(
    rule: dict[str, dict[str, str]],
) -> None:
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert set(rule["annotations"]) == {"summary", "description", "runbook"}
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert anchor in anchors(TOP / page)


def test_prometheus_as_shipped_reaches_each_process(watched: Watched) -> None:
    targets = watched.prometheus.ask("targets")["activeTargets"]
    assert {(target["labels"]["instance"], target["health"]) for target in targets} == {
        (f"127.0.0.1:{port}", "up") for port in watched.ports
    }
    assert {target["labels"]["job"] for target in targets} == {"flake"}


def test_the_metrics_that_the_alerts_look_at_are_there(watched: Watched) -> None:
    named = {name for rule in RULES for name in re.findall(r"\bflake_\w+", rule["expr"])}
    assert "flake_worker_info" in named
    assert named <= set(watched.prometheus.ask("label/__name__/values"))


def test_two_owners_of_a_worker_id_page_somebody_until_one_is_stopped(
    watched: Watched, tmp_path: Path
) -> None:
    prometheus = watched.prometheus
    until(lambda: prometheus.firing() == {}, "the fleet is sound")
    elsewhere = f"--grants=file:{tmp_path / 'elsewhere'}"
    with running(tmp_path, "--worker_id=0", elsewhere) as second:
        until(second.serves, "a second owner issues IDs")
        prometheus.reconfigure(watched.configuration(second.port))
        until(lambda: "FlakeTwoOwners" in prometheus.firing(), "the alert fires")
        alert = prometheus.firing()["FlakeTwoOwners"]
        assert alert["labels"]["severity"] == "page"
        assert alert["labels"]["worker_id"] == "0"
        assert alert["annotations"]["summary"] == "2 processes issue IDs with worker_id 0"
        owners = {watched.ports[0], second.port}
        named = re.findall(r" 127\.0\.0\.1:(\d+)", alert["annotations"]["description"])
        assert set(map(int, named)) == owners
        second.stop()
        until(lambda: "FlakeTwoOwners" not in prometheus.firing(), "it is over")
    prometheus.reconfigure(watched.configuration())
