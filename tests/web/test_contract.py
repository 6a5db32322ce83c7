"""The contract of HTTP, over real sockets, with a clock that the test moves."""

import re
import struct
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime

import pytest

from idgen.generator import BATCH_IDS_PER_MS
from idgen.layout import unpack
from tests.web.serving import FIRST, NOW, Response, Serving, exchange, read_to_end, serving

JSON = "application/json"
BINARY = "application/octet-stream"
PROBLEM = "application/problem+json"
TEXT_TYPE = "text/plain; charset=utf-8"
ONE_MS = 1 << 22
GET_ROUTES = [
    "/",
    "/?n=3",
    "/decode/1",
    "/bounds?from=1795219200123&to=1795219200123",
    "/stats",
    "/livez",
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
]
BAD_REQUESTS = ["/?n=0", "/decode/abc", "/bounds", "/nowhere"]


def ids(response: Response) -> list[int]:
    return [int(line) for line in response.text.split("\n")]


# Single IDs and batches


def test_an_id_is_decimal_text_and_nothing_else(served: Serving) -> None:
    response = served.get("/")
    assert (response.status, response.text) == (200, str(FIRST))
    assert response.headers["Content-Type"] == TEXT_TYPE


def test_ids_are_json_strings_where_json_is_preferred(served: Serving) -> None:
    response = served.get("/", JSON)
    assert response.body == b'{"id":"%d"}' % FIRST
    assert response.headers["Content-Type"] == JSON
    assert served.get("/?n=1", JSON).body == b'{"ids":["%d"]}' % (FIRST + 1)
    assert served.get("/?n=2", JSON).body == b'{"ids":["%d","%d"]}' % (FIRST + 2, FIRST + 3)


def test_ids_are_8_bytes_big_endian_where_binary_is_preferred(served: Serving) -> None:
    response = served.get("/", BINARY)
    assert response.headers["Content-Type"] == BINARY
    assert struct.unpack(">Q", response.body) == (FIRST,)
    assert struct.unpack(">3Q", served.get("/?n=3", BINARY).body) == (
        FIRST + 1,
        FIRST + 2,
        FIRST + 3,
    )


def test_a_batch_is_a_line_an_id_without_a_newline_at_the_end(served: Serving) -> None:
    response = served.get("/?n=3")
    assert response.text == f"{FIRST}\n{FIRST + 1}\n{FIRST + 2}"
    assert response.headers["Content-Type"] == TEXT_TYPE


def test_ids_increase_over_requests_and_milliseconds(served: Serving) -> None:
    taken = []
    for target in ["/", "/?n=5", "/", "/?n=1"] * 3:
        taken += ids(served.get(target))
        served.clock.unix_ms += 1
    assert taken == sorted(set(taken))
    assert {unpack(flake_id).worker_id for flake_id in taken} == {1023}


def test_early_ids_are_shorter_and_their_length_is_right() -> None:
    with serving(epoch_ms=NOW) as served:
        assert served.get("/").text == str(1023 << 12)
        assert served.get("/?n=2").headers["Content-Length"] == "15"


