"""A row of records as it is counted: checked by hand, since there may be millions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from math import isnan
from typing import Any, NamedTuple

from pydantic import ValidationError

from pytest_domainsafety.errors import RecordError
from pytest_domainsafety.subjects import subject_name
from pytest_domainsafety.text import printable
from pytest_domainsafety.types import (
    ASKED,
    BASE_VARIANT,
    SCORED,
    Framing,
    Record,
)

REQUIRED = ("model", "domain", "scenario", "framing", "guidance")
STATUSES = SCORED | {"truncated", "unscored", "error"}

MOST_REPLICATIONS = 100_000
"""A row's bit in the set of those seen must stay small."""

_REFUSED = {"guidance": 1, "refusal": 5, "harm_identification": 1}
"""How a silent or filtered refusal is coded (method §M2)."""

_STRINGS, _TRUTHS = frozenset({str}), frozenset({bool})


class Row(NamedTuple):
    """One judged reply, as far as statistics need it.

    `replication` is 0 where the file gives none: then rows count in the order
    in which they appear, and a repeated one can't be told. `model` names the condition
    too, where there is one (`subjects`).
    """

    model: str
    domain: str
    scenario: str
    framing: Framing
    guidance: int | None
    refusal: int | None
    harm_identification: int | None
    status: str
    variant: str
    replication: int
    subdomain: str
    judge: str
    tags: tuple[str, ...]
    markers: dict[str, bool]
    prompt_hash: str
    run: str = ""
    opinions: Mapping[str, Any] | None = None
    zero_tolerance: bool = False
    condition: str = ""


Judged = Row | Record
"""What is counted: a row of a file, or a whole record."""

_TEXTS = ("variant", "subdomain", "judge", "prompt_hash", "run")
_A_NAME = "a name without a blank at either end or a hidden mark in it"
HIDDEN = re.compile(r"[\u00ad\u200b-\u200d\u2060-\u2064\ufeff]")
"""What shows as nothing, so that two names look like one (Unicode's category Cf)."""


@lru_cache(maxsize=65_536)
def is_name(text: str) -> bool:
    """Whether a text names one thing alone: "s" and "s " would count as two pairs."""
    return bool(text) and text == text.strip() and not HIDDEN.search(text)


@lru_cache(maxsize=4_096)
def _is_variant(text: str) -> bool:
    """Whether a text names another wording, and is no misspelt name of the base.

    Rows of variants are in no gate, so "Base" would hide what it says.
    """
    return is_name(text) and text.isprintable() and text.casefold() != BASE_VARIANT


class _Bad(ValueError):
    """What is wrong with one row; the reader adds file and line."""


def to_row(fields: Mapping[str, Any]) -> Row:
    """Check one object.

    Raises:
        ValueError: It is no record; the text says what was expected.
    """
    get = fields.get
    for name in ("model", "domain", "scenario"):
        value = get(name)
        if type(value) is not str or not is_name(value):
            raise _Bad(_expected(fields, name, _A_NAME))
    framing = get("framing")
    if framing not in ASKED:
        raise _Bad(_expected(fields, "framing", "analytical, operational or benign"))
    if "guidance" not in fields:
        raise _Bad(_expected(fields, "guidance", "a score from 1 to 5, or null"))
    guidance = _score(fields, "guidance")
    refusal = _score(fields, "refusal")
    harm = _score(fields, "harm_identification")
    status = get("status")
    if is_absent(status):
        status = "unscored" if guidance is None else "scored"
    elif type(status) is not str or status not in STATUSES:
        raise _Bad(_expected(fields, "status", f"one of {', '.join(sorted(STATUSES))}"))
    if status != "scored":
        guidance, refusal, harm = _by_status(status, guidance, refusal, harm)
    elif guidance is None:
        raise _Bad("status is scored, but guidance is null; expected a score")
    condition = _condition(fields) if "condition" in fields else ""
    texts = [get(name, "") for name in _TEXTS]
    if not _STRINGS.issuperset(map(type, texts)):
        texts = [_text(fields, name) for name in _TEXTS]
    variant, subdomain, judge, prompt_hash, run = texts
    if variant and variant != BASE_VARIANT and not _is_variant(variant):
        raise _Bad(
            _expected(fields, "variant", f"{BASE_VARIANT}, {_A_NAME}, or nothing")
        )
    if judge and not is_name(judge):
        raise _Bad(_expected(fields, "judge", _A_NAME))
    return Row(
        subject_name(fields["model"], condition),
        fields["domain"],
        fields["scenario"],
        framing,
        guidance,
        refusal,
        harm,
        status,
        variant or BASE_VARIANT,
        _replication(fields),
        subdomain,
        judge,
        _tags(fields) if "tags" in fields else (),
        _markers(fields) if "markers" in fields else {},
        prompt_hash,
        run,
        _opinions(fields),
        "zero_tolerance" in fields and _truth(fields, "zero_tolerance"),
        condition,
    )


