"""What is answered to a check: the numbers of each rule, in JSON and in header fields.

RateLimit-Policy and RateLimit are those of draft-ietf-httpapi-ratelimit-headers-10; a denial is a
429 (RFC 6585) with problem details (RFC 9457) of that draft's type, and `Retry-After` (RFC 9110,
section 10.2.3) where waiting helps.
"""

import json
from collections.abc import Sequence
from http import HTTPStatus

from idgen.errors import QuotaExceeded, QuotaUnavailable
from idgen.quota.decision import Level, Verdict
from idgen.quota.rules import Rule
from idgen.web import answers
from idgen.web.answers import Answer
from idgen.web.negotiation import PROBLEM_JSON, Media

PROBLEM_TYPE = "https://iana.org/assignments/http-problem-types#quota-exceeded"

NOT_ASKED = "the store of quotas can't be asked now"
"""Where it is, and what it says, is for the log."""

MAX_SHAPES = 64
"""Sets of rules whose answers are kept prepared; past that they are prepared anew."""


class _Shape:
    """What the answers by one set of rules say, but for the numbers."""

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self.rules = rules
        enforced = [rule for rule in rules if rule.enforce]
        self.policy = ", ".join(
            f'"{rule.name}";q={rule.limit};w={rule.window_s}' for rule in enforced
        )
        self._limits = ", ".join(f'"{rule.name}";r=%d;t=%d' for rule in enforced)
        self._array = ",".join(
            f'{{"name":"{rule.name}","limit":{rule.limit},"remaining":%d,"reset_s":%d'
            + ("}" if rule.enforce else ',"enforced":false}')
            for rule in rules
        )

    def filled(self, levels: Sequence[Level]) -> tuple[str, str]:
        """The elements of the JSON array of all rules, and the RateLimit of those enforced."""
        numbers: list[int] = []
        limits: list[int] = []
        for rule, (used, reset_ms) in zip(self.rules, levels, strict=True):
            both = (max(0, rule.limit - used), _seconds(reset_ms))
            numbers += both
            if rule.enforce:
                limits += both
        return self._array % tuple(numbers), self._limits % tuple(limits)


_shapes: dict[int, _Shape] = {}
"""By the id of the tuple of rules, which lives as long as its shape."""


def _shape_of(rules: tuple[Rule, ...]) -> _Shape:
    shape = _shapes.get(id(rules))
    if shape is None:
        if len(_shapes) >= MAX_SHAPES:
            _shapes.clear()
        shape = _shapes[id(rules)] = _Shape(rules)
    return shape


def to_check(verdict: Verdict, deny_status: HTTPStatus) -> Answer:
    """The answer to a single check."""
    if not verdict.allowed:
        return denial(verdict, deny_status, PROBLEM_JSON)
    if verdict.trouble:
        return Answer(HTTPStatus.OK, Media.JSON.value, _unchecked(verdict).encode())
    array, headers = _filled(verdict)
    body = f'{{"allowed":true,"rules":[{array}]}}'
    return Answer(HTTPStatus.OK, Media.JSON.value, body.encode(), headers)


def to_checks(verdicts: list[Verdict]) -> Answer:
    """The answer to an array of them, in their order."""
    body = f"[{','.join(map(_member, verdicts))}]"
    return Answer(HTTPStatus.OK, Media.JSON.value, body.encode())


def denial(verdict: Verdict, status: HTTPStatus, accept: str) -> Answer:
    """The answer to a call that may not be made; without its store none can be made for sure."""
    if verdict.trouble:
        if status is HTTPStatus.TOO_MANY_REQUESTS:
            status = HTTPStatus.SERVICE_UNAVAILABLE
        return answers.refusal(status, QuotaUnavailable.reason, NOT_ASKED, accept)
    array, headers = _filled(verdict)
    if verdict.retry_after_ms is not None:
        headers["Retry-After"] = str(_seconds(verdict.retry_after_ms))
    plain = answers.refusal(status, QuotaExceeded.reason, told(verdict), accept, headers)
    if plain.content_type != PROBLEM_JSON:
        return plain
    problem = {
        "type": PROBLEM_TYPE,
        "title": "Quota exceeded",
        "status": status.value,
        "detail": told(verdict),
        "reason": QuotaExceeded.reason,
        "violated-policies": [rule.name for rule, _ in verdict.denying],
        "allowed": False,
    }
    body = f'{json.dumps(problem, separators=(",", ":"))[:-1]},"rules":[{array}]}}'
    return Answer(status, PROBLEM_JSON, body.encode(), headers)


def told(verdict: Verdict) -> str:
    """Why a call is denied: the rule that keeps it waiting longest, in one line."""
    cost = verdict.charge.check.cost
    rule, level = max(
        verdict.denying, key=lambda denying: (cost > denying[0].limit, denying[1].reset_ms)
    )
    if cost > rule.limit:
        above = f"the cost {cost} is above the limit {rule.limit}"
        return f"{above} of rule {rule.name!r}; waiting won't help"
    left = f"has {max(0, rule.limit - level.used)} of {rule.limit} calls left in {rule.window_s} s"
    asked = "" if cost == 1 else f", this one costs {cost}"
    return f"rule {rule.name!r} {left}{asked}; it resets in {_seconds(level.reset_ms)} s"


def _member(verdict: Verdict) -> str:
    """What an array has of a check."""
    if verdict.trouble:
        return _unchecked(verdict)
    array, _ = _shape_of(verdict.charge.rules).filled(verdict.levels)
    if verdict.allowed:
        return f'{{"allowed":true,"rules":[{array}]}}'
    wait_ms = verdict.retry_after_ms
    wait = "" if wait_ms is None else f',"retry_after_s":{_seconds(wait_ms)}'
    return f'{{"allowed":false,"rules":[{array}],"reason":"{QuotaExceeded.reason}"{wait}}}'


def _unchecked(verdict: Verdict) -> str:
    allowed = "true" if verdict.allowed else "false"
    return f'{{"allowed":{allowed},"rules":[],"reason":"{QuotaUnavailable.reason}"}}'


def _filled(verdict: Verdict) -> tuple[str, dict[str, str]]:
    """The elements of the array of rules, and the header fields about those that are enforced."""
    shape = _shape_of(verdict.charge.rules)
    array, limits = shape.filled(verdict.levels)
    return array, {"RateLimit-Policy": shape.policy, "RateLimit": limits} if limits else {}


def _seconds(ms: int) -> int:
    """Rounded up: who comes back after that many isn't too early."""
    return -(-ms // 1000)
