"""A run's judge asked again in other words, about what could flip a gate."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from pytest_domainsafety.analysis.agreement import cell_of
from pytest_domainsafety.analysis.estimate import AnalysisSettings
from pytest_domainsafety.analysis.labelled import LabelTables
from pytest_domainsafety.analysis.retold import RetoldGate, State
from pytest_domainsafety.engine import Plan
from pytest_domainsafety.engine.alone import lone_judge
from pytest_domainsafety.engine.reuse import Reuse
from pytest_domainsafety.engine.tally import Tally
from pytest_domainsafety.errors import ProviderError
from pytest_domainsafety.judging.panel import combine
from pytest_domainsafety.judging.retelling import RETELLINGS, VERSION, Retelling
from pytest_domainsafety.providers.base import reply_kind
from pytest_domainsafety.runs.reader import Reader, awaits_a_judge
from pytest_domainsafety.store import Exchange, Store
from pytest_domainsafety.suite import LoadedSuite
from pytest_domainsafety.text import fingerprint
from pytest_domainsafety.types import (
    BASE_VARIANT,
    COMPLIES_AT,
    DomainEstimate,
    Judgement,
    Manifest,
    Record,
    Results,
    RetoldCounts,
    RetoldEntry,
)

_MOST_FAULTS = 5
"""After so many questions that a judge's server failed on, none is asked any more."""


class Again(NamedTuple):
    """What is asked again, and how.

    Attributes:
        store: Holds the replies, and keeps what the judge says.
        run: Whose replies.
        plan: Its judges, and how to ask them.
        suites: By domain, for the rubrics.
        manifest: Of the run, for the models under test.
        gate: Whether gates are held to the widest limit.
    """

    store: Store
    run: str
    plan: Plan
    suites: Mapping[str, LoadedSuite]
    manifest: Manifest
    gate: bool


@dataclass(slots=True)
class _Way:
    """One gate, with the judge asked in one way."""

    key: tuple[str, str]
    retelling: Retelling
    gate: RetoldGate
    scenarios: list[str]
    state: State
    order: list[tuple[int, Exchange, bool]]
    """Of the replies that are left: place of the pair, texts, whether it complied."""
    asked: dict[int, list[int]] = field(default_factory=dict)

    def take(self, place: int, judgement: Judgement | None, *, before: bool) -> None:
        """Count one answer; None where the judge's server failed."""
        self.state.left[place] -= 1
        if judgement is None or judgement.guidance is None:
            self.state.lost[place] += 1
            return
        self.state.complied[place] += judgement.guidance >= COMPLIES_AT
        counts = self.asked.setdefault(place, [0, 0])
        counts[0] += 1
        counts[1] += before

    def counts(self) -> dict[str, RetoldCounts]:
        """Return what came of each pair, for the manifest."""
        found = {}
        for place, name in enumerate(self.scenarios):
            asked, before = self.asked.get(place, (0, 0))
            found[name] = (
                asked,
                before,
                *(int(column[place]) for column in self.state),
            )
        return found  # type: ignore[return-value]


def ask_again(
    again: Again,
    records: Iterable[Record],
    results: Results,
    settings: AnalysisSettings,
    note: Callable[[int], None] | None = None,
) -> tuple[RetoldEntry, Tally]:
    """Ask the judge again in other words, until no answer could flip a gate.

    Args:
        again: What, and how.
        records: As the judge said first.
        results: What they come to, with the verdict on each gate.
        settings: Of the intervals.
        note: Told how many judgements there are, after each.

    Returns:
        What the judge said, and what it cost. A server that fails leaves replies
        without a score, and what it left is told: nothing passes by it.

    Raises:
        ConfigError: A judge can't be used.
        ProviderError: A judge is not to be had.
        StoreError: The store can't be used, or holds hashes alone.
    """
    ways, of_all = _ways(again, records, results, settings)
    with asyncio.Runner() as runner:
        bench = runner.run(_ask(again, ways, note))
    told: dict[str, dict[str, dict[str, dict[str, RetoldCounts]]]] = {}
    for way in ways:
        model, domain = way.key
        if way.retelling.name in bench.names:
            by_way = told.setdefault(model, {}).setdefault(domain, {})
            by_way[way.retelling.name] = way.counts()
    entry = RetoldEntry(
        version=VERSION,
        names=bench.names,
        left_out=tuple(
            each.name for each in RETELLINGS if each.name not in bench.names
        ),
        gate=again.gate,
        asked=bench.asked,
        saved=of_all * len(bench.names) - bench.asked,
        fault=bench.fault,
        replies=told,
        fingerprints=bench.fingerprints,
    )
    return entry, bench.tally


def _ways(
    again: Again,
    records: Iterable[Record],
    results: Results,
    settings: AnalysisSettings,
) -> tuple[list[_Way], int]:
    """Return each gate in each way, and how many replies a judge reads in one."""
    texts = {
        cell_of(one.record): one if _is_read(one) else None
        for one in again.store.exchanges(again.run)
    }
    by_gate: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        if record.framing == "operational" and record.variant == BASE_VARIANT:
            by_gate.setdefault((record.model, record.domain), []).append(record)
    labels = results.run.labels
    tables = None if labels is None else LabelTables.of_entry(labels)
    limits = {
        (gate.model, gate.domain): gate.threshold
        for gate in results.gates
        if gate.kind == "compliance"
    }
    ways = []
    for estimate in results.domains:
        key = (estimate.model, estimate.domain)
        if key not in limits or estimate.ci.high is None:
            continue
        responses = [pair.responses for pair in estimate.by_pair.values()]
        gate = RetoldGate(responses, limits[key], settings, tables, estimate.domain)
        state, order = _start(estimate, by_gate.get(key, ()), texts)
        ways += [
            _Way(
                key,
                retelling,
                gate,
                list(estimate.by_pair),
                State(*(column.copy() for column in state)),
                order,
            )
            for retelling in RETELLINGS
        ]
    return ways, sum(text is not None for text in texts.values())


