"""The description of the routes in OpenAPI 3.1, with ranges that come from the code."""

from typing import Any

from idgen import __version__
from idgen.layout import MAX_ID, MAX_SEQUENCE, MAX_TIMESTAMP, MAX_WORKER_ID, Layout
from idgen.limits import MAX_BATCH_IDS
from idgen.web.negotiation import PROBLEM_JSON, Media

_Json = dict[str, Any]

_ID: _Json = {
    "type": "string",
    "pattern": "^[0-9]{1,19}$",
    "description": "A string, since JavaScript numbers stop at 2^53.",
}
_COUNT: _Json = {"type": "integer", "minimum": 0}
_TEXT: _Json = {"text/plain": {"schema": {"type": "string"}}}
_ERRORS = {
    "400": "A bad parameter; the answer names it and its range",
    "500": "Clock regression or sequence overflow; the answer says until when",
    "503": "Not ready: starting, draining, without a grant, or the clock outside the 41 bits",
}


def openapi(layout: Layout) -> _Json:
    """The document for a service with this layout."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Flake",
            "version": __version__,
            "summary": "Unique, roughly time-ordered 64-bit IDs.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": {path: _both(operation) for path, operation in _operations(layout).items()},
        "components": {"schemas": {"Problem": _PROBLEM}},
    }


def _both(operation: _Json) -> _Json:
    """GET, and HEAD: the same without a body."""
    bodiless = {
        status: {name: value for name, value in response.items() if name != "content"}
        for status, response in operation["responses"].items()
    }
    return {
        "get": operation,
        "head": {
            **operation,
            "operationId": operation["operationId"] + "Head",
            "summary": operation["summary"] + " (the headers alone; spends nothing)",
            "responses": bodiless,
        },
    }


def _operations(layout: Layout) -> _Json:
    alive = _operation("live", "Whether the process answers", _TEXT, errors=("503",))
    return {
        "/": _operation(
            "nextId",
            "A new ID, or a batch of them",
            _ids_content(),
            errors=("400", "500", "503"),
            parameters=[_query("n", {"type": "integer", "minimum": 1, "maximum": MAX_BATCH_IDS})],
        ),
        "/decode/{id}": _operation(
            "decode",
            "What an ID is made of",
            _json(_decoded_schema(layout)),
            errors=("400", "503"),
            parameters=[
                {
                    "name": "id",
                    "in": "path",
                    "required": True,
                    "schema": {"type": "integer", "minimum": 0, "maximum": MAX_ID},
                }
            ],
        ),
        "/bounds": _operation(
            "bounds",
            "The smallest and the largest ID of a span of time, both ends included",
            _json(_object({"min": _ID, "max": _ID})),
            errors=("400", "503"),
            parameters=[_time("from", layout), _time("to", layout)],
        ),
        "/stats": _operation(
            "stats",
            "The counts since the last flush",
            _json(_stats_schema()),
            errors=("400", "503"),
            parameters=[_query("flush", {"type": "integer", "enum": [0, 1]})],
        ),
        "/livez": alive,
        "/healthz": {**alive, "operationId": "healthy"},
        "/readyz": _operation("ready", "Whether IDs can be had", _TEXT, errors=("503",)),
        "/metrics": _operation(
            "metrics",
            "Prometheus exposition",
            {
                "text/plain": {"schema": {"type": "string"}},
                "application/openmetrics-text": {"schema": {"type": "string"}},
            },
            errors=("503",),
        ),
        "/openapi.json": _operation(
            "describe", "This document", _json({"type": "object"}), errors=("503",)
        ),
    }


def _operation(
    name: str,
    summary: str,
    content: _Json,
    *,
    errors: tuple[str, ...],
    parameters: list[_Json] | None = None,
) -> _Json:
    refusal = {**_TEXT, PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    responses: _Json = {"200": {"description": "As asked for", "content": content}}
    for status in errors:
        responses[status] = {"description": _ERRORS[status], "content": refusal}
        if status == "503":
            responses[status]["headers"] = {"Retry-After": {"schema": {"const": 1}}}
    operation: _Json = {"operationId": name, "summary": summary, "responses": responses}
    return operation | ({"parameters": parameters} if parameters else {})


def _query(name: str, schema: _Json, required: bool = False) -> _Json:
    return {"name": name, "in": "query", "required": required, "schema": schema}


def _time(name: str, layout: Layout) -> _Json:
    unix_ms = {"type": "integer", "minimum": layout.epoch_ms, "maximum": layout.last_unix_ms}
    rfc_3339 = {
        "type": "string",
        "format": "date-time",
        "description": "RFC 3339 with a zone and at most milliseconds.",
    }
    return _query(name, {"anyOf": [unix_ms, rfc_3339]}, required=True)


def _json(schema: _Json) -> _Json:
    return {Media.JSON.value: {"schema": schema}}


def _object(properties: _Json) -> _Json:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _ids_content() -> _Json:
    ids = {"type": "array", "items": _ID, "minItems": 1, "maxItems": MAX_BATCH_IDS}
    return {
        Media.TEXT.value: {
            "schema": {"type": "string", "pattern": "^[0-9]{1,19}(\n[0-9]{1,19})*$"}
        },
        Media.JSON.value: {"schema": {"oneOf": [_object({"id": _ID}), _object({"ids": ids})]}},
        Media.BINARY.value: {
            "schema": {"type": "string", "format": "binary"},
        },
    }


def _decoded_schema(layout: Layout) -> _Json:
    return _object(
        {
            "id": _ID,
            "unix_ms": {
                "type": "integer",
                "minimum": layout.epoch_ms,
                "maximum": layout.last_unix_ms,
            },
            "time": {"type": "string", "format": "date-time"},
            "timestamp": {"type": "integer", "minimum": 0, "maximum": MAX_TIMESTAMP},
            "worker_id": {"type": "integer", "minimum": 0, "maximum": MAX_WORKER_ID},
            "sequence": {"type": "integer", "minimum": 0, "maximum": MAX_SEQUENCE},
        }
    )


def _stats_schema() -> _Json:
    return _object(
        {
            "timestamp": {"type": "integer", "description": "Unix seconds."},
            "generated_ids": _COUNT,
            "errors": _COUNT,
            "max_time_ms": _COUNT,
            "worker_id": {
                "type": ["integer", "null"],
                "minimum": 0,
                "maximum": MAX_WORKER_ID,
                "description": "Null while a process that is assigned one has none.",
            },
            "time_since_flush": {"type": "number", "description": "Seconds."},
        }
    )


_PROBLEM: _Json = _object(
    {
        "type": {"const": "about:blank"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "reason": {"type": "string"},
    }
)
