"""The routes of quotas over real sockets, on either lane."""

import json
from typing import Any

import pytest

from tests.web.quota.limited import CALL, Limited, limited, rule
from tests.web.serving import Lane, serving

PROBLEM = "application/problem+json"
JSON = "application/json"
CHECK = {"app": "shop", "user": "ann", "interface": "orders", "ip": "192.0.2.7"}
SMALL = rule("app-ip", ["app", "ip"], 5) + rule("app-user", ["app", "user", "interface"], 3, 60)


def test_an_allowed_call_is_told_what_is_left_of_each_rule(served: Limited) -> None:
    response = served.get(CALL)
    assert (response.status, response.headers["Content-Type"]) == (200, JSON)
    assert response.json == {
        "allowed": True,
        "rules": [
            {"name": "app-ip", "limit": 10_000, "remaining": 9_999, "reset_s": 3600},
            {"name": "app-user", "limit": 1_000, "remaining": 999, "reset_s": 3600},
        ],
    }
    assert response.headers["RateLimit-Policy"] == (
        '"app-ip";q=10000;w=3600, "app-user";q=1000;w=3600'
    )
    assert response.headers["RateLimit"] == '"app-ip";r=9999;t=3600, "app-user";r=999;t=3600'
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("lane", [Lane.FAST, Lane.HANDLERS])
def test_a_denied_call_is_a_429_that_says_by_which_rule_and_until_when(lane: Lane) -> None:
    with limited(SMALL, lane) as served:
        for _ in range(3):
            assert served.get(CALL).status == 200
        served.clock.ms += 10_001
        response = served.get(CALL)
        assert (response.status, response.headers["Content-Type"]) == (429, PROBLEM)
        assert response.headers["Retry-After"] == "50", "49.999 s, rounded up"
        assert response.headers["RateLimit"] == '"app-ip";r=2;t=3590, "app-user";r=0;t=50'
        assert response.json == {
            "type": "https://iana.org/assignments/http-problem-types#quota-exceeded",
            "title": "Quota exceeded",
            "status": 429,
            "detail": "rule 'app-user' has 0 of 3 calls left in 60 s; it resets in 50 s",
            "reason": "quota_exceeded",
            "violated-policies": ["app-user"],
            "allowed": False,
            "rules": [
                {"name": "app-ip", "limit": 5, "remaining": 2, "reset_s": 3590},
                {"name": "app-user", "limit": 3, "remaining": 0, "reset_s": 50},
            ],
        }
        assert served.service.errors.total() == 0, "a denial is an answer, and no error"


def test_the_1001st_call_of_a_user_is_denied_and_charges_no_other_rule(served: Limited) -> None:
    with served.server.connection() as connection:
        statuses = []
        for _ in range(1001):
            connection.request("GET", CALL)
            response = connection.getresponse()
            response.read()
            statuses.append(response.status)
    assert statuses == [200] * 1000 + [429]
    assert served.remaining() == [9_000, 0]
    assert served.get(CALL.replace("ann", "bob")).status == 200


def test_the_10001st_call_of_an_address_is_denied(served: Limited) -> None:
    checks = [{**CHECK, "user": f"user{number // 500}"} for number in range(10_001)]
    allowed = []
    for begin in range(0, len(checks), 1000):
        allowed += [one["allowed"] for one in served.post(checks[begin : begin + 1000]).json]
    assert allowed == [True] * 10_000 + [False]


@pytest.mark.parametrize("lane", [Lane.FAST, Lane.HANDLERS])
def test_a_window_begins_at_the_first_call_and_waiting_is_never_made_longer(lane: Lane) -> None:
    with limited(rule("hourly", ["app"], 1), lane) as served:
        served.clock.ms = (10 * 3600 + 59 * 60 + 50) * 1000
        assert served.get("/quota/check?app=a").status == 200
        for minutes in range(1, 60):
            served.clock.ms += 60_000
            wait_s = int(served.get("/quota/check?app=a").headers["Retry-After"])
            assert wait_s == 3600 - 60 * minutes
        served.clock.ms = (11 * 3600 + 59 * 60 + 50) * 1000 - 1
        assert served.get("/quota/check?app=a").status == 429
        served.clock.ms += 1
        assert served.get("/quota/check?app=a").status == 200


