"""The description of the routes of quotas."""

from idgen.errors import QuotaExceeded, QuotaUnavailable
from idgen.quota.rules import FIELDS, MAX_LIMIT, MAX_WINDOW_S
from idgen.web.negotiation import PROBLEM_JSON, Media
from idgen.web.operations import Json, json_content, object_of, operation, query
from idgen.web.quota.answers import PROBLEM_TYPE
from idgen.web.quota.parameters import MAX_CHECKS, MAX_COST, MAX_FIELD_LENGTH

_ERRORS = ("400", "404", "503")
_COUNT: Json = {"type": "integer", "minimum": 0}
_SECONDS: Json = {"type": "integer", "minimum": 0, "maximum": MAX_WINDOW_S}
_FIELD: Json = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_FIELD_LENGTH,
    "pattern": r"^[^\u0000-\u001f\u007f-\u009f\ud800-\udfff]*$",
}
_FIELDS: dict[str, Json] = {
    name: {**_FIELD, "description": "Needed where a rule counts by it."} for name in FIELDS
}
_FIELDS["ip"] = {
    "anyOf": [{"type": "string", "format": "ipv4"}, {"type": "string", "format": "ipv6"}],
    "description": "Needed where a rule counts by it; IPv6 is counted by its /64.",
}
_COST: Json = {"type": "integer", "minimum": 0, "maximum": MAX_COST, "default": 1}


def quota_paths() -> dict[str, Json]:
    """The operations of GET, by path."""
    deny_status = {"type": "integer", "enum": [429, 403], "default": 429}
    check = operation(
        "checkQuota",
        "Decide on a call, and charge it if it is allowed; cost 0 looks and charges nothing",
        json_content(_allowed()),
        errors=_ERRORS,
        parameters=[
            *(query(name, schema) for name, schema in _FIELDS.items()),
            query("cost", _COST),
            query("deny_status", deny_status),
        ],
    )
    check["responses"]["200"]["headers"] = _RATE_LIMIT
    check["responses"] |= {"403": _denied("deny_status=403"), "429": _denied("Denied")}
    usage = operation(
        "usage",
        "What an application used on a day: allowed calls, denied ones, and distinct users",
        json_content(_usage()),
        errors=_ERRORS,
        parameters=[
            query("app", _FIELD, required=True),
            query("day", {"type": "string", "format": "date", "description": "Default: today."}),
        ],
    )
    return {"/quota/check": check, "/quota/usage": usage}


def check_many() -> Json:
    """The operation of POST `/quota/check`."""
    item = object_of({**_FIELDS, "cost": _COST}) | {"required": []}
    checks = {"type": "array", "items": item, "minItems": 1, "maxItems": MAX_CHECKS}
    decisions = {"type": "array", "items": _decision(), "minItems": 1, "maxItems": MAX_CHECKS}
    described = operation(
        "checkQuotas",
        "Decide on calls in the order of the array; none is charged unless all are well-formed",
        json_content(decisions),
        errors=(*_ERRORS, "413"),
    )
    body = {"required": True, "content": {Media.JSON.value: {"schema": checks}}}
    return {**described, "requestBody": body}


def _rules() -> Json:
    rule = object_of(
        {
            "name": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
            "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
            "remaining": _COUNT,
            "reset_s": {**_SECONDS, "description": "0 where no window is open."},
            "enforced": {"const": False},
        }
    )
    rule["required"].remove("enforced")
    return {"type": "array", "items": rule}


def _allowed() -> Json:
    reason = {"const": QuotaUnavailable.reason, "description": "The store couldn't be asked."}
    allowed = object_of({"allowed": {"const": True}, "rules": _rules(), "reason": reason})
    allowed["required"].remove("reason")
    return allowed


def _decision() -> Json:
    denied = object_of(
        {
            "allowed": {"const": False},
            "rules": _rules(),
            "reason": {"enum": [QuotaExceeded.reason, QuotaUnavailable.reason]},
            "retry_after_s": {**_SECONDS, "description": "Not there where waiting won't help."},
        }
    )
    denied["required"].remove("retry_after_s")
    return {"oneOf": [_allowed(), denied]}


def _denied(told: str) -> Json:
    problem = object_of(
        {
            "type": {"const": PROBLEM_TYPE},
            "title": {"type": "string"},
            "status": {"enum": [403, 429]},
            "detail": {"type": "string"},
            "reason": {"const": QuotaExceeded.reason},
            "violated-policies": {"type": "array", "items": {"type": "string"}},
            "allowed": {"const": False},
            "rules": _rules(),
        }
    )
    unchecked = {"$ref": "#/components/schemas/Problem"}
    return {
        "description": f"{told}; Retry-After is the longest wait, and not there if none helps",
        "content": {PROBLEM_JSON: {"schema": {"anyOf": [problem, unchecked]}}},
        "headers": {**_RATE_LIMIT, "Retry-After": {"schema": _SECONDS}},
    }


def _usage() -> Json:
    return object_of(
        {
            "app": _FIELD,
            "day": {"type": "string", "format": "date"},
            "total": _COUNT,
            "denied": _COUNT,
            "interfaces": {"type": "object", "additionalProperties": _COUNT},
            "users": _COUNT,
        }
    )


_RATE_LIMIT: Json = {
    name: {"schema": {"type": "string"}} for name in ("RateLimit-Policy", "RateLimit")
}
