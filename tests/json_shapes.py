"""The shape of JSON documents: which key stands where, and of what type it is.

A path is dotted; `[]` is any element of a list and `*` any key of a mapping whose
keys are names of the user's (models, domains, files …).
"""

from __future__ import annotations

from typing import Any

Shape = dict[str, str]
TYPES = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
    type(None): "null",
}
NAMED = {
    *("models", "judges", "second_judge", "suites", "expected", "versions"),
    *("subdomains", "by_pair", "markers", "phases", "replies", "kin", "answers"),
    *("by_domain", "tables"),
}
"""Keys under which the user's own names are keys, as deep as these go."""


def shape_of_schema(schema: dict[str, Any]) -> Shape:
    """Return path → types (`null|string`) of everything that a JSON schema names."""
    shape: dict[str, set[str]] = {}
    _walk_schema(schema, schema.get("$defs", {}), "", shape)
    return {path: "|".join(sorted(types)) for path, types in sorted(shape.items())}


def _walk_schema(
    node: dict[str, Any],
    known: dict[str, Any],
    path: str,
    shape: dict[str, set[str]],
) -> None:
    if "$ref" in node:
        node = known[node["$ref"].rpartition("/")[2]]
    for choice in (*node.get("anyOf", ()), *node.get("allOf", ())):
        _walk_schema(choice, known, path, shape)
    kind = node.get("type") or TYPES.get(type(node.get("const")), "")
    if kind and "anyOf" not in node and path:
        shape.setdefault(path, set()).add(kind)
    for name, inner in node.get("properties", {}).items():
        _walk_schema(inner, known, f"{path}.{name}".lstrip("."), shape)
    for name, mark in (("additionalProperties", ".*"), ("items", "[]")):
        if isinstance(node.get(name), dict):
            _walk_schema(node[name], known, path + mark, shape)
    for inner in node.get("prefixItems", ()):
        _walk_schema(inner, known, f"{path}[]", shape)


def shape_of_document(*documents: Any) -> Shape:
    """Return path → types (`null|string`) of what documents of one kind hold."""
    shape: dict[str, set[str]] = {}
    for document in documents:
        _walk(document, "", "", shape)
    return {path: "|".join(sorted(types)) for path, types in sorted(shape.items())}


def _walk(value: Any, key: str, path: str, shape: dict[str, set[str]]) -> None:
    if path:
        shape.setdefault(path, set()).add(TYPES[type(value)])
    if isinstance(value, dict):
        # Of `expected` three levels are names: model, domain, scenario.
        named = key in NAMED
        deeper = key if key == "expected" else ""
        for name, inner in value.items():
            place = f"{path}.*" if named else f"{path}.{name}"
            _walk(inner, deeper or ("" if named else name), place.lstrip("."), shape)
    elif isinstance(value, list):
        for inner in value:
            _walk(inner, "", f"{path}[]", shape)


def missing(before: Shape, now: Shape) -> dict[str, tuple[str, str | None]]:
    """Return what is not there as it was: path → types before, and now.

    A value may be null now that never was, and the other way round: both were
    always to be reckoned with.
    """
    return {
        path: (types, now.get(path))
        for path, types in before.items()
        if path not in now
        or not set(now[path].split("|")) - {"null"} <= set(types.split("|"))
    }
