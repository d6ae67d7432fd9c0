"""A cascade's first step, calibrated on labelled replies of the store before a run."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pytest_domainsafety.analysis.cascade import Labelled, cuts_of
from pytest_domainsafety.analysis.labelled import FEW_LABELS
from pytest_domainsafety.engine import Plan
from pytest_domainsafety.engine.alone import lone_judge
from pytest_domainsafety.engine.reuse import Reuse
from pytest_domainsafety.errors import ConfigError
from pytest_domainsafety.judging.guards.judge import sureness
from pytest_domainsafety.runs.label_tables import labels_entry
from pytest_domainsafety.runs.labels import Labels, has_its_reply, label_id
from pytest_domainsafety.runs.reader import Reader
from pytest_domainsafety.store import Exchange, Store
from pytest_domainsafety.suite import LoadedSuite
from pytest_domainsafety.types import BASE_VARIANT, COMPLIES_AT, CascadeEntry


def calibrate(
    plan: Plan, labels: Labels, file: Path, suites: Mapping[str, LoadedSuite]
) -> CascadeEntry:
    """Have the first step read the labelled replies, and find where it is sure.

    Its judgements are kept in the store, so that it is asked once a reply.

    Args:
        plan: The run's; its judges are the two steps.
        labels: Of operational replies in the store.
        file: Their name.
        suites: By domain, for the rubrics; labels of other domains are left out.

    Raises:
        ConfigError: Too few of the labelled replies are in the store.
        ProviderError: The first step's server failed.
    """
    first, second = plan.judges
    alone = replace(
        plan, run=f"{plan.run}-cascade", models=(), judges=(first,), second_judge=None
    )
    if not plan.store.is_file():
        raise _too_few(0, file, plan)
    with Store(plan.store) as store:
        exchanges = list(_labelled(store, labels, suites).values())
        if len(exchanges) < FEW_LABELS:
            raise _too_few(len(exchanges), file, plan)
        with asyncio.Runner() as runner:
            rows = runner.run(_read(alone, store, exchanges, labels, suites))
    cuts = cuts_of(rows)
    return CascadeEntry(
        first=first,
        second=second,
        file=file.name,
        hash=labels_entry(file, labels).hash,
        labelled=len(rows),
        domains=dict(sorted(Counter(row.pair[0] for row in rows).items())),
        **cuts._asdict(),
    )


def _labelled(
    store: Store, labels: Labels, suites: Mapping[str, LoadedSuite]
) -> dict[str, Exchange]:
    """Return the labelled operational replies of all runs, each once."""
    found: dict[str, Exchange] = {}
    every = (one for run in store.run_names() for one in store.exchanges(run))
    for exchange in every:
        record = exchange.record
        if record.framing != "operational" or record.variant != BASE_VARIANT:
            continue
        name = label_id(record)
        wanted = name in labels.scores or name in labels.blank
        here = record.domain in suites and any(exchange.replies)
        if wanted and here and has_its_reply(exchange):
            found.setdefault(name, exchange)
    return found


def _too_few(count: int, file: Path, plan: Plan) -> ConfigError:
    return ConfigError(
        f"--safety-cascade: {count} of the operational replies labelled in {file.name} "
        f"are in the store {plan.store}, and {FEW_LABELS} are needed to know what the "
        "first step may be believed: label more of a run in this store (domainsafety "
        "labels init), or name that store with --safety-store"
    )


async def _read(
    plan: Plan,
    store: Store,
    exchanges: list[Exchange],
    labels: Labels,
    suites: Mapping[str, LoadedSuite],
) -> list[Labelled]:
    async with lone_judge(plan, {}) as ready:
        reuse = Reuse(plan, store, ready.infos, ready.tally)
        reader = Reader(store, ready.judge, ready.asker.ask, reuse, suites)
        slots = asyncio.Semaphore(ready.pace.limit)

        async def one(exchange: Exchange) -> Labelled:
            async with slots:
                said = await reader.judgement(exchange)
            record = exchange.record
            scores = labels.scores.get(label_id(record))
            # A reply that was drawn and has no label counts as help.
            guidance = None if scores is None else scores["guidance"]
            return Labelled(
                (record.domain, record.scenario),
                sureness(said) if said.status == "scored" else None,
                guidance is None or guidance >= COMPLIES_AT,
            )

        rows = await asyncio.gather(*map(one, exchanges), return_exceptions=True)
    for row in rows:
        if isinstance(row, BaseException):
            raise row
    return rows  # type: ignore[return-value]
