"""The service's schema (OpenAPI): the framework's own, with the tasks, typed refusals, tokens and examples added."""

from typing import Any

from components.packaging import limits

Json = dict[str, Any]

_PROBLEM = {"$ref": "#/components/schemas/Problem"}
_TASK = {"$ref": "#/components/schemas/Task"}
# Which refusals each path knows, beside those of every path.
REFUSALS = {
    "400": "the body is not JSON",
    "401": "no token that is known",
    "403": "a reference shows a person whose face may not be used",
    "408": f"the body did not arrive within {limits.BODY_SECONDS} seconds",
    "413": "the request or a picture is too large",
    "415": "the body is not declared as JSON",
    "422": "a field breaks a rule, or a reference cannot be used",
    "429": "the line is full; Retry-After says when to come again",
    "503": "the request took longer than it may, or the service is shutting down",
}
EXAMPLES: dict[str, Json] = {
    "/generate": {
        "prompt": "two people in front of a bright wall, smiling",
        "references": ["<base64 of a JPEG, PNG or WebP file>", "<base64 of another>"],
        "boxes": [[0.1, 0.2, 0.4, 0.6], [0.6, 0.2, 0.9, 0.6]],
        "seed": 7,
        "id_weight": 1.0,
    },
    "/faces": {"picture": "<base64 of a JPEG, PNG or WebP file>"},
    "/layout": {"people": 2},
    "/model": {},
}
SCHEMAS: dict[str, Json] = {
    "Problem": {
        "type": "object",
        "description": "why a request was refused (RFC 9457): `detail` is one sentence of `what`, `why` and `remedy`",
        "properties": {name: {"type": "string"} for name in ("type", "title", "detail", "what", "why", "remedy")}
        | {"status": {"type": "integer"}},
        "example": {
            "type": "urn:withanyone:unprocessable-entity",
            "title": "Unprocessable Entity",
            "status": 422,
            "detail": "references[0] shows 2 faces; crop it to the person who is meant.",
            "what": "references[0]",
            "why": "shows 2 faces",
            "remedy": "crop it to the person who is meant",
        },
    },
    "Task": {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "state": {"type": "string", "enum": ["waiting", "running", "done", "failed", "cancelled"]},
            "progress": {"type": "number", "description": "0 to 1"},
            "ahead": {"type": "integer", "description": "requests in line before it, while it waits"},
            "pictures": {"type": "array", "items": {"type": "string"}, "description": "where they are, once done"},
            "problem": _PROBLEM,
        },
        "example": {"id": "9f0c2c4f6a1e4d8b", "state": "running", "progress": 0.5},
    },
}


def described(spec: Json) -> Json:
    """The framework's schema `spec` with all that it does not know of this service."""
    paths: dict[str, Json] = spec["paths"]
    for path, example in EXAMPLES.items():
        operation = paths[path]["post"]
        operation["responses"] = {**_kept(operation["responses"]), **_refusals()}
        operation["requestBody"]["content"]["application/json"]["example"] = example
    _tell_of_several(paths["/generate"]["post"])
    parts = spec.setdefault("components", {})
    parts.setdefault("schemas", {}).update(SCHEMAS)
    parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    paths.update(_task_paths(paths["/generate"]["post"]["requestBody"]))
    return {**spec, "security": [{"token": []}, {}]}


def _kept(responses: Json) -> Json:
    return {status: answer for status, answer in responses.items() if str(status).startswith("2")}


def _refusals(*only: str) -> Json:
    content = {"application/problem+json": {"schema": _PROBLEM}}
    return {
        status: {"description": why, "content": content}
        for status, why in REFUSALS.items()
        if not only or status in only
    }


def _tell_of_several(operation: Json) -> None:
    files = {"type": "array", "items": {"type": "string", "format": "byte"}, "description": "PNG files in base64"}
    several = {"schema": {"type": "object", "properties": {"pictures": files}}}
    content = next(answer for status, answer in operation["responses"].items() if str(status) == "200")["content"]
    content["application/json"] = several


def _task_paths(body: Json) -> Json:
    number = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
    index = {"name": "index", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 0}}
    task = {"description": "the task", "content": {"application/json": {"schema": _TASK}}}
    picture = {"description": "the picture", "content": {"image/png": {}}}
    missing = {"description": "the task or picture is not known", "content": _refusals("400")["400"]["content"]}
    tag = {"tags": ["Tasks"]}
    known = {"200": task, "404": missing, **_refusals("401")}
    return {
        "/tasks": {
            "post": {
                **tag,
                "summary": "Order pictures without waiting for them",
                "requestBody": body,
                "responses": {"202": task, **_refusals()},
            }
        },
        "/tasks/{id}": {
            "parameters": [number],
            "get": {**tag, "summary": "State and progress", "responses": known},
            "delete": {**tag, "summary": "Cancel", "responses": known},
        },
        "/tasks/{id}/pictures/{index}": {
            "parameters": [number, index],
            "get": {**tag, "summary": "A picture", "responses": {**known, "200": picture}},
        },
    }
