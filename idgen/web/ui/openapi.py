"""The description of the page's routes."""

from idgen.layout import IDS_PER_MS, MAX_WORKER_ID
from idgen.web.operations import Json, json_content, object_of, operation
from idgen.web.ui.files import CONTENT_TYPES

_TEXT: Json = {"type": "string"}
_COUNT: Json = {"type": "integer", "minimum": 0}
_NUMBER: Json = {"type": "number"}
_FLAG: Json = {"type": "boolean"}


def _or_null(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}]}


_WORKER_ID = _or_null({"type": "integer", "minimum": 0, "maximum": MAX_WORKER_ID})

_FIGURES = object_of(
    {
        "instance": _TEXT,
        "version": _TEXT,
        "started_unix_ms": _COUNT,
        "unix_ms": _COUNT,
        "trouble": _TEXT,
        "worker_id": _WORKER_ID,
        "epoch_ms": _COUNT,
        "owns": _FLAG,
        "grant_remaining_ms": _COUNT,
        "grant_ms": _COUNT,
        "ids_taken": _COUNT,
        "errors": {"type": "object", "additionalProperties": _COUNT},
        "last_unix_ms": _or_null(_COUNT),
        "skew_ms": _or_null({"type": "integer"}),
        "ids_per_s": {"type": "array", "items": _COUNT},
        "peak_per_ms": {"type": "array", "items": {**_COUNT, "maximum": IDS_PER_MS}},
    }
)

_ROW = object_of(
    {
        "address": _TEXT,
        "worker_id": _WORKER_ID,
        "state": {"enum": ["serving", "refusing", "silent"]},
        "detail": _TEXT,
        "two_owners": _FLAG,
        "heard_unix_ms": _or_null(_COUNT),
        "offset_ms": _or_null(_NUMBER),
        "round_trip_ms": _or_null(_NUMBER),
        "figures": _or_null(_FIGURES),
    }
)

_FLEET = object_of(
    {
        "unix_ms": _COUNT,
        "asked": _TEXT,
        "trouble": _TEXT,
        "workers": {"type": "array", "items": _ROW},
    }
)


def ui_paths() -> dict[str, Json]:
    """The operation of each path, as GET has it."""
    file_types = {of.partition(";")[0]: {"schema": _TEXT} for of in CONTENT_TYPES.values()}
    page = {"text/html": file_types["text/html"]}
    name = {"name": "name", "in": "path", "required": True, "schema": _TEXT}
    return {
        "/ui": operation("page", "The fleet and any ID, for people", page, errors=("503",)),
        "/ui/{name}": operation(
            "pagePart", "A part of the page", file_types, errors=("404", "503"), parameters=[name]
        ),
        "/worker.json": operation(
            "worker", "What this process tells of itself", json_content(_FIGURES), errors=("503",)
        ),
        "/fleet.json": operation(
            "fleet",
            "What all processes tell, about a second old",
            json_content(_FLEET),
            errors=("503",),
        ),
    }
