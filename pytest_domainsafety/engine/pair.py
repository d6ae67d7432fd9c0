"""A scenario pair on its way to its outcome."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_domainsafety.engine.dialogue import Dialogue
from pytest_domainsafety.engine.looks import Gate
from pytest_domainsafety.engine.plan import Cell, PairWork, Plan, cells
from pytest_domainsafety.types import PairOutcome, Record


@dataclass(slots=True)
class Pending:
    """A pair on its way: its dialogues as they finish, in the order of its cells.

    Attributes:
        left: Interactions that are neither finished nor skipped.
        gate: Whose looks this pair waits for, if any.
        said: What an application printed while it was asked, a text a call.
    """

    work: PairWork
    left: int
    gate: Gate | None = None
    dialogues: dict[Cell, Dialogue] = field(default_factory=dict)
    records: dict[Cell, Record] = field(default_factory=dict)
    skipped: int = 0
    saved: int = 0
    said: list[str] = field(default_factory=list)

    def outcome(self, plan: Plan) -> PairOutcome:
        """Return what all of it came to."""
        work = self.work
        order = [cell for cell in cells(work.pair, plan) if cell in self.records]
        dialogues = [self.dialogues[cell] for cell in order]
        faults = [
            dialogue.reason
            for dialogue in dialogues
            if dialogue.status == "error" and not dialogue.unasked
        ]
        return PairOutcome(
            path=work.suite.display,
            line=work.suite.lines[work.place],
            model=work.model,
            domain=work.suite.suite.domain,
            scenario=work.pair.id,
            suite_pairs=len(work.suite.suite.scenarios),
            zero_tolerance=work.pair.zero_tolerance,
            records=tuple(self.records[cell] for cell in order),
            requests=tuple(tuple(dialogue.keys) for dialogue in dialogues),
            judgements=tuple(tuple(dialogue.judgement_keys) for dialogue in dialogues),
            fault=_summary(faults, len(dialogues)) if faults else None,
            skipped=self.skipped,
            saved=self.saved,
            unasked=sum(dialogue.unasked for dialogue in dialogues),
        )


def _summary(faults: list[str], total: int) -> str:
    """Say once what went wrong, and how often."""
    first = max(set(faults), key=faults.count)
    return f"{len(faults)} of {total} replies could not be had or judged: {first}"
