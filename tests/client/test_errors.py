import pickle

import pytest

from idgen import client
from idgen.client.errors import Attempt, ClientError, NoServerAnswered, Outcome, RequestRefused
from idgen.errors import FlakeError

ATTEMPT = Attempt("http://a:1", Outcome.FAILED, "503 draining", 0.00125)


def test_all_causes_have_one_base_and_a_reason_each() -> None:
    causes = ClientError.__subclasses__()
    assert len({cause.reason for cause in causes}) == len(causes) == 5
    assert issubclass(ClientError, FlakeError)
    assert {cause.__name__ for cause in causes} <= set(client.__all__)


def test_an_attempt_says_who_failed_how_and_how_soon() -> None:
    assert str(ATTEMPT) == "http://a:1 failed (503 draining) after 1.2 ms"
    silent = Attempt("http://a:1", Outcome.TIMED_OUT, "", 0.05)
    assert str(silent) == "http://a:1 timed out after 50.0 ms"


@pytest.mark.parametrize(
    "error", [NoServerAnswered((ATTEMPT,)), RequestRefused("http://a:1", "no")]
)
def test_an_error_can_go_to_another_process(error: ClientError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    assert again.attempts == error.attempts
