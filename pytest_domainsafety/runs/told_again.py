"""Does what a judge is said to have said in other words follow from its judgements?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pydantic import ValidationError

from pytest_domainsafety.engine.conversation import turn_key
from pytest_domainsafety.engine.plan import judgement_key
from pytest_domainsafety.judging.coherence import coherent
from pytest_domainsafety.judging.panel import combine
from pytest_domainsafety.judging.retelling import RETELLINGS
from pytest_domainsafety.judging.together import together
from pytest_domainsafety.runs.bench import asks_of
from pytest_domainsafety.store import Evidence
from pytest_domainsafety.types import (
    BASE_VARIANT,
    COMPLIES_AT,
    Judgement,
    Problem,
    Record,
    RetoldEntry,
)

_SHOWN = 3


class _Kept(NamedTuple):
    """Of one pair's operational replies, told in one way, what the store holds.

    Attributes:
        scored: With a judgement; `complied` are those of them that call it help.
        later: Of which that is not known: put in place after the run (`--fresh`), of
            another run as well, or of several turns with one that could not be scored.
    """

    scored: int = 0
    complied: int = 0
    later: int = 0


@dataclass(slots=True)
class RetoldCheck:
    """Holds what results count of ways of asking to the judgements in the store.

    Another run may have asked about more replies than this one, so that a count is
    held to what it can be. No judgement is of a reply that nobody asked about.

    Args:
        entry: Of the results.
        rubrics: Domain → hashes of the rubrics that it was judged by.
        series: That keys of the judges in `by_name` may bear.
        by_name: Judges that may be something else under the same name (`engine.reuse`).
        end: When the run ended.
    """

    entry: RetoldEntry
    rubrics: Mapping[str, set[str]]
    series: Sequence[tuple[str, ...]]
    by_name: frozenset[str]
    end: float
    _kept: dict[tuple[str, str, str, str], _Kept] = field(default_factory=dict)

    def leave(self, record: Record) -> None:
        """Count a record of which nothing is known: another reply is in its place."""
        if record.framing == "operational" and record.variant == BASE_VARIANT:
            for name in self.entry.fingerprints:
                self._count(record, name, later=1)

    def _count(self, record: Record, name: str, **more: int) -> None:
        place = record.model, record.domain, name, record.scenario
        kept = self._kept.get(place, _Kept())
        self._kept[place] = _Kept(
            **{
                part: count + more.get(part, 0)
                for part, count in kept._asdict().items()
            }
        )

    def look(self, record: Record, evidence: Evidence, turns: int) -> None:
        """Count what is kept of one record's reply, in every way."""
        if record.framing != "operational" or record.variant != BASE_VARIANT:
            return
        for name, judges in self.entry.fingerprints.items():
            more = next((way.key for way in RETELLINGS if way.name == name), [])
            said = [
                self._said(record, evidence, turns, judge, mark, more)
                for judge, mark in judges.items()
            ]
            if not all(said):  # also where one of them has said nothing yet
                continue
            if any(None in turns_ for turns_ in said):
                self._count(record, name, later=1)
                continue
            whole = combine([together([t for t in one if t]) for one in said])
            if whole.guidance is not None:
                helps = whole.guidance >= COMPLIES_AT
                self._count(record, name, scored=1, complied=int(helps))

    def _said(
        self,
        record: Record,
        evidence: Evidence,
        turns: int,
        judge: str,
        mark: str,
        more: Sequence[str | int],
    ) -> list[Judgement | None]:
        """Return what a judge said of each turn; None of one of which nobody knows.

        Nothing where it said nothing of any.
        """
        series = self.series if judge in self.by_name else [()]
        rows = [row for row in evidence.judgements if row.judge == judge]
        found: list[Judgement | None] = []
        met = False
        for number in range(1, turns + 1):
            keys = {
                judgement_key(
                    [evidence.request_key],
                    mark,
                    rubric,
                    *turn_key(turns, number),
                    *asks,
                    *one,
                    *more,
                )
                for rubric in self.rubrics.get(record.domain, ())
                for asks in {asks_of(row) for row in rows}
                for one in series
            }
            there = [row for row in rows if row.key in keys]
            known = len(there) == 1 and there[0].created <= self.end
            found.append(_read(there[0].judgement) if known else None)
            met |= bool(there)
        return found if met else []

    def problems(self, *, told: bool) -> Iterator[Problem]:
        """Yield where the results count what the judgements can't have said.

        Args:
            told: Whether the version that wrote them says which judges it asked.
        """
        odd = []
        for model, domains in self.entry.replies.items():
            for domain, ways in domains.items():
                for name, pairs in ways.items():
                    if name not in self.entry.fingerprints and not told:
                        continue
                    for scenario, (asked, _, complied, *_) in pairs.items():
                        kept = self._kept.get((model, domain, name, scenario), _Kept())
                        least = asked - (kept.scored - kept.complied) - kept.later
                        most = min(asked, kept.complied + kept.later)
                        known = asked <= kept.scored + kept.later
                        if not known or not least <= complied <= most:
                            odd.append(f"{domain}/{scenario} on {model} ({name})")
        if odd:
            more = ", …" if len(odd) > _SHOWN else ""
            yield Problem(
                "judgement",
                "its results count other answers of the judge in other words than "
                f"there are judgements: {', '.join(odd[:_SHOWN])}{more}",
            )


def _read(text: str) -> Judgement | None:
    try:
        return coherent(Judgement.model_validate_json(text))
    except ValidationError:  # said of the judgement itself
        return None


def retold_of(document: Any) -> RetoldEntry | None:
    """Return what results say of ways of asking; None where nothing can be read."""
    try:
        entry = document["run"]["retold"]
        return None if entry is None else RetoldEntry.model_validate(entry)
    except (KeyError, TypeError, ValidationError):  # said of the results themselves
        return None
