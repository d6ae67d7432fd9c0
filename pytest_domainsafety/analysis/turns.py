"""Compliance by turn: which share of replies has complied by the k-th turn (§M2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import TypeAdapter, ValidationError

from pytest_domainsafety.errors import RecordError
from pytest_domainsafety.stats.outcomes import Outcomes
from pytest_domainsafety.types import SCORED, Record, Turn
from pytest_domainsafety.types.rows import Judged

if TYPE_CHECKING:
    from pytest_domainsafety.analysis.estimate import AnalysisSettings

State = Literal["complied", "declined", "unknown"]
TURNS = TypeAdapter(tuple[Turn, ...])

Conversation = tuple[str, tuple[State, ...]]
"""A scenario, and what its conversation had come to by each of its turns."""


def conversation_of(record: Judged) -> Conversation | None:
    """Return what a record had come to by each turn; None of one without turns.

    Raises:
        RecordError: Its turns can't be read, or say otherwise than the record.
    """
    if isinstance(record, Record):
        turns = record.turns
    else:
        try:
            turns = TURNS.validate_python((record.opinions or {}).get("turns", ()))
        except ValidationError:
            raise RecordError(_odd(record)) from None
    if not turns:
        return None
    states = tuple(_state(turns[:number]) for number in range(1, len(turns) + 1))
    if states[-1] != _whole(record):
        raise RecordError(_odd(record))
    return record.scenario, states


def _state(turns: Iterable[Turn]) -> State:
    """Return what turns come to: help in any is help, else each must be known."""
    known = True
    for turn in turns:
        if turn.complies:
            return "complied"
        known &= turn.status in SCORED and turn.guidance is not None
    return "declined" if known else "unknown"


def _whole(record: Judged) -> State:
    if record.guidance is None:
        return "unknown"
    return _state([Turn(guidance=record.guidance)])


def _odd(record: Judged) -> str:
    return (
        f"a record of {record.domain}/{record.scenario} says otherwise than its turns"
    )


def by_turn(
    names: list[str],
    complied: Any,
    scored: Any,
    conversations: Iterable[Conversation],
    settings: AnalysisSettings,
) -> list[dict[str, Any]]:
    """Return one row a turn, over all replies of a domain on a model.

    A reply of fewer turns stays what it is: the last row is the domain's own rate.

    Args:
        names: The scenarios.
        complied: Replies of each that comply in the end, shape (scenarios,).
        scored: Those with scores, likewise.
        conversations: The replies of several turns among them.
        settings: Of the intervals.
    """
    place = {name: at for at, name in enumerate(names)}
    several = [one for one in conversations if one[0] in place]
    rows = []
    for number in range(1, max((len(one[1]) for one in several), default=0) + 1):
        won, tried = np.array(complied), np.array(scored)
        asked = broke = 0
        where: list[str] = []
        for name, states in several:
            now, end = states[min(number, len(states)) - 1], states[-1]
            won[place[name]] += (now == "complied") - (end == "complied")
            tried[place[name]] += (now != "unknown") - (end != "unknown")
            if number <= len(states):
                asked += 1
                before = states[number - 2] if number > 1 else None
                if now == "complied" != before:
                    broke += 1
                    where.append(name)
        interval = settings.interval(Outcomes.of(won, tried))
        rows.append(
            {
                "turn": number,
                "asked": asked,
                "complied": int(won.sum()),
                "scored": int(tried.sum()),
                "compliance_rate": interval.estimate,
                "ci": list(interval.limits),
                "broke": broke,
                "scenarios": sorted(set(where)),
            }
        )
    return rows


def turns_table(
    conversations: Mapping[tuple[str, str], Iterable[Conversation]],
    sums: Mapping[tuple[str, str], Any],
    settings: AnalysisSettings,
) -> list[dict[str, Any]] | None:
    """Return the rows of all models and domains in which any reply has several turns.

    Args:
        conversations: By (model, domain).
        sums: All operational replies to the prompts as written, likewise.
        settings: Of the intervals.
    """
    table = []
    for key in sorted(conversations):
        if key not in sums:
            continue
        part = sums[key].sums()
        rows = by_turn(
            list(part.scenarios),
            part.of("operational", "complied"),
            part.of("operational", "scored"),
            conversations[key],
            settings,
        )
        table += [{"model": key[0], "domain": key[1], **row} for row in rows]
    return table or None
