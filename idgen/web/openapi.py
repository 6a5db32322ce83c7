"""The description of the routes in OpenAPI 3.1, with ranges that come from the code."""

from idgen import __version__
from idgen.layout import MAX_ID, MAX_SEQUENCE, MAX_TIMESTAMP, MAX_WORKER_ID, Layout
from idgen.limits import MAX_BATCH_IDS
from idgen.web.negotiation import Media
from idgen.web.operations import TEXT, Json, json_content, object_of, operation, query
from idgen.web.quota.openapi import check_many, quota_paths
from idgen.web.ui.openapi import ui_paths

_ID: Json = {
    "type": "string",
    "pattern": "^[0-9]{1,19}$",
    "description": "A string, since JavaScript numbers stop at 2^53.",
}
_COUNT: Json = {"type": "integer", "minimum": 0}


def openapi(layout: Layout) -> Json:
    """The document for a service with this layout."""
    operations = {**_operations(layout), **ui_paths(), **quota_paths()}
    paths = {path: _both(described) for path, described in operations.items()}
    paths["/quota/check"]["post"] = check_many()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Flake",
            "version": __version__,
            "summary": "Unique, roughly time-ordered 64-bit IDs.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": paths,
        "components": {"schemas": {"Problem": _PROBLEM}},
    }


def _both(described: Json) -> Json:
    """GET, and HEAD: the same without a body."""
    bodiless = {
        status: {name: value for name, value in response.items() if name != "content"}
        for status, response in described["responses"].items()
    }
    return {
        "get": described,
        "head": {
            **described,
            "operationId": described["operationId"] + "Head",
            "summary": described["summary"] + " (the headers alone; spends nothing)",
            "responses": bodiless,
        },
    }


def _operations(layout: Layout) -> Json:
    alive = operation("live", "Whether the process answers", TEXT, errors=("503",))
    return {
        "/": operation(
            "nextId",
            "A new ID, or a batch of them",
            _ids_content(),
            errors=("400", "429", "500", "503"),
            parameters=[query("n", {"type": "integer", "minimum": 1, "maximum": MAX_BATCH_IDS})],
        ),
        "/decode/{id}": operation(
            "decode",
            "What an ID is made of",
            json_content(_decoded_schema(layout)),
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
        "/bounds": operation(
            "bounds",
            "The smallest and the largest ID of a span of time, both ends included",
            json_content(object_of({"min": _ID, "max": _ID})),
            errors=("400", "503"),
            parameters=[_time("from", layout), _time("to", layout)],
        ),
        "/stats": operation(
            "stats",
            "The counts since the last flush",
            json_content(_stats_schema()),
            errors=("400", "503"),
            parameters=[query("flush", {"type": "integer", "enum": [0, 1]})],
        ),
        "/livez": alive,
        "/healthz": {**alive, "operationId": "healthy"},
        "/readyz": operation("ready", "Whether IDs can be had", TEXT, errors=("503",)),
        "/metrics": operation(
            "metrics",
            "Prometheus exposition",
            {
                "text/plain": {"schema": {"type": "string"}},
                "application/openmetrics-text": {"schema": {"type": "string"}},
            },
            errors=("503",),
        ),
        "/openapi.json": operation(
            "describe", "This document", json_content({"type": "object"}), errors=("503",)
        ),
    }


def _time(name: str, layout: Layout) -> Json:
    unix_ms = {"type": "integer", "minimum": layout.epoch_ms, "maximum": layout.last_unix_ms}
    rfc_3339 = {
        "type": "string",
        "format": "date-time",
        "description": "RFC 3339 with a zone and at most milliseconds.",
    }
    return query(name, {"anyOf": [unix_ms, rfc_3339]}, required=True)


def _ids_content() -> Json:
    ids = {"type": "array", "items": _ID, "minItems": 1, "maxItems": MAX_BATCH_IDS}
    return {
        Media.TEXT.value: {
            "schema": {"type": "string", "pattern": "^[0-9]{1,19}(\n[0-9]{1,19})*$"}
        },
        Media.JSON.value: {"schema": {"oneOf": [object_of({"id": _ID}), object_of({"ids": ids})]}},
        Media.BINARY.value: {
            "schema": {"type": "string", "format": "binary"},
        },
    }


def _decoded_schema(layout: Layout) -> Json:
    return object_of(
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


def _stats_schema() -> Json:
    return object_of(
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


_PROBLEM: Json = object_of(
    {
        "type": {"const": "about:blank"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "reason": {"type": "string"},
    }
)
