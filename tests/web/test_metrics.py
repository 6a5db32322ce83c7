import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as exposition

from idgen.grant import Grant
from tests.web.serving import NOW, Serving


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in exposition(text)
        for sample in family.samples
    }


def test_a_scrape_tells_what_the_service_counted(served: Serving) -> None:
    served.get("/?n=10")
    served.get("/")
    served.get("/?n=0")
    served.get("/nowhere")
    served.clock.unix_ms -= 1000
    served.get("/")
    scraped = samples(served.get("/metrics").text)
    assert scraped[("flake_ids_generated_total", ())] == 11
    errors = {
        labels[0][1]: value
        for (name, labels), value in scraped.items()
        if name == "flake_errors_total"
    }
    assert errors == {
        "clock_regression": 1,
        "sequence_overflow": 0,
        "not_ready": 0,
        "bad_request": 2,
    }
    assert scraped[("flake_last_timestamp_seconds", ())] == NOW / 1000
    left_s = (3458216855551 - (NOW - 1000)) / 1000
    assert scraped[("flake_seconds_until_exhaustion", ())] == left_s
    worker = (("epoch_ms", "1259193600000"), ("worker_id", "1023"))
    assert scraped[("flake_worker_info", worker)] == 1
    (build,) = [dict(labels) for name, labels in scraped if name == "flake_build_info"]
    assert set(build) == {"version", "python", "tornado"}
    assert scraped[("process_cpu_seconds_total", ())] > 0
    assert scraped[("process_open_fds", ())] > 0


def test_all_reasons_are_there_before_the_first_error(served: Serving) -> None:
    assert served.get("/metrics").text.count("\nflake_errors_total{") == 4


def test_a_scrape_by_another_reader_counts_as_much(served: Serving) -> None:
    served.get("/")
    assert served.get("/metrics").text.count("flake_ids_generated_total 1.0") == 1
    assert served.get("/metrics").text.count("flake_ids_generated_total 1.0") == 1


def test_openmetrics_is_given_where_it_is_asked_for(served: Serving) -> None:
    response = served.get("/metrics", "application/openmetrics-text; version=1.0.0")
    assert response.media_type == "application/openmetrics-text"
    families = openmetrics(response.text)  # type: ignore[no-untyped-call]
    assert "flake_worker" in {family.name for family in families}
    assert served.get("/metrics").media_type == "text/plain"


@pytest.mark.parametrize(
    "accept", ["application/openmetrics-text; version=x", "text/plain;version=1.0.0;escaping=y"]
)
def test_a_wish_that_makes_no_sense_is_text(served: Serving, accept: str) -> None:
    response = served.get("/metrics", accept)
    assert response.status == 200
    assert response.media_type == "text/plain"


def test_a_scrape_tells_of_the_grants(served: Serving) -> None:
    service = served.service
    service.begin_grant(Grant(5, NOW - 1, NOW + 4500))
    counts = service.grant_counts
    counts.extensions, counts.worker_id_changes, counts.skew_ms = 7, 1, -250
    counts.refusals.update({"lost": 2, "unreachable": 1})
    scraped = samples(served.get("/metrics").text)
    assert scraped[("flake_grant_remaining_seconds", ())] == 4.5
    assert scraped[("flake_grant_extensions_total", ())] == 7
    assert scraped[("flake_grant_refusals_total", (("reason", "lost"),))] == 2
    assert scraped[("flake_grant_refusals_total", (("reason", "unreachable"),))] == 1
    assert scraped[("flake_worker_id_changes_total", ())] == 1
    assert scraped[("flake_clock_skew_seconds", ())] == -0.25


def test_a_skew_that_nobody_has_measured_is_not_told(served: Serving) -> None:
    assert "flake_clock_skew_seconds" not in served.get("/metrics").text


@pytest.mark.parametrize(
    ("grant", "left_s"),
    [(Grant(5, NOW, NOW + 1), 0.001), (Grant(5, NOW - 2, NOW - 1), 0), (None, 0)],
)
def test_a_process_that_can_t_issue_is_no_owner_of_a_worker_id(
    served: Serving, grant: Grant | None, left_s: float
) -> None:
    served.service.end_grant("lost")
    if grant:
        served.service.begin_grant(grant)
    text = served.get("/metrics").text
    assert "flake_worker_info{" not in text
    assert samples(text)[("flake_grant_remaining_seconds", ())] == left_s