@pytest.mark.usefixtures("patient")
def test_a_batch_waits_for_the_milliseconds_that_it_needs(served: Serving) -> None:
    with served.raw() as client:
        client.sendall(b"GET /?n=4033 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        _until(lambda: served.service.ids_taken == BATCH_IDS_PER_MS)
        assert served.get("/").text == str(FIRST + BATCH_IDS_PER_MS), "single IDs don't wait"
        served.clock.unix_ms += 1
        head, _, body = read_to_end(client).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    lines = body.split(b"\n")
    assert len(set(lines)) == 4033
    assert int(lines[-1]) == FIRST + ONE_MS


def test_a_batch_that_gets_no_number_in_time_is_the_overflow_500(served: Serving) -> None:
    served.get(f"/?n={BATCH_IDS_PER_MS}")
    response = served.get("/?n=1")
    assert response.status == 500
    assert response.text == (
        f"sequence overflow: 4032 IDs of {NOW} are taken; no IDs until {NOW + 1}"
    )
    assert served.get("/").status == 200


@pytest.mark.usefixtures("patient")
def test_the_largest_batch_is_whole(served: Serving) -> None:
    with served.raw() as client:
        client.sendall(b"GET /?n=65536 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        while served.service.ids_taken < 65_536:
            served.clock.unix_ms += 1
            time.sleep(0.002)
        body = read_to_end(client).partition(b"\r\n\r\n")[2]
    lines = [int(line) for line in body.split(b"\n")]
    assert len(lines) == 65_536
    assert lines == sorted(set(lines))


@pytest.mark.usefixtures("patient")
def test_a_batch_whose_client_has_gone_takes_no_more_numbers(served: Serving) -> None:
    with served.raw() as client:
        client.sendall(b"GET /?n=65536 HTTP/1.1\r\nHost: x\r\n\r\n")
        _until(lambda: served.service.ids_taken == BATCH_IDS_PER_MS)
    _until(lambda: not served.server._connections)
    served.clock.unix_ms += 1
    served.get("/?n=1")
    assert served.service.ids_taken == BATCH_IDS_PER_MS + 1
    assert served.service.errors.total() == 0


# HEAD


@pytest.mark.parametrize("target", GET_ROUTES + BAD_REQUESTS)
@pytest.mark.parametrize("accept", [None, JSON, BINARY])
def test_head_answers_as_get_would_without_a_body_or_an_id(
    served: Serving, target: str, accept: str | None
) -> None:
    head = served.request(target, accept, method="HEAD")
    assert served.service.ids_taken == 0
    got = served.get(target, accept)
    assert head.body == b""
    if target == "/metrics":  # its figures move between two requests
        for response in (head, got):
            del response.headers["Content-Length"]
    for response in (head, got):
        del response.headers["Date"]
    assert (head.status, head.headers.items()) == (got.status, got.headers.items())


def test_head_of_a_stats_flush_flushes_nothing(served: Serving) -> None:
    served.get("/")
    served.request("/stats?flush=1", method="HEAD")
    assert served.get("/stats").json["generated_ids"] == 1


def test_head_tells_a_refusal_too(served: Serving) -> None:
    served.use_up_this_millisecond()
    assert served.request("/", method="HEAD").status == 500
    served.clock.unix_ms -= 5
    assert served.request("/?n=7", method="HEAD").status == 500


# Refusals


def test_a_clock_set_back_is_a_500_that_says_until_when(served: Serving) -> None:
    served.clock.unix_ms = 1795219200135
    served.get("/")
    served.clock.unix_ms = 1795219200123
    for target in ("/", "/?n=10"):
        response = served.get(target)
        assert response.status == 500
        assert response.text == "clock moved backwards 12 ms; no IDs until 1795219200135"
        assert "Retry-After" not in response.headers
    served.clock.unix_ms = 1795219200135
    assert ids(served.get("/")) == [FIRST + 12 * ONE_MS + 1]


def test_the_4097th_single_id_of_a_millisecond_is_a_500(served: Serving) -> None:
    served.use_up_this_millisecond()
    response = served.get("/")
    assert response.status == 500
    assert response.text == (
        f"sequence overflow: 4096 IDs of {NOW} are taken; no IDs until {NOW + 1}"
    )
    assert "Retry-After" not in response.headers
    assert served.get("/readyz").status == 200, "a passing overflow doesn't touch it"
    served.clock.unix_ms += 1
    assert served.get("/").status == 200


@pytest.mark.parametrize("unix_ms", [0, 1259193599999, 3458216855552])
def test_a_clock_outside_the_41_bits_is_a_503(served: Serving, unix_ms: int) -> None:
    served.clock.unix_ms = unix_ms
    for target in ("/", "/?n=2", "/readyz"):
        response = served.get(target)
        assert (response.status, response.headers["Retry-After"]) == (503, "1")
        assert f"clock at {unix_ms} is outside the 41 bits" in response.text
    served.clock.unix_ms = NOW
    assert served.get("/readyz").text == "ready"
    assert ids(served.get("/")) == [FIRST]


def test_readyz_says_why_while_the_clock_stands_behind(served: Serving) -> None:
    served.get("/")
    served.clock.unix_ms -= 3_600_000
    response = served.get("/readyz", JSON)
    assert (response.status, response.headers["Retry-After"]) == (503, "1")
    assert response.media_type == PROBLEM
    assert response.json["reason"] == "not_ready"
    assert response.json["detail"] == f"clock moved backwards 3600000 ms; no IDs until {NOW}"
    assert served.get("/livez").status == 200
    served.clock.unix_ms += 3_600_000
    assert served.get("/readyz").status == 200


@pytest.mark.parametrize(
    ("target", "named"),
    [
        ("/?n=0", "n must be a whole number from 1 to 65536, not '0'"),
        ("/?n=65537", "n must be a whole number from 1 to 65536, not '65537'"),
        ("/?n=-1", "n must"),
        ("/?n=1_000", "n must"),
        ("/?n=%205%20", "n must"),
        ("/?n=+5", "n must"),
        ("/?n=%D9%A3", "n must"),
        ("/?n=%FF", "n must"),
        ("/?n=abc", "n must"),
        ("/?n=1.0", "n must"),
        ("/?n=" + "1" * 20, "n must"),
        ("/?n=", "n is empty"),
        ("/?n", "n is empty"),
        ("/?n=1&n=1", "n is given 2 times"),
        ("/decode/abc", "ID must be a whole number from 0 to 9223372036854775807, not 'abc'"),
        ("/decode/", "ID must"),
        ("/decode/-1", "ID must"),
        ("/decode/9223372036854775808", "ID must"),
        ("/decode/1_000", "ID must"),
        ("/decode/%D9%A3", "ID must"),
        ("/decode/%FF", "ID must"),
        ("/decode/0x10", "ID must"),
        ("/bounds", "from is missing"),
        ("/bounds?from=1795219200123", "to is missing"),
        ("/bounds?to=1795219200123", "from is missing"),
        ("/bounds?from=&to=1795219200123", "from is empty"),
        ("/bounds?from=1795219200123&to=1&to=2", "to is given 2 times"),
        ("/bounds?from=yesterday&to=1795219200123", "from must be Unix milliseconds"),
        ("/bounds?from=2026-11-21&to=1795219200123", "from must be Unix milliseconds"),
        ("/bounds?from=2026-11-21T00:00:00&to=1795219200123", "from must be Unix milliseconds"),
        ("/bounds?from=1259193599999&to=1795219200123", "from must be from 1259193600000 to"),
        ("/bounds?from=1795219200123&to=3458216855552", "to must be from 1259193600000 to"),
        ("/bounds?from=1795219200124&to=1795219200123", "from must not be after to"),
        ("/stats?flush=2", "flush must be a whole number from 0 to 1"),
        ("/stats?flush=", "flush is empty"),
        ("/stats?flush=1&flush=1", "flush is given 2 times"),
    ],
)
def test_bad_input_is_a_400_that_names_the_parameter_and_spends_nothing(
    served: Serving, target: str, named: str
) -> None:
    response = served.get(target)
    assert response.status == 400
    assert response.headers["Content-Type"] == TEXT_TYPE
    assert response.text.startswith(named)
    problem = served.get(target, JSON)
    assert problem.media_type == PROBLEM
    assert problem.json == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": response.text,
        "reason": "bad_request",
    }
    assert served.service.ids_taken == 0
    assert served.service.errors["bad_request"] == 2


def test_an_unknown_parameter_is_ignored(served: Serving) -> None:
    assert served.get("/?x=&x=&y").text == str(FIRST)
    assert len(ids(served.get("/?m=0&n=2"))) == 2


@pytest.mark.parametrize("target", ["/nowhere", "/decode", "/decode/1/2", "/stats/", "//", "/é"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
def test_an_unknown_path_is_a_404_whatever_the_method(
    served: Serving, target: str, method: str
) -> None:
    raw = served.send_raw(
        f"{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode("latin-1")
    )
    assert raw.startswith(b"HTTP/1.1 404 Not Found\r\n")


@pytest.mark.parametrize("target", GET_ROUTES)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"])
def test_other_methods_are_a_405_with_allow(served: Serving, target: str, method: str) -> None:
    response = served.request(target, method=method)
    assert (response.status, response.headers["Allow"]) == (405, "GET, HEAD")
    assert response.text == f"{method} isn't allowed here; GET and HEAD are"
    assert served.service.ids_taken == 0


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, TEXT_TYPE),
        ("*/*", TEXT_TYPE),
        (BINARY, TEXT_TYPE),
        (JSON, PROBLEM),
        (f"text/plain, {PROBLEM}", PROBLEM),
    ],
)
def test_errors_are_problems_where_they_are_wanted(
    served: Serving, accept: str | None, content_type: str
) -> None:
    served.use_up_this_millisecond()
    response = served.get("/", accept)
    assert (response.status, response.headers["Content-Type"]) == (500, content_type)
    if content_type == PROBLEM:
        assert response.json["reason"] == "sequence_overflow"
        assert response.json["title"] == "Internal Server Error"
        assert response.json["status"] == 500
        assert str(NOW + 1) in response.json["detail"]


