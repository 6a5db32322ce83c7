"""What `/` costs: whose word is taken for who is asking, and that quotas come before IDs."""

import asyncio
from collections import Counter

import pytest

from idgen.quota.decision import Verdict, without_store
from idgen.quota.rules import Charge
from tests.end_to_end.fleet import until
from tests.web.quota.limited import Limited, limited, rule
from tests.web.serving import Lane

TRUSTED = "127.0.0.0/8 10.0.0.0/8"
PER_APP = rule("per-app", ["app"], 5)
PER_USER = rule("per-user", ["app", "user", "interface"], 3)
PER_IP = rule("per-ip", ["ip"], 2)

lanes = pytest.mark.parametrize("lane", [Lane.FAST, Lane.HANDLERS], ids=lambda lane: lane.value)


@lanes
def test_ids_are_charged_to_whom_a_trusted_proxy_names(lane: Lane) -> None:
    with limited(PER_APP + PER_USER, lane, TRUSTED) as served:
        for _ in range(3):
            assert served.get("/", X_App_Id="shop", X_User_Id="ann").status == 200
        denied = served.get("/", X_App_Id="shop", X_User_Id="ann")
        assert (denied.status, denied.headers["Retry-After"]) == (429, "3600")
        told = "rule 'per-user' has 0 of 3 calls left in 3600 s; it resets in 3600 s"
        assert denied.text == told
        assert denied.headers["RateLimit"] == '"per-app";r=2;t=3600, "per-user";r=0;t=3600'
        assert served.get("/", X_App_Id="shop", X_User_Id="bob").status == 200
        assert served.service.ids_taken == 4, "what was denied took no ID"
        assert +served.service.errors == {"quota_exceeded": 1}
        assert served.get("/stats").json["errors"] == 0, "which are the 500s"


@lanes
def test_a_rule_whose_fields_are_not_known_does_not_apply(lane: Lane) -> None:
    with limited(PER_APP + PER_USER, lane, TRUSTED) as served:
        assert [served.get("/").status for _ in range(9)] == [200] * 9
        statuses = [served.get("/", X_App_Id="shop").status for _ in range(6)]
        assert statuses == [200] * 5 + [429]


@lanes
def test_headers_of_a_peer_that_is_not_trusted_change_nothing(lane: Lane) -> None:
    with limited(PER_APP + PER_IP, lane, "10.0.0.0/8") as served:
        spoofed = [
            served.get("/", X_App_Id=f"app{n}", X_Forwarded_For=f"192.0.2.{n}").status
            for n in range(3)
        ]
        assert spoofed == [200, 200, 429], "counted by the peer's own address"


@lanes
def test_of_forwarded_addresses_the_last_one_that_a_trusted_proxy_names_counts(lane: Lane) -> None:
    with limited(PER_IP, lane, TRUSTED) as served:
        for forwarded, status in [
            ("198.51.100.1, 192.0.2.7", 200),  # the first is the client's own invention
            ("198.51.100.2, 192.0.2.7", 200),
            ("198.51.100.3, 192.0.2.7", 429),
            ("198.51.100.3, 192.0.2.7, 10.1.2.3", 429),
            ("192.0.2.8", 200),
            ("2001:db8::1", 200),
            ("2001:db8::2", 200),
            ("2001:db8:0:0:ffff::3", 429),
            ("2001:db8:0:1::1", 200),
            ("::ffff:192.0.2.8", 200),
            ("::ffff:192.0.2.8", 429),
            *[("nonsense", 200)] * 3,  # the proxy's own address is nobody's
            *[("192.0.2.7, nonsense", 200)] * 3,
            *[("::ffff:127.0.0.1", 200)] * 3,
            *[("", 200)] * 3,
        ]:
            assert served.get("/", X_Forwarded_For=forwarded).status == status, forwarded


@lanes
def test_a_batch_costs_as_much_as_it_has_ids(lane: Lane) -> None:
    with limited(rule("per-app", ["app"], 5000), lane, TRUSTED) as served:
        assert served.get("/?n=4000", X_App_Id="shop").status == 200
        assert served.get("/?n=1001", X_App_Id="shop").status == 429
        too_many = served.get("/?n=5001", X_App_Id="shop", Accept="application/json")
        assert too_many.status == 429
        assert "Retry-After" not in too_many.headers
        assert too_many.json["violated-policies"] == ["per-app"]
        assert served.get("/?n=0", X_App_Id="shop").status == 400
        assert served.get("/?n=20", X_App_Id="shop").status == 200
        assert served.service.ids_taken == 4020
        assert served.get("/quota/usage?app=shop").json["interfaces"] == {"id": 2}


