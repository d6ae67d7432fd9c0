"""A stored reply put before a judge, and what it says kept in the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_domainsafety.engine.conversation import turn_cases, turn_key, whole
from pytest_domainsafety.engine.plan import judgement_key
from pytest_domainsafety.engine.reuse import Reuse
from pytest_domainsafety.judging.base import Ask, Case, Judge
from pytest_domainsafety.judging.coherence import coherent
from pytest_domainsafety.judging.llm import told_besides
from pytest_domainsafety.judging.retelling import Retelling
from pytest_domainsafety.store import Exchange, Store
from pytest_domainsafety.suite import LoadedSuite
from pytest_domainsafety.text import fingerprint
from pytest_domainsafety.types import Judgement, Reply

_JUDGED = ("scored", "unscored")
"""Statuses that a judge had a part in; the others stay what they are."""


@dataclass(frozen=True, slots=True)
class Reader:
    """One judge, and all that it takes to put stored replies before it.

    Attributes:
        store: Holds the replies, and keeps the judgements as they come.
        judge: Who reads them.
        ask: Puts its questions.
        reuse: What of the store may be used again.
        suites: By domain, for the rubrics.
    """

    store: Store
    judge: Judge
    ask: Ask
    reuse: Reuse
    suites: Mapping[str, LoadedSuite]

    async def judgement(
        self, exchange: Exchange, retelling: Retelling | None = None
    ) -> Judgement:
        """Return what the judge says of a reply, of all of its turns together.

        Args:
            exchange: The reply, with what was asked.
            retelling: Another way of asking, in which this judge can be asked.

        Raises:
            ProviderError: The judge's server failed.
        """
        return whole([await self.turns(exchange, retelling)])

    async def turns(
        self, exchange: Exchange, retelling: Retelling | None = None
    ) -> list[Judgement]:
        """Return what the judge says of each turn that came to an answer.

        From the store where that has it; see :meth:`judgement`.
        """
        record = exchange.record
        suite = self.suites[record.domain].suite
        case = Case(
            turns=exchange.prompt,
            reply="",
            framing=record.framing,
            rubric=suite.rubric,
            domain=suite.title,
            asks=suite.deliverables(record.scenario, record.framing),
        )
        replies = [Reply(text=text) for text in exchange.replies]
        return [
            await self._turn(exchange, shown, number, retelling)
            for number, shown in turn_cases(case, replies, trace=False)
        ]

    async def _turn(
        self,
        exchange: Exchange,
        case: Case,
        number: int,
        retelling: Retelling | None,
    ) -> Judgement:
        """Return what the judge says of one turn, under the same key as in a run."""
        record, judge = exchange.record, self.judge
        more = turn_key(len(exchange.prompt), number)
        more += [*told_besides(judge, case), *self.reuse.series(judge.name)]
        if retelling is not None:
            case, judge = retelling.case(case), retelling.judge(judge) or judge
            more += retelling.key
        rubric = self.suites[record.domain].rubric_hash
        key = judgement_key([exchange.request_key], judge.fingerprint(), rubric, *more)
        known = self.reuse.judgement(key, judge.name)
        if known is not None:
            return coherent(known)
        judgement = coherent(await judge.judge(case, self.ask, record.seed or 0))
        if judgement.status == "scored":
            keep = (
                self.store.replace_judgement
                if self.reuse.fresh
                else self.store.keep_judgement
            )
            keep(key, exchange.request_key, judgement)
        return judgement


def awaits_a_judge(exchange: Exchange) -> bool:
    """Whether there is an answer that a judge shall read.

    A judge's outage leaves an error with a whole answer behind it. The model's own
    leaves an error too, with no answer or with one to the first turns of several:
    the hash of all turns tells.
    """
    record = exchange.record
    if not any(exchange.replies):
        return False
    if record.status == "error":
        asked = exchange.prompt
        hashes = {fingerprint("prompt", asked), fingerprint("prompt", asked[:1])}
        return record.turn == len(asked) and record.prompt_hash in hashes
    return record.status in _JUDGED