def test_a_cost_above_a_limit_is_denied_and_no_wait_is_named(served: Limited) -> None:
    with limited(rule("few", ["app"], 10), served.server.lane) as few:
        response = few.get("/quota/check?app=a&cost=11")
        assert response.status == 429
        assert "Retry-After" not in response.headers
        told = "the cost 11 is above the limit 10 of rule 'few'; waiting won't help"
        assert response.json["detail"] == told
        assert few.get("/quota/check?app=a&cost=10").status == 200
        told = "rule 'few' has 0 of 10 calls left in 3600 s, this one costs 2; it resets in 3600 s"
        assert few.get("/quota/check?app=a&cost=2").json["detail"] == told


def test_a_look_costs_nothing_and_opens_no_window(served: Limited) -> None:
    response = served.get(CALL + "&cost=0")
    assert [one["reset_s"] for one in response.json["rules"]] == [0, 0]
    served.get(CALL + "&cost=7")
    assert served.remaining() == served.remaining() == [9_993, 993]


def test_head_answers_as_get_would_and_charges_nothing(served: Limited) -> None:
    for cost in ("1", "1000"):
        head = served.request("HEAD", f"{CALL}&cost={cost}", {})
        assert served.remaining() == [10_000, 1_000]
        assert head.status == 200
        assert head.headers["RateLimit"].endswith(f"r={1000 - int(cost)};t=3600")
    served.get(CALL)
    assert served.request("HEAD", f"{CALL}&cost=1000", {}).status == 429


def test_deny_status_is_for_those_who_know_only_403(served: Limited) -> None:
    served.get(CALL + "&cost=1000")
    response = served.get(CALL + "&deny_status=403")
    assert (response.status, response.json["status"]) == (403, 403)
    assert response.headers["Retry-After"] == "3600"
    assert served.get(CALL.replace("ann", "bob") + "&deny_status=403").status == 200


def test_a_shadow_rule_counts_and_never_denies(served: Limited) -> None:
    rules = SMALL + rule("shadow", ["app"], 1, more="enforce = false")
    with limited(rules, served.server.lane) as shadowed:
        assert [shadowed.get(CALL).status for _ in range(4)] == [200, 200, 200, 429]
        response = shadowed.get(CALL + "&cost=0")
        shadow = {"name": "shadow", "limit": 1, "remaining": 0, "reset_s": 3600, "enforced": False}
        assert response.json["rules"][2] == shadow
        assert "shadow" not in response.headers["RateLimit"]
        assert shadowed.quota.shadow_denials == {"shadow": 2}
        metrics = shadowed.get("/metrics").text
        assert 'flake_quota_shadow_denials_total{rule="shadow"} 2.0' in metrics
        assert 'flake_quota_denials_total{rule="app-user"} 1.0' in metrics
        assert 'flake_quota_decisions_total{outcome="allowed"} 3.0' in metrics


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (
            "/quota/check?app=a&x=1",
            "unknown parameter 'x'; those there are: app, cost,",
        ),
        ("/quota/check?app=shop&user=ann&ip=::1", "interface is missing; rule 'app-user' needs it"),
        ("/quota/check", "app is missing; rule 'app-ip' needs it"),
        (CALL + "&cost=1001", "cost must be a whole number from 0 to 1000, not '1001'"),
        (CALL + "&cost=-1", "cost must be a whole number from 0 to 1000, not '-1'"),
        (CALL + "&deny_status=200", "deny_status must be 429 or 403, not '200'"),
        ("/quota/usage", "app is missing; /quota/usage needs it"),
        ("/quota/usage?app=a&day=2026-02-30", "day must be a date such as 2026-01-31, not"),
        ("/quota/usage?app=a&user=b", "unknown parameter 'user'; those there are: app, day"),
    ],
)
def test_what_is_wrong_is_a_400_that_names_it_and_charges_nothing(
    served: Limited, target: str, told: str
) -> None:
    response = served.get(target)
    assert response.status == 400
    assert response.text.startswith(told)
    assert served.get(target, Accept=JSON).json["reason"] == "bad_request"
    assert served.remaining() == [10_000, 1_000]