# Every answer


@pytest.mark.parametrize("target", GET_ROUTES + BAD_REQUESTS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_every_answer_forbids_caching_and_states_its_length_type_and_date(
    served: Serving, target: str, method: str
) -> None:
    with served.connection() as connection:
        response = exchange(connection, target, method=method)
        assert response.headers.get_all("Cache-Control") == ["no-store"]
        assert response.headers["Content-Type"]
        date = parsedate_to_datetime(response.headers["Date"])
        assert abs(date.timestamp() - time.time()) < 60
        for absent in ("ETag", "Server", "Last-Modified", "Transfer-Encoding", "Connection"):
            assert absent not in response.headers
        length = int(response.headers["Content-Length"])
        assert length == len(response.body) or method == "HEAD"
        assert exchange(connection, "/livez").status == 200, "the connection stays usable"


def test_nothing_is_ever_a_304(served: Serving) -> None:
    for condition in ('If-None-Match: "x"', "If-None-Match: *", "If-Modified-Since: now"):
        raw = served.send_raw(
            f"GET /livez HTTP/1.1\r\nHost: x\r\n{condition}\r\nConnection: close\r\n\r\n".encode()
        )
        assert raw.startswith(b"HTTP/1.1 200 OK")


# The other routes


def test_decode_tells_what_an_id_is_made_of(served: Serving) -> None:
    response = served.get("/decode/2248254318702493695", BINARY)
    assert response.headers["Content-Type"] == JSON
    assert response.json == {
        "id": "2248254318702493695",
        "unix_ms": 1795219200123,
        "time": "2026-11-21T00:00:00.123Z",
        "timestamp": 536025600123,
        "worker_id": 1023,
        "sequence": 4095,
    }
    assert served.get("/decode/0").json["time"] == "2009-11-26T00:00:00.000Z"
    assert served.get("/decode/9223372036854775807").json["time"] == "2079-08-02T15:47:35.551Z"
    assert served.get("/decode/0000000000000000007").json["id"] == "7"


def test_bounds_are_the_ids_of_a_span_of_time(served: Serving) -> None:
    expected = {"min": "2248254318698299392", "max": "2248254318702493695"}
    for moment in (
        "1795219200123",
        "2026-11-21T00:00:00.123Z",
        "2026-11-21T01:00:00.123%2B01:00",
        "2026-11-21T01:00:00.123+01:00",
    ):
        assert served.get(f"/bounds?from={moment}&to={moment}").json == expected
    whole = served.get("/bounds?from=1259193600000&to=3458216855551").json
    assert whole == {"min": "0", "max": "9223372036854775807"}


def test_stats_have_the_historical_keys_and_a_flush(served: Serving) -> None:
    served.get("/?n=10")
    served.clock.unix_ms -= 1
    served.get("/")
    served.get("/?n=0")
    served.clock.unix_ms += 1
    served.stats_clock.now_s += 60.5
    expected = {
        "timestamp": NOW // 1000,
        "generated_ids": 10,
        "errors": 1,
        "max_time_ms": NOW,
        "worker_id": 1023,
        "time_since_flush": 60.5,
    }
    assert served.get("/stats?flush=0").json == expected
    assert served.get("/stats?flush=1").json == expected, "a flush answers the old values"
    zeroed = {"generated_ids": 0, "errors": 0, "time_since_flush": 0.0}
    assert served.get("/stats").json == expected | zeroed
    assert "flake_ids_generated_total 10.0" in served.get("/metrics").text
    assert served.get("/stats", "text/plain").headers["Content-Type"] == JSON


def test_probes_answer(served: Serving) -> None:
    for target, text in [("/livez", "alive"), ("/healthz", "alive"), ("/readyz", "ready")]:
        assert served.get(target).text == text


def test_an_unexpected_exception_is_a_500_without_its_details(
    served: Serving, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(served.service, "next_id", lambda: 1 / 0)
    response = served.get("/", JSON)
    assert (response.status, response.json["detail"]) == (500, "internal error")
    assert "ZeroDivisionError" in caplog.text


def test_a_5xx_is_a_line_in_the_log_and_a_200_or_400_is_none(
    served: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    served.get("/")
    served.get("/?n=0")
    served.get("/nowhere")
    served.clock.unix_ms -= 12
    served.get("/")
    records = [record for record in caplog.records if record.name != "asyncio"]
    assert [record.getMessage() for record in records] == [
        f"500 clock_regression: clock moved backwards 12 ms; no IDs until {NOW}"
    ]
    facts = {name: getattr(records[0], name) for name in ("reason", "status", "path")}
    assert facts == {"reason": "clock_regression", "status": 500, "path": "/"}


def test_percent_signs_in_a_refused_path_do_no_harm(served: Serving) -> None:
    assert served.get("/%25s%25d").status == 404
    assert re.fullmatch(r"ID must be .*, not '%s'", served.get("/decode/%25s").text)


def _until(holds: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline_s
        time.sleep(0.001)