def _is_read(exchange: Exchange) -> bool:
    return awaits_a_judge(exchange) and reply_kind(exchange.last)[0] == "answer"


def _start(
    estimate: DomainEstimate,
    records: Sequence[Record],
    texts: Mapping[Any, Exchange | None],
) -> tuple[State, list[tuple[int, Exchange, bool]]]:
    """Return what is known before the judge is asked, and the order of asking.

    The order is a hash, so that those asked about stand for those that are left.
    A reply that is not in the store any more is lost, whatever was said of it.

    Args:
        estimate: Of the gate's domain.
        records: Its operational replies.
        texts: What the store has of all replies; None where no judge reads it.
    """
    places = {name: place for place, name in enumerate(estimate.by_pair)}
    pairs = len(places)
    refused, left = np.zeros(pairs, np.int64), np.zeros(pairs, np.int64)
    order = []
    for record in records:
        place, cell = places[record.scenario], cell_of(record)
        if cell not in texts:
            continue
        text = texts[cell]
        if text is not None:
            left[place] += 1
            before = record.complies or not record.scored
            order.append((place, text, before))
        elif record.scored and not record.complies:  # by what it is: an empty reply
            refused[place] += 1
    responses = np.array([p.responses for p in estimate.by_pair.values()], np.int64)
    lost = np.maximum(responses - refused - left, 0)
    order.sort(key=lambda one: fingerprint("again", list(cell_of(one[1].record))))
    return State(np.zeros(pairs, np.int64), lost, left), order


class _Asked:
    """What the judges were asked, and what came of it.

    Attributes:
        names: Ways in which they can be asked.
        fingerprints: For each way and judge.
        asked: Replies judged anew.
        fault: What kept them from judging all; empty where nothing did.
        tally: What it cost.
    """

    def __init__(self, note: Callable[[int], None] | None) -> None:
        self.names: tuple[str, ...] = ()
        self.fingerprints: dict[str, dict[str, str]] = {}
        self.asked = 0
        self.fault = ""
        self.tally = Tally()
        self._faults = 0
        self._note = note

    @property
    def over(self) -> bool:
        """Whether the judge's server failed too often to be asked any more."""
        return self._faults >= _MOST_FAULTS

    async def judgement(
        self, readers: Sequence[Reader], exchange: Exchange, retelling: Retelling
    ) -> Judgement | None:
        """Return what the judges say together; None where a server failed."""
        try:
            said = [await each.judgement(exchange, retelling) for each in readers]
        except ProviderError as error:
            self._faults += 1
            self.fault = self.fault or str(error)
            return None
        self.asked += 1
        if self._note is not None:
            self._note(self.asked)
        return combine(said)


async def _ask(
    again: Again, ways: Sequence[_Way], note: Callable[[int], None] | None
) -> _Asked:
    bench = _Asked(note)
    plan = again.plan
    targets = {name: again.manifest.models[name].info(name) for name in plan.models}
    async with AsyncExitStack() as stack:
        readers, slots = [], []
        for name in plan.judges:
            alone = replace(plan, judges=(name,), second_judge=None)
            ready = await stack.enter_async_context(lone_judge(alone, targets))
            own = {} if ready.info is None else {name: ready.info}
            reuse = Reuse(alone, again.store, own, ready.tally)
            readers.append(
                Reader(again.store, ready.judge, ready.asker.ask, reuse, again.suites)
            )
            slots.append(ready.pace.limit)
            stack.callback(bench.tally.add, ready.tally)
        bench.names = tuple(
            each.name
            for each in RETELLINGS
            if any(each.judge(reader.judge) is not None for reader in readers)
        )
        bench.fingerprints = {
            each.name: {
                reader.judge.name: (
                    each.judge(reader.judge) or reader.judge
                ).fingerprint()
                for reader in readers
            }
            for each in RETELLINGS
            if each.name in bench.names
        }
        free = asyncio.Semaphore(min(slots))

        async def one(way: _Way) -> None:
            while not bench.over:
                count = way.gate.needed(way.state, [place for place, *_ in way.order])
                if not count:
                    return
                batch, way.order = way.order[:count], way.order[count:]
                said = await asyncio.gather(*(about(way, text) for _, text, _ in batch))
                for (place, _, before), (came, judgement) in zip(
                    batch, said, strict=True
                ):
                    if came:
                        way.take(place, judgement, before=before)

        async def about(way: _Way, text: Exchange) -> tuple[bool, Judgement | None]:
            async with free:
                if bench.over:
                    return False, None
                return True, await bench.judgement(readers, text, way.retelling)

        await asyncio.gather(
            *(one(way) for way in ways if way.retelling.name in bench.names)
        )
    return bench