def test_an_array_is_answered_in_its_order(served: Limited) -> None:
    with limited(SMALL, served.server.lane) as small:
        response = small.post([CHECK, {**CHECK, "cost": 3}, {**CHECK, "cost": 2}, CHECK])
        assert (response.status, response.headers["Content-Type"]) == (200, JSON)
        first, second, third, fourth = response.json
        assert first["rules"][1]["remaining"] == 2
        assert second["allowed"] is False
        assert second["retry_after_s"] == 60
        assert second["reason"] == "quota_exceeded"
        assert third["allowed"] is True
        assert fourth["allowed"] is False
        assert fourth["rules"][0]["remaining"] == 2


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{", "the body is no JSON: "),
        (b"[" * 100_000, "the body is no JSON: "),
        (b"{}", "the body must be a JSON array of 1 to 1000 checks"),
        (b"[]", "the body must be a JSON array of 1 to 1000 checks"),
        ([CHECK] * 1001, "the body must be a JSON array of 1 to 1000 checks"),
        ([CHECK, 7], "[1] must be an object, not 7"),
        ([CHECK, {**CHECK, "apps": "x"}], "[1].'apps' is unknown; members there are: app, user,"),
        (
            [CHECK, {**CHECK, "cost": 1.0}],
            "[1].cost must be a whole number from 0 to 1000, not 1.0",
        ),
        ([{**CHECK, "cost": True}], "[0].cost must be a whole number from 0 to 1000, not True"),
        ([CHECK, {"app": "x"}], "[1].ip is missing; rule 'app-ip' needs it"),
        ([{**CHECK, "user": "\ud800"}], "[0].user must be 1 to 128 characters without control"),
        ([{**CHECK, "user": None}], "[0].user is missing; rule 'app-user' needs it"),
        ([{**CHECK, "ip": "here"}], "[0].ip must be an IP address, not 'here'"),
    ],
)
def test_an_array_with_a_mistake_charges_nothing(served: Limited, body: Any, told: str) -> None:
    response = served.post(body)
    assert response.status == 400
    assert response.text.startswith(told)
    assert served.remaining() == [10_000, 1_000]


def test_a_body_may_have_256_kib_and_not_a_byte_more(served: Limited) -> None:
    body = json.dumps([CHECK]).encode()
    assert served.post(body + b" " * (256 * 1024 - len(body))).status == 200
    response = served.post(body + b" " * (256 * 1024 - len(body) + 1))
    assert response.status == 413
    assert served.request("POST", "/quota/usage", {}, b" " * 1025).status == 413


def test_other_methods_are_a_405_that_names_those_there_are(served: Limited) -> None:
    response = served.request("PUT", "/quota/check", {}, b"[]")
    assert (response.status, response.headers["Allow"]) == (405, "GET, HEAD, POST")
    assert served.request("POST", "/quota/usage?app=a", {}).headers["Allow"] == "GET, HEAD"


def test_usage_tells_what_an_application_called(served: Limited) -> None:
    for user in ("ann", "bob", "ann"):
        served.get(CALL.replace("ann", user))
    served.get(CALL + "&cost=1000")
    served.get(CALL.replace("orders", "a+b%2F%C3%A9") + "&cost=5")
    served.get(CALL + "&cost=0")
    usage = served.get("/quota/usage?app=shop").json
    assert usage == {
        "app": "shop",
        "day": "2026-11-21",
        "total": 4,
        "denied": 1,
        "interfaces": {"a b/é": 1, "orders": 3},
        "users": 2,
    }
    assert served.get("/quota/usage?app=shop&day=2026-11-21").json == usage
    nothing = {"total": 0, "denied": 0, "interfaces": {}, "users": 0}
    assert served.get("/quota/usage?app=shop&day=2026-11-20").json == {
        "app": "shop",
        "day": "2026-11-20",
        **nothing,
    }


def test_new_rules_hold_from_the_next_call_on(served: Limited) -> None:
    served.get(CALL)
    old = served.quota.rules
    with limited(rule("app-ip", ["app", "ip"], 1), served.server.lane) as other:
        served.quota.adopt(other.quota.rules)
    assert served.get(CALL).status == 429, "the counter goes on under the new limit"
    served.quota.adopt(old)
    assert served.get(CALL).status == 200


def test_without_rules_there_are_no_quotas() -> None:
    with serving() as plain:
        for target in ("/quota/check?app=a", "/quota/usage?app=a"):
            response = plain.get(target)
            told = "no quota rules are loaded; start with --quota_rules=FILE"
            assert (response.status, response.text) == (404, told)


def test_a_draining_process_decides_nothing(served: Limited) -> None:
    with served.server.connection() as connection:
        connection.request("GET", CALL)
        connection.getresponse().read()
        served.server.begin_drain()
        statuses = set()
        while 503 not in statuses:
            connection.request("GET", CALL)
            response = connection.getresponse()
            response.read()
            statuses.add(response.status)
        assert response.headers["Retry-After"] == "1"
