"""A service with quotas, in this process, whose clocks the test moves."""

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from idgen.quota.days import Days
from idgen.quota.memory import MemoryStore
from idgen.quota.rule_file import read_rules
from idgen.quota.rule_watch import RuleFile, RuleWatch
from idgen.quota.rules import Rules
from idgen.quota.service import Quota
from idgen.quota.store import QuotaStore
from idgen.quota.usage import Usage
from idgen.quota.usage_memory import MemoryUsage
from idgen.web.quota.guard import Guard
from idgen.web.quota.metrics import QuotaCollector
from idgen.web.quota.proxies import Proxies
from idgen.web.site import Site
from tests.web.serving import NOW, Lane, Response, Serving, serving

EXAMPLE = Path(__file__).parent.parent.parent.parent / "quota.example.toml"
CALL = "/quota/check?app=shop&user=ann&interface=orders&ip=192.0.2.7"


def rules_of(text: str) -> Rules:
    return read_rules(text, "test.toml")


def rule(name: str, fields: list[str], limit: int, window_s: int = 3600, more: str = "") -> str:
    """A table of a rule file."""
    return (
        f'[[rule]]\nname = "{name}"\nfields = {json.dumps(fields)}\n'
        f"limit = {limit}\nwindow_s = {window_s}\n{more}\n"
    )


def quota_of(rules: str, counters: QuotaStore) -> Quota:
    """By these rules, with usage in memory."""
    usage = Usage(MemoryUsage(), Days(ZoneInfo("UTC")), lambda: NOW)
    return Quota(rules_of(rules), counters, usage)


@dataclass
class QuotaClock:
    """Milliseconds since some start, standing still until the test moves them."""

    ms: int = 1_000_000

    def __call__(self) -> int:
        return self.ms


class Limited:
    """A server with quotas, and what the test moves of it."""

    def __init__(self, server: Serving, clock: QuotaClock) -> None:
        self.server = server
        self.clock = clock
        self.service = server.service
        assert server.site.quota is not None
        self.quota = server.site.quota

    def get(self, target: str, **headers: str) -> Response:
        return self.request("GET", target, headers)

    def post(self, checks: Any, target: str = "/quota/check") -> Response:
        body = checks if isinstance(checks, bytes) else json.dumps(checks).encode()
        return self.request("POST", target, {}, body)

    def request(
        self, method: str, target: str, headers: dict[str, str], body: bytes | None = None
    ) -> Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with self.server.connection() as connection:
            connection.request(method, target, body, named)
            response: http.client.HTTPResponse = connection.getresponse()
            return Response(response.status, response.headers, response.read())

    def remaining(self, target: str = CALL) -> list[int]:
        """Of each rule, by a look."""
        return [one["remaining"] for one in self.get(target + "&cost=0").json["rules"]]


@contextmanager
def limited(
    rules: str | None = None,
    lane: Lane = Lane.FAST,
    trusted: str = "",
    store: Callable[[], QuotaStore] | None = None,
    wall_clock_ms: Callable[[], int] | None = None,
) -> Iterator[Limited]:
    """A server with these rules, by default the example's, until the block ends."""
    clock = QuotaClock()

    def furnish(site: Site) -> None:
        counters = MemoryStore(clock) if store is None else store()
        site.quota = quota_of(rules or EXAMPLE.read_text(), counters)
        networks = tuple(map(ip_network, trusted.split()))
        site.guard = Guard(site.quota, Proxies(networks), site.refusals)
        watch = RuleWatch(RuleFile(EXAMPLE), site.quota.adopt, lambda seconds: None)  # type: ignore[arg-type,return-value]  # it never runs
        site.registry.register(QuotaCollector(site.quota, watch))

    with serving(wall_clock_ms=wall_clock_ms, lane=lane, furnish=furnish) as server:
        yield Limited(server, clock)
