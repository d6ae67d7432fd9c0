"""Do a record's scores follow from the judgements behind it?"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from pydantic import ValidationError

from pytest_domainsafety.analysis.cascade import believed_in, is_sure, may_decide
from pytest_domainsafety.engine.conversation import CODED, turn_key
from pytest_domainsafety.engine.plan import judgement_key
from pytest_domainsafety.judging.evidence import standing
from pytest_domainsafety.judging.guards.judge import by_word, sureness
from pytest_domainsafety.judging.panel import combine
from pytest_domainsafety.judging.together import together
from pytest_domainsafety.store import Evidence, StoredJudgement
from pytest_domainsafety.types import (
    COMPLIES_AT,
    Judgement,
    Manifest,
    ProblemKind,
    Record,
    Scores,
    Turn,
    contradicts_itself,
)

_OFTEN = "more or less often than their record says"
_OTHERWISE = {
    "contradictions": f"that contradicted themselves {_OFTEN}",
    "unproven": f"that proved nothing {_OFTEN}",
}
"""What a record counts of its judgements → what is said where it is another number."""
SCALES = ("harm_identification", "refusal", "guidance")
_READ = ("scored", "unscored")
"""Statuses of a turn that a judge read."""
_UNREAD_CODED = ("silent_refusal", "filtered")


class Fault(NamedTuple):
    """What is wrong with a record, in words that follow "records "."""

    kind: ProblemKind
    words: str


class Bench:
    """The judgements behind one record, found by their keys."""

    def __init__(
        self,
        manifest: Manifest,
        evidence: Evidence,
        turns: int,
        rubrics: Iterable[str],
        series: list[tuple[str, ...]],
        end: float,
    ) -> None:
        """Judge nothing yet.

        Args:
            manifest: Of the run.
            evidence: The record and its judgements.
            turns: That were asked.
            rubrics: Hashes of those that the record's domain was judged by.
            series: That keys may bear; the one that was found comes first from then on.
            end: When the run ended.
        """
        self._manifest = manifest
        self._request = evidence.request_key
        self._turns = turns
        self._rubrics = rubrics
        self._series = series
        self._rows = {row.key: row for row in evidence.judgements}
        self._end = end
        self.replaced = False
        """Whether a judgement that was looked for is there, of a later date."""

    def _of(self, judge: str, *more: str | int) -> list[Judgement]:
        """Return what a judge said of the reply; of several turns all that it said.

        The key is known, so that a judgement by another rubric, or of the trace, is
        told apart; but not where an older version read several turns as one text.
        """
        entry = self._manifest.all_judges.get(judge)
        if self._turns == 1 and entry is not None and entry.fingerprint:
            rows = self._by_key(judge, entry.fingerprint, more)
        elif "turn" in more and entry is not None:
            rows = self._by_key(judge, entry.fingerprint or "", more)
        else:
            rows = [row for row in self._rows.values() if row.judge == judge]
        own = [row for row in rows if row.created <= self._end]
        self.replaced |= bool(rows) and not own
        judgements = []
        for row in own:
            try:
                judgements.append(Judgement.model_validate_json(row.judgement))
            except ValidationError:  # said of the judgement itself
                continue
        return judgements

    def _by_key(
        self, judge: str, fingerprint: str, more: tuple[str | int, ...]
    ) -> list[StoredJudgement]:
        if all(row.judge != judge for row in self._rows.values()):
            return []
        for place, series in enumerate(self._series):
            rows = [
                row
                for row in self._rows.values()
                for rubric in self._rubrics
                if row.key
                == judgement_key(
                    [self._request], fingerprint, rubric, *more, *asks_of(row), *series
                )
            ]
            if rows:
                self._series.insert(0, self._series.pop(place))
                return rows
        return []

    def has_turns(self, judges: Sequence[str]) -> bool:
        """Whether the turns of the conversation were judged one by one."""
        return self._turns > 1 and any(self._of(judge, "turn", 1) for judge in judges)

    def _of_whole(self, judge: str, *more: str | int) -> list[Judgement]:
        """Return what a judge said of the reply, of several turns all in one."""
        turns = [
            self._of(judge, *turn_key(self._turns, number), *more)[:1]
            for number in range(1, self._turns + 1)
        ]
        said = [judgement for turn in turns for judgement in turn]
        if self._turns > 1 and said:
            return [together(said)]
        return self._of(judge, *more)

    def conversation(self, record: Record, judges: Sequence[str]) -> Iterator[Fault]:
        """Hold each turn to its judgements, and the record to its turns."""
        if record.status in ("scored", "unscored") or record.turns:
            if len(record.turns) != self._turns:
                yield Fault("record", "that do not say what each of their turns is")
                return
        elif record.status == "error":
            return
        for number, turn in enumerate(record.turns, 1):
            yield from self._turn_faults(turn, number, judges)
        if record.status not in ("scored", "unscored"):
            return
        read = [turn for turn in record.turns if turn.status in _READ]
        if not read:
            yield Fault("record", f"of status {record.status} of whose turns none is")
            return
        whole = together([_as_judgement(turn) for turn in read])
        if whole.status != record.status:
            yield Fault("judgement", "whose status is not that of their turns")
        elif record.status == "scored":
            for kind in _differences(record, [whole]):
                yield Fault("judgement", f"whose {kind} is not that of their turns")
            yield from self._turn_counts(record, judges)

    def _turn_counts(self, record: Record, judges: Sequence[str]) -> Iterator[Fault]:
        """Hold what is counted of the judges' answers to their judgements."""
        said = [
            self._of(judge, *turn_key(self._turns, number))[:1]
            for judge in judges
            for number, turn in enumerate(record.turns, 1)
            if turn.status in _READ
        ]
        if not all(said):  # what could not be scored is not kept
            return
        for count, words in _OTHERWISE.items():
            if getattr(record, count) != sum(getattr(one, count) for (one,) in said):
                yield Fault("judgement", words)

    def _turn_faults(
        self, turn: Turn, number: int, judges: Sequence[str]
    ) -> Iterator[Fault]:
        if turn.status not in _READ:
            coded = CODED if turn.status in _UNREAD_CODED else dict.fromkeys(SCALES)
            if number < self._turns or scores_of(turn) != coded:
                yield Fault(
                    "record", f"with a turn of status {turn.status} that is none"
                )
            return
        if len(judges) == 1:
            said = self._of(judges[0], *turn_key(self._turns, number))
            scored = [one for one in said if one.status == "scored"]
            if turn.status == "scored" and not scored:
                yield Fault("judgement", "with a turn scored and without a judgement")
            elif turn.status == "scored":
                for kind in _differences(turn, scored):
                    yield Fault("judgement", f"of a turn whose {kind} no judgement has")
            elif any(map(_holds, scored)):
                yield Fault("judgement", "with a turn unscored that was scored")
            return
        if [voice.judge for voice in turn.panel] != list(judges):
            yield Fault("record", "with a turn whose panel is not that of the run")
            return
        for voice in turn.panel:
            more = turn_key(self._turns, number)
            yield from self._scores_faults("turn's panel", voice, *more)
        together_ = combine([_as_judgement(voice) for voice in turn.panel])
        if together_.status == "scored" and _differences(turn, [together_]):
            yield Fault("judgement", "with a turn that is not what its panel says")
        elif (together_.status == "scored") is not (turn.status == "scored"):
            yield Fault("judgement", "with a turn whose status its panel has not")

    def single(self, record: Record, judges: Sequence[str]) -> Iterator[Fault]:
        """Hold a record to the one judge's judgement."""
        name = judges[0] if judges else record.judge
        judgements = [
            judgement for judgement in self._of(name) if judgement.status == "scored"
        ]
        if record.status == "scored" and not judgements:
            yield Fault("judgement", "scored and without a judgement")
        elif record.status == "scored":
            for kind in _differences(record, judgements):
                yield Fault("judgement", f"whose {kind} is not that of their judgement")
            for count, otherwise in _OTHERWISE.items():
                if getattr(record, count) not in {
                    getattr(j, count) for j in judgements
                }:
                    yield Fault("judgement", otherwise)
        elif any(map(_holds, judgements)) and self._turns == 1:
            yield Fault("judgement", f"of status {record.status} that were scored")
        if record.panel:
            yield Fault("record", "with a panel in a run without one")

    def panel(self, record: Record, judges: Sequence[str]) -> Iterator[Fault]:
        """Hold a record to its panel, and each of its judges to a judgement."""
        if record.status == "error" and not record.panel:
            return
        if [scores.judge for scores in record.panel] != list(judges):
            yield Fault("record", "whose panel is not that of the run")
            return
        for scores in record.panel:
            yield from self._scores_faults("panel", scores)
        together = combine([_as_judgement(scores) for scores in record.panel])
        if (record.status == "scored") is not (together.status == "scored"):
            yield Fault("judgement", "whose status is not that of their panel")
        elif record.status == "scored":
            for kind in _differences(record, [together]):
                yield Fault("judgement", f"whose {kind} is not that of their panel")
        if self._turns == 1 and all(s.status == "scored" for s in record.panel):
            said = [self._of(scores.judge)[:1] for scores in record.panel]
            for count, otherwise in _OTHERWISE.items():
                met = sum(getattr(one, count) for (one,) in filter(None, said))
                if getattr(record, count) != met:
                    yield Fault("judgement", otherwise)

    def cascade(self, record: Record, judges: Sequence[str]) -> Iterator[Fault]:
        """Hold a record to the last word of a cascade, and to who had to say it."""
        said = record.panel
        if record.status == "error" or not said:
            return
        if [scores.judge for scores in said] != list(judges[: len(said)]):
            yield Fault("record", "whose panel is not that of the run")
            return
        for scores in said:
            yield from self._scores_faults("panel", scores)
        last = _as_judgement(said[-1])
        if (record.status == "scored") is not (last.status == "scored"):
            yield Fault("judgement", "whose status is not that of their last judge")
        elif record.status == "scored" and any(
            getattr(record, scale) != getattr(last, scale) for scale in SCALES
        ):
            yield Fault("judgement", "whose scores are not those of their last judge")
        if len(said) == 1 and self._turns == 1 and not self._was_sure(record):
            yield Fault("judgement", "of a first step that was not sure of them")

    def _was_sure(self, record: Record) -> bool:
        entry = self._manifest.cascade
        assert entry is not None
        first = _as_judgement(record.panel[0]).model_copy(
            update={"expected": record.expected}
        )
        if entry.domains and not may_decide(
            believed_in(entry.domains),
            record.domain,
            record.framing,
            record.variant,
            zero_tolerance=record.zero_tolerance,
        ):
            return False
        return first.status == "scored" and is_sure(
            sureness(first), entry.low, entry.high, by_word=by_word(first)
        )

    def others(self, record: Record) -> Iterator[Fault]:
        """Hold what a second judge, and the judge of the trace, say to judgements."""
        if record.second is not None:
            if record.second.judge not in self._manifest.second_judge:
                yield Fault("record", "whose second judge is not that of the run")
            yield from self._scores_faults("second judge's part", record.second)
        if record.trace is not None:
            yield from self._scores_faults("trace's part", record.trace, "trace")

    def quotes(self, asked: Sequence[str], answers: Sequence[str]) -> Iterator[Fault]:
        """Look up what the judges that prove help by quotes gave as proof.

        One without a rationale was kept without any text, and can't be looked up.

        Args:
            asked: The user's turns.
            answers: What came to them, the first ones.
        """
        for name, entry in self._manifest.all_judges.items():
            if entry.mode != "evidence" or not entry.fingerprint:
                continue
            for number, text in enumerate(answers, 1):
                for said in self._of(name, *turn_key(self._turns, number)):
                    there = standing(said.quotes, text, asked[:number])
                    helps = (said.guidance or 0) >= COMPLIES_AT
                    if len(there) < len(said.quotes):
                        yield Fault(
                            "judgement", "with a quote that is not their reply's"
                        )
                    elif helps and said.rationale and not there:
                        yield Fault("judgement", "with help that no quote proves")

    def _scores_faults(
        self, part: str, scores: Scores, *more: str | int
    ) -> Iterator[Fault]:
        judgements = [
            Scores.of(judgement)
            for judgement in (
                self._of(scores.judge, *more)
                if "turn" in more
                else self._of_whole(scores.judge, *more)
            )
            if judgement.status == "scored"
        ]
        if scores.status == "scored" and not judgements:
            yield Fault("judgement", f"whose {part} is scored without a judgement")
        elif scores.status == "scored" and scores not in judgements:
            yield Fault("judgement", f"whose {part} is not what its judge said")
        elif (
            scores.status != "scored"
            and any(map(_holds, judgements))
            and self._turns == 1
        ):
            yield Fault("judgement", f"whose {part} is {scores.status}, and was scored")
        elif scores.status != "scored" and any(
            getattr(scores, scale) is not None for scale in SCALES
        ):
            yield Fault("record", f"whose {part} is {scores.status} with scores")


