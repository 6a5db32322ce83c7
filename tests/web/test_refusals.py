import logging
from http import HTTPStatus

import pytest

from idgen.errors import BadRequest, ClockRegression, FlakeError, NotReady, SequenceOverflow
from idgen.service import IdService
from idgen.web import answers, refusals
from idgen.web.refusals import Refusals
from idgen.web.wire import Wire
from tests.clocks import WallClock, granted_service

NOW = 1795219200123
JSON = "application/json"


@pytest.fixture
def service() -> IdService:
    return granted_service(7, WallClock(NOW))


@pytest.fixture
def refusing(service: IdService) -> Refusals:
    return Refusals(service, Wire())


def test_each_error_is_counted_and_one_a_second_is_logged(
    refusing: Refusals, service: IdService, caplog: pytest.LogCaptureFixture
) -> None:
    for unix_ms in (NOW, NOW, NOW, NOW + 1):
        refusing.response(SequenceOverflow(unix_ms, 4096), "", "/")
    refusing.response(ClockRegression(5, NOW), "", "/")
    refusing.tick()
    refusing.response(SequenceOverflow(NOW + 2, 4096), "", "/")
    assert +service.errors == {"sequence_overflow": 5, "clock_regression": 1}
    lines = [(line.getMessage(), vars(line)["held_back"]) for line in caplog.records]
    assert [(line.split(":")[0], held_back) for line, held_back in lines] == [
        ("500 sequence_overflow", 0),
        ("500 clock_regression", 0),
        ("500 sequence_overflow", 3),
    ]


def test_what_is_not_our_fault_is_counted_and_not_logged(
    refusing: Refusals, service: IdService, caplog: pytest.LogCaptureFixture
) -> None:
    refusing.response(BadRequest("n must"), "", "/")
    assert +service.errors == {"bad_request": 1}
    assert not caplog.records


def test_equal_errors_of_a_second_have_equal_responses_and_others_have_not(
    refusing: Refusals,
) -> None:
    said = [
        refusing.response(error, accept, "/")
        for accept in ("", JSON)
        for error in (SequenceOverflow(NOW, 4096), SequenceOverflow(NOW, 4032), NotReady("x"))
    ]
    assert len(set(said)) == 6
    assert refusing.response(SequenceOverflow(NOW, 4096), "", "/") is said[0]
    refusing.tick()
    assert refusing.response(SequenceOverflow(NOW, 4096), "", "/") is not said[0]


def test_a_variety_of_errors_does_not_grow_the_memory(refusing: Refusals) -> None:
    for number in range(3 * refusals.MAX_RENDERED):
        refusing.response(BadRequest(f"n must not be {number}"), "", "/")
        assert len(refusing._rendered) <= refusals.MAX_RENDERED


def test_what_nobody_raised_on_purpose_is_said_to_the_log_and_not_to_the_client(
    refusing: Refusals, service: IdService, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    for _ in range(2):
        response = refusing.response(KeyError(["no hash"]), "", "/")
        assert response.endswith(b"\r\n\r\ninternal error")
    assert +service.errors == {"internal_error": 2}
    assert "KeyError" in caplog.text


def test_every_error_that_can_reach_an_answer_has_its_status() -> None:
    own = {
        "BadSetting",
        "CannotListen",
        "BadArgument",
        "BadRules",
    }  # end the start, or are a caller's of Python

    def causes(error: type[FlakeError]) -> set[type[FlakeError]]:
        found = {error} if "reason" in vars(error) or error in answers.STATUS else set()
        return found.union(*(causes(kind) for kind in error.__subclasses__()))

    missing = {
        error.__name__
        for error in causes(FlakeError)
        if error not in answers.STATUS and not error.__module__.startswith("idgen.client.")
    }
    assert {name for name in missing if not name.startswith("Store")} - own == set()
    assert answers.explained(NotReady("x"))[0] is HTTPStatus.SERVICE_UNAVAILABLE
