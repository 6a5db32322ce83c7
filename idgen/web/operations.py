"""The pieces that the description of a route is made of: OpenAPI 3.1, JSON Schema 2020-12."""

from typing import Any

from idgen.web.negotiation import PROBLEM_JSON, Media

Json = dict[str, Any]

TEXT: Json = {"text/plain": {"schema": {"type": "string"}}}

ERRORS = {
    "400": "A bad parameter; the answer names it and its range",
    "404": "No such file, or no quota rules are loaded",
    "413": "A body over 256 KiB, or a chunked one over 1 KiB",
    "429": "Denied by quotas; Retry-After is there unless waiting won't help",
    "500": "Clock regression or sequence overflow; the answer says until when",
    "503": "Not ready: starting, draining, without a grant, the clock outside the 41 bits, or "
    "the store of quotas away",
}


def operation(
    name: str,
    summary: str,
    content: Json,
    *,
    errors: tuple[str, ...],
    parameters: list[Json] | None = None,
) -> Json:
    """An operation that answers 200 with this content, and these errors, by status."""
    refusal = {**TEXT, PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    responses: Json = {"200": {"description": "As asked for", "content": content}}
    for status in errors:
        responses[status] = {"description": ERRORS[status], "content": refusal}
        if status == "503":
            responses[status]["headers"] = {"Retry-After": {"schema": {"const": 1}}}
    described: Json = {"operationId": name, "summary": summary, "responses": responses}
    return described | ({"parameters": parameters} if parameters else {})


def query(name: str, schema: Json, required: bool = False) -> Json:
    """A parameter of the query string."""
    return {"name": name, "in": "query", "required": required, "schema": schema}


def json_content(schema: Json) -> Json:
    """JSON of this schema."""
    return {Media.JSON.value: {"schema": schema}}


def object_of(properties: Json) -> Json:
    """An object that has exactly these properties."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