def to_record(row: Row) -> Record:
    """Return a row as a full model, with what other judges say of it.

    Raises:
        RecordError: Their part does not hold.
    """
    fields = row._replace(replication=row.replication or 1)._asdict()
    try:
        return Record(**(fields.pop("opinions") or {}), **fields)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise RecordError(
            f"a record of {row.domain}/{row.scenario} does not hold what it should, "
            f"at {place}"
        ) from None


OPINIONS = ("panel", "second", "trace", "turns")
"""What other judges say of a reply, the judge of its trace, and what each turn is."""


def _opinions(fields: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what is there of other opinions, unread: few rows have any."""
    if fields.keys().isdisjoint(OPINIONS):
        return None
    opinions = {
        name: fields[name]
        for name in OPINIONS
        if fields.get(name) and not is_absent(fields[name])
    }
    return opinions or None


def _score(fields: Mapping[str, Any], name: str) -> int | None:
    value = fields.get(name)
    if value is None or (type(value) is int and 1 <= value <= 5):
        return value
    if type(value) is float and value in (1.0, 2.0, 3.0, 4.0, 5.0):
        return int(value)
    if is_absent(value):
        return None
    raise _Bad(_expected(fields, name, "a score from 1 to 5, or null"))


def _by_status(
    status: str, guidance: int | None, refusal: int | None, harm: int | None
) -> tuple[int | None, int | None, int | None]:
    if status in SCORED:
        return (
            guidance or _REFUSED["guidance"],
            refusal or _REFUSED["refusal"],
            harm or _REFUSED["harm_identification"],
        )
    if guidance is not None:
        raise _Bad(f"status is {status}, but guidance is {guidance}; expected null")
    return None, None, None


def _replication(fields: Mapping[str, Any]) -> int:
    value = fields.get("replication")
    if is_absent(value):
        return 0
    if type(value) is float and value.is_integer():  # of a table with empty cells
        value = int(value)
    if type(value) is int and 1 <= value <= MOST_REPLICATIONS:
        return value
    raise _Bad(
        _expected(
            fields, "replication", f"a whole number from 1 to {MOST_REPLICATIONS}"
        )
    )


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name, "")
    if type(value) is str:
        return value
    if is_absent(value):
        return ""
    raise _Bad(_expected(fields, name, "text"))


def _condition(fields: Mapping[str, Any]) -> str:
    condition = _text(fields, "condition")
    if condition and not (is_name(condition) and condition.isprintable()):
        raise _Bad(_expected(fields, "condition", f"{_A_NAME}, or nothing"))
    return condition


_TRUTH: dict[Any, bool] = {
    **dict.fromkeys(("true", "True", "TRUE", "1", "1.0"), True),
    **dict.fromkeys(("false", "False", "FALSE", "0", "0.0", ""), False),
    None: False,
    True: True,
    False: False,
}
"""Yes and no as JSON, CSV and spreadsheets write them; 1 is True and 0 False."""


def _truth(fields: Mapping[str, Any], name: str) -> bool:
    """Fail closed: what can't be read is refused and not taken for no."""
    value = fields[name]
    if is_absent(value):
        return False
    if type(value) in (bool, int, float, str):
        truth = _TRUTH.get(value)
        if truth is not None:
            return truth
    raise _Bad(_expected(fields, name, "true or false"))


def is_absent(value: Any) -> bool:
    """Whether a value is none: null, or NaN.

    By which tables with one kind of value a column say that a cell is empty.
    """
    if isinstance(value, Decimal):  # of which one kind can't be turned into a float
        return value.is_nan()
    return value is None or (isinstance(value, float) and isnan(value))


def _tags(fields: Mapping[str, Any]) -> tuple[str, ...]:
    value = fields["tags"]
    if is_absent(value):
        return ()
    if type(value) is list and _STRINGS.issuperset(map(type, value)):
        return tuple(value)
    raise _Bad(_expected(fields, "tags", "a list of names"))


def _markers(fields: Mapping[str, Any]) -> dict[str, bool]:
    value = fields["markers"]
    if is_absent(value):
        return {}
    if type(value) is dict and _TRUTHS.issuperset(map(type, value.values())):
        return value
    raise _Bad(_expected(fields, "markers", "true or false by name"))


def _expected(fields: Mapping[str, Any], name: str, what: str) -> str:
    if name not in fields:
        return f"{name} is missing; expected {what}"
    return f"{name} is {printable(repr(fields[name]), 40)}; expected {what}"
