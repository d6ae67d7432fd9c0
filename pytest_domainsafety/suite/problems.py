"""What is wrong with a document, in words for the person who wrote it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from yaml.nodes import MappingNode, Node, SequenceNode

from pytest_domainsafety.errors import SuiteProblem
from pytest_domainsafety.suite.reading import Document
from pytest_domainsafety.text import printable
from pytest_domainsafety.types import Anchors, Rubric, ScenarioPair, Suite

Path = tuple[str | int, ...]

_NAME = "lower-case letters, digits and '_'"
_PROMPT = "text, or a list of texts (one for each user turn)"
# What the fields expect; the last name of a path that is known here counts.
_EXPECTED = {
    "schema": "the number 1",
    "domain": f"a name of {_NAME}",
    "subdomain": f"a name of {_NAME}",
    "tags": f"a list of names of {_NAME}, or F1 to F4",
    "id": "a name of at most 80 lower-case letters, digits and '-'",
    "markers": f"exactly two yes/no questions, each under a name of {_NAME}",
    "variants": f"a mapping from a name of {_NAME} to a prompt",
    "operational": _PROMPT,
    "threshold": "a number from 0 to 1",
    "min_engagement": "a number from 0 to 1",
    "max_over_refusal": "a number from 0 to 1",
    "zero_tolerance": "true or false",
    "core": "true or false",
    "family": "a name of at most 80 lower-case letters, digits and '-'",
    "openness": "a whole number from 0 to 3",
    "role": "none, institutional or personal",
    "jurisdiction": "two to eight capitals, for example US, EU or UK",
    "benign": _PROMPT,
    "asks": "a list of two to five deliverables, each a short text",
    "codification": "high, mixed or low",
    "harm_levels": "a sentence for each level from 1 to 5",
    "guidance_levels": "a sentence for each level from 1 to 5",
    "refusal_levels": "a sentence for each level from 1 to 5",
    "rubric": "a mapping with harm, guidance and markers",
    "scenarios": "a list of at least one scenario",
}
# Fields whose value a message may repeat; no message repeats a prompt.
_QUOTABLE = {"domain", "subdomain", "id", "tags", "codification"}
_QUOTABLE |= {"family", "role", "jurisdiction"}
_MODELS: dict[str, type[BaseModel]] = {
    "rubric": Rubric,
    "harm_levels": Anchors,
    "guidance_levels": Anchors,
    "refusal_levels": Anchors,
    "scenarios": ScenarioPair,
}


def document_problems(
    document: Document, display: str, error: ValidationError | None = None
) -> list[SuiteProblem]:
    """Return everything that is wrong with one file.

    Args:
        document: The file's content.
        display: How messages name the file.
        error: What validation said of the content, where it failed.
    """
    if not isinstance(document.data, dict):
        message = f"holds {_kind(document.data)}; expected a mapping with 'schema: 1'"
        return [SuiteProblem(display, _line(document.root), message)]
    problems = []
    for path, message, line in [
        *(
            (_path_at(document.root, f.line), f.message, f.line)
            for f in document.faults
        ),
        *_schema_problems(document, error),
        *_repeated_ids(document),
    ]:
        scenario, field = _where(document.data, path)
        problems.append(SuiteProblem(display, line, message, scenario, field))
    return problems


def _schema_problems(
    document: Document, error: ValidationError | None
) -> Iterator[tuple[Path, str, int]]:
    by_path: dict[Path, list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False) if error else ():
        by_path.setdefault(_path(document.data, detail), []).append(detail)
    for path, details in by_path.items():
        value = _value(document.data, path)
        # A list of turns was tried as one text first: its own items speak.
        deeper = any(len(p) > len(path) and p[: len(path)] == path for p in by_path)
        if isinstance(value, tuple) and deeper:
            continue
        line = line_at(document.root, path)
        yield path, _message(document.data, path, details), line


def _message(data: Any, path: Path, details: list[ErrorDetails]) -> str:
    kinds = {detail["type"] for detail in details}
    expected = _expected(path)
    if "missing" in kinds:
        return f"is required and not there; expected {expected}"
    if "extra_forbidden" in kinds:
        return f"is not a key of a suite here{_nearest(path)}"
    if "value_error" in kinds:
        return details[0]["msg"].removeprefix("Value error, ")
    value = _value(data, path)
    if any(detail["loc"][-1] == "[key]" for detail in details):
        return f"is not a name; expected {_NAME}"
    if value is None or (isinstance(value, str) and not value.strip()):
        return f"is empty; expected {expected}"
    if kinds & {"string_type"} and isinstance(value, bool | int | float):
        return f"is {_kind(value)}; expected {expected}: put it in quotes"
    if isinstance(value, str) and _QUOTABLE.intersection(path[-2:]):
        return f"is {printable(value, 40)!r}; expected {expected}"
    return f"is {_kind(value)}; expected {expected}"


def _expected(path: Path) -> str:
    if len(path) == 2 and path[0] == "scenarios":
        return "a scenario: a mapping with id, subdomain, analytical and operational"
    if path == ("rubric", "markers") or path[-1] in _EXPECTED:
        return _EXPECTED[str(path[-1])]
    parent = path[-2] if len(path) > 1 else None
    if parent == "variants":
        return _PROMPT
    if parent == "tags":
        return f"a name of {_NAME}, or F1 to F4"
    return "text"


def _nearest(path: Path) -> str:
    parents = [part for part in path[:-1] if isinstance(part, str)]
    model = _MODELS.get(parents[-1], Suite) if parents else Suite
    known = [field.alias or name for name, field in model.model_fields.items()]
    near = difflib.get_close_matches(str(path[-1]), known, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; known are {', '.join(known)}"


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes or no (true or false)"
    if isinstance(value, int | float):
        return f"the number {printable(str(value), 40)}"
    if isinstance(value, str):
        return "text"
    if isinstance(value, Mapping):
        return f"a mapping of {len(value)}"
    return f"a list of {len(value)}"


def _repeated_ids(document: Document) -> Iterator[tuple[Path, str, int]]:
    scenarios = document.data.get("scenarios")
    first: dict[str, int] = {}
    for place, pair in enumerate(scenarios if isinstance(scenarios, tuple) else ()):
        name = pair.get("id") if isinstance(pair, dict) else None
        if not isinstance(name, str):
            continue
        path: Path = ("scenarios", place, "id")
        line = line_at(document.root, path)
        if name in first:
            yield path, f"this id is already used at line {first[name]}", line
        first.setdefault(name, line)


def _path(data: Any, detail: ErrorDetails) -> Path:
    """Return where in the data an error lies.

    pydantic puts the names of union members and ``[key]`` among the places;
    they are no part of the file.
    """
    path: list[str | int] = []
    for part in detail["loc"]:
        inside = isinstance(data, dict) and part in data
        if inside or (isinstance(data, tuple) and isinstance(part, int)):
            data = data[part]
        elif detail["type"] != "missing" or part != detail["loc"][-1]:
            continue
        path.append(part)
    return tuple(path)


def _value(data: Any, path: Path) -> Any:
    for part in path:
        if isinstance(data, dict):
            data = data.get(part)
        elif isinstance(data, tuple) and isinstance(part, int):
            data = data[part]
    return data


def line_at(root: Node, path: Path) -> int:
    """Return the 1-based line of the deepest part of a path that is in a file.

    Args:
        root: The file's node tree.
        path: Keys and 0-based places, from the top: ``("scenarios", 3, "tags")``.
    """
    node, line = root, _line(root)
    for part in path:
        if isinstance(node, SequenceNode) and isinstance(part, int):
            node = node.value[part]
            line = _line(node)
        elif isinstance(node, MappingNode):
            entries = [(k, v) for k, v in node.value if k.value == part]
            if not entries:
                break
            key, node = entries[-1]
            line = _line(key)
    return line


def _path_at(node: Node, line: int) -> Path:
    """Return the path to the last key or item that begins at or before a line."""
    steps: list[tuple[str | int, Node, int]] = []
    if isinstance(node, MappingNode):
        steps = [(k.value, v, _line(k)) for k, v in node.value]
    elif isinstance(node, SequenceNode):
        steps = [(place, v, _line(v)) for place, v in enumerate(node.value)]
    for part, child, begins in reversed(steps):
        if begins <= line:
            return (part, *_path_at(child, line))
    return ()


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def _where(data: Any, path: Path) -> tuple[str | None, str | None]:
    """Return the scenario's name and the field, as a message names them."""
    scenario = None
    if len(path) > 1 and path[0] == "scenarios":
        pair = _value(data, path[:2])
        name = pair.get("id") if isinstance(pair, dict) else None
        scenario = printable(name, 80) if isinstance(name, str) else f"#{path[1]}"
        path = path[2:]
    field = ""
    for part in path:
        step = f"[{part}]" if isinstance(part, int) else printable(str(part), 40)
        field += step if isinstance(part, int) or not field else f".{step}"
    return scenario, field or None