@lanes
def test_head_tells_what_get_would_and_charges_nothing(lane: Lane) -> None:
    with limited(rule("per-app", ["app"], 5), lane, TRUSTED) as served:
        for _ in range(9):
            assert served.request("HEAD", "/?n=5", {"X-App-Id": "shop"}).status == 200
        assert served.request("HEAD", "/?n=6", {"X-App-Id": "shop"}).status == 429
        assert served.get("/?n=5", X_App_Id="shop").status == 200
        assert served.request("HEAD", "/", {"X-App-Id": "shop"}).status == 429


@lanes
def test_a_name_that_can_not_be_counted_by_is_a_400(lane: Lane) -> None:
    with limited(PER_APP, lane, TRUSTED) as served:
        response = served.get("/", X_App_Id="x" * 129)
        assert response.status == 400
        assert response.text.startswith("X-App-Id must be 1 to 128 characters")
        assert served.service.ids_taken == 0


class LateStore:
    """Answers when the loop has gone round, and not at all while it is away."""

    def __init__(self, *, away: bool = False, after_s: float = 0.01) -> None:
        self.after_s = after_s
        self.failures: Counter[str] = Counter()
        self.away = away
        self.asked: list[asyncio.Future[Verdict]] = []

    def take(self, charge: Charge) -> "asyncio.Future[Verdict]":
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Verdict] = loop.create_future()
        verdict = Verdict(True, charge, [(1, 60_000)] * len(charge.rules))  # type: ignore[list-item]
        if self.away:
            verdict = without_store(charge, "no answer within 40 ms")
        loop.call_later(self.after_s, _answer, future, verdict)
        self.asked.append(future)
        return future

    async def close(self) -> None:
        """Nothing."""


def _answer(future: "asyncio.Future[Verdict]", verdict: Verdict) -> None:
    if not future.cancelled():
        future.set_result(verdict)


@lanes
@pytest.mark.parametrize("target", ["/", "/?n=3", "/?n=5000", "/quota/check?app=shop"])
def test_a_store_that_answers_later_is_waited_for(lane: Lane, target: str) -> None:
    with limited(PER_APP, lane, TRUSTED, LateStore) as served:
        served.server.clock_runs()
        with served.server.connection() as connection:
            for _ in range(3):
                connection.request("GET", target, headers={"X-App-Id": "shop"})
                response = connection.getresponse()
                body = response.read()
                assert (response.status, len(body) > 18) == (200, True)


def test_a_client_that_has_gone_while_the_store_is_asked_takes_no_id() -> None:
    store = LateStore(after_s=60)
    with limited(PER_APP, Lane.FAST, TRUSTED, lambda: store) as served:
        with served.server.raw() as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-App-Id: a\r\n\r\n")
            until(lambda: bool(store.asked), "the store is asked")
        until(store.asked[0].cancelled, "the question is called off")
        assert served.service.ids_taken == 0


@lanes
def test_without_its_store_a_closed_rule_lets_nothing_through_and_an_open_one_all(
    lane: Lane,
) -> None:
    closed = rule("per-app", ["app"], 5, more='on_store_failure = "closed"')
    check = "/quota/check?app=shop"
    with limited(closed, lane, TRUSTED, lambda: LateStore(away=True)) as served:
        for response in (served.get("/", X_App_Id="shop"), served.get(check)):
            assert (response.status, response.headers["Retry-After"]) == (503, "1")
            assert "the store of quotas can't be asked now" in response.text
        assert served.get(check + "&deny_status=403").status == 403
        denied = {"allowed": False, "rules": [], "reason": "quota_unavailable"}
        assert served.post([{"app": "shop"}]).json == [denied]
        assert served.service.ids_taken == 0
        assert served.get("/").status == 200, "no rule applies to it"
    with limited(PER_APP, lane, TRUSTED, lambda: LateStore(away=True)) as served:
        assert served.get("/", X_App_Id="shop").status == 200
        allowed = {"allowed": True, "rules": [], "reason": "quota_unavailable"}
        assert served.get(check).json == allowed
        assert "RateLimit" not in served.get(check).headers
        assert served.quota.decisions == {"unchecked_allowed": 3}


def test_the_same_service_guards_a_limit_of_its_own_for_each_app() -> None:
    def statuses(served: Limited, app: str) -> list[int]:
        return [served.get("/", X_App_Id=app).status for _ in range(6)]

    with limited(PER_APP, trusted=TRUSTED) as served:
        assert statuses(served, "a") == statuses(served, "b") == [200] * 5 + [429]