def asks_of(row: StoredJudgement) -> tuple[str, ...]:
    """Return what else is in a judgement's key, by what it says itself."""
    try:
        asks = json.loads(row.judgement).get("asks", "")
    except (ValueError, AttributeError):  # said of the judgement itself
        return ()
    return (asks,) if asks else ()


def _differences(record: Record | Turn, judgements: Sequence[Judgement]) -> list[str]:
    """Return the fields in which a record is like none of its judgements."""
    names = (*SCALES, "markers", "expected")
    if any(
        all(getattr(record, name) == getattr(judgement, name) for name in names)
        for judgement in judgements
    ):
        return []
    return [
        name
        for name in names
        if all(
            getattr(record, name) != getattr(judgement, name)
            for judgement in judgements
        )
    ] or ["judgement"]


def scores_of(record: Record | Scores | Turn) -> dict[str, int | None]:
    """Return the three scores."""
    return {name: getattr(record, name) for name in SCALES}


def _as_judgement(scores: Scores | Turn) -> Judgement:
    """Return what a panel's judge said as the panel took it, or the panel of a turn."""
    known = scores.status in ("scored", "judge_refused")
    status = scores.status if known else "unscored"
    return Judgement.model_validate(
        {
            "judge": getattr(scores, "judge", ""),
            "status": status,
            "markers": scores.markers,
            "reason": scores.reason,
            "expected": getattr(scores, "expected", None),
            **(scores_of(scores) if status == "scored" else {}),
        }
    )


def _holds(said: Judgement | Scores) -> bool:
    """Whether what was kept is a judgement: an older version kept contradictions."""
    return not contradicts_itself(said.refusal, said.guidance)
