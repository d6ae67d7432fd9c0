"""A stored run judged again, as a run of its own with results of its own."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from pytest_domainsafety.analysis import build_results, judge_agreement
from pytest_domainsafety.analysis.agreement import cell_of
from pytest_domainsafety.analysis.leaks import leak_notes
from pytest_domainsafety.engine import Plan, judge_warnings
from pytest_domainsafety.engine.alone import lone_judge
from pytest_domainsafety.engine.conversation import turns_of, whole
from pytest_domainsafety.engine.judges import check_judges, kin_of
from pytest_domainsafety.engine.notes import asking_notes
from pytest_domainsafety.engine.reuse import Reuse
from pytest_domainsafety.engine.tally import Tally
from pytest_domainsafety.errors import ConfigError, ProviderError
from pytest_domainsafety.judging.coherence import coherence_notes
from pytest_domainsafety.judging.evidence import evidence_notes
from pytest_domainsafety.providers.base import reply_kind
from pytest_domainsafety.runs.comparisons import hold_to_baseline
from pytest_domainsafety.runs.owed import owed
from pytest_domainsafety.runs.reader import Reader, awaits_a_judge
from pytest_domainsafety.runs.retold import Again, ask_again
from pytest_domainsafety.runs.sources import (
    Source,
    load_manifest,
    manifest_of,
    open_records,
    own_results,
    policy_of,
    settings_of,
    stopped_of,
)
from pytest_domainsafety.store import Exchange, Store
from pytest_domainsafety.suite import LoadedSuite
from pytest_domainsafety.types import (
    JudgeEntry,
    Judgement,
    JudgeMode,
    Manifest,
    ModelInfo,
    Record,
    Results,
    Scores,
    StoppedEntry,
    SuiteEntry,
)


def rejudge_run(
    source: Source,
    judge: str,
    suites: Mapping[str, LoadedSuite],
    options: Mapping[str, Any],
) -> Results:
    """Judge a run of a store again, and keep what comes of it in the same store.

    Args:
        source: The run.
        judge: As typed.
        suites: By domain.
        options: ``endpoint``, ``key_variable``, ``key_file``, ``concurrency``,
            ``timeout``, ``fresh``, ``judge_mode`` (None for the run's own),
            ``strict_judge``, ``allow_self_judge``, ``rewordings`` and
            ``judge_robust``.

    Returns:
        The new run's results, by the old one's settings and thresholds, with the
        agreement of the two judges; ``run.failed_judgements`` counts the
        replies whose judge failed.

    Raises:
        DomainSafetyError: Store, judge or suite can't be used.
    """
    assert source.run is not None
    with Store(source.path, create=False) as store:
        manifest = manifest_of(str(source), store.run(source.run)["manifest"])
        own = own_results(source)
        # Of planned looks the confidence stays; how one ended was another judge's.
        looked = () if own is None else [e for e in own.run.stopped if e.look or e.plan]
        manifest = manifest.with_(
            stopped=[entry.with_(decision=None).as_json() for entry in looked]
        )
        plan = Plan(
            run=new_run_name(source.run),
            models=tuple(manifest.models),
            judges=(judge,),
            store=source.path,
            seed=42 if manifest.sampling.seed is None else manifest.sampling.seed,
            concurrency=options["concurrency"],
            endpoints=tuple(options["endpoint"]),
            key_variables=tuple(options["key_variable"]),
            key_files=tuple(options["key_file"]),
            timeout_s=options["timeout"],
            fresh=options["fresh"],
            judge_mode=options["judge_mode"] or _mode_of(manifest),
            strict_judge=options["strict_judge"],
            allow_self_judge=options["allow_self_judge"],
        )
        rejudged = judge_again(store, source.run, plan, suites, manifest)
        new = manifest.with_(
            run=plan.run,
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            kind="rejudge",
            rejudged_from=source.run,
            judges={judge: rejudged.judge},
            second_judge={},
            cascade=None,
            retold=None,
            anchors={},
            **_no_tables(manifest),
            judge_reasoning=False,
            suites=_with_rubrics(manifest.suites, suites),
            cost=rejudged.tally.cost(),
            served=manifest.served | rejudged.tally.served,
            **_adapted(manifest, rejudged.tally),
            failed_judgements=len(rejudged.failed),
            unmeasured=manifest.unmeasured if _lost(rejudged.records) else (),
        )
        results = _results(source, new, rejudged)
        # What the run's gates were held to holds for those of another judge.
        gate = options["judge_robust"] or _is_robust(manifest)
        if options["rewordings"] or gate:
            new = _in_other_words(
                store, source, plan, suites, results, rejudged, gate=gate
            )
            results = _results(source, new, rejudged)
        store.begin_run(plan.run, new)
        store.keep_records(rejudged.records)
        store.finish_run(plan.run, results.model_dump(mode="json", by_alias=True))
    return results


def judge_of(source: Source) -> str:
    """Return the one judge of a run.

    Raises:
        ConfigError: It had none, or several.
    """
    names = list(load_manifest(source).judges)
    if len(names) != 1:
        who = f"{len(names)} judges ({', '.join(names)})" if names else "no judge"
        raise ConfigError(f"{source}: its run had {who}; name one with --judge")
    return names[0]


def _in_other_words(
    store: Store,
    source: Source,
    plan: Plan,
    suites: Mapping[str, LoadedSuite],
    results: Results,
    rejudged: Rejudged,
    *,
    gate: bool,
) -> Manifest:
    """Return the manifest with what the judge says in other words."""
    assert source.run is not None
    if any(estimate.plan for estimate in results.domains):
        raise ConfigError(
            f"{source}: its gates were looked at before all was asked (--safety-stop), "
            "and what the judge says in other words is held to limits without looks: "
            "leave --rewordings and --judge-robust out"
        )
    # Its run has no place in the store before it has ended.
    again = Again(
        store,
        source.run,
        replace(plan, run=f"{source.run}-again"),
        suites,
        results.run,
        gate,
    )
    records = [record for record, _ in rejudged.records]
    entry, tally = ask_again(again, records, results, settings_of(results.run))
    rejudged.tally.add(tally)
    return results.run.with_(retold=entry.as_json(), cost=rejudged.tally.cost())


def _mode_of(manifest: Manifest) -> JudgeMode:
    """Return how the run was judged, so that another judge is compared in the same.

    Judges that quote nothing in any mode (a guard model, word cues) may be among them.
    """
    modes = {entry.mode for entry in manifest.judges.values()}
    return "evidence" if "evidence" in modes else "holistic"


def _is_robust(manifest: Manifest) -> bool:
    """Whether the run's gates were held to the widest limit over ways of asking."""
    return manifest.retold is not None and manifest.retold.gate


def _adapted(manifest: Manifest, tally: Tally) -> dict[str, Any]:
    """Return what servers would not take, then and now; nothing where there is none."""
    adapted = manifest.adapted | tally.adapted
    return {"adapted": adapted} if adapted else {}


def _no_tables(manifest: Manifest) -> dict[str, Any]:
    """Return labels that tell nothing yet: this judge's error is another one."""
    labels = manifest.labels
    return {} if labels is None else {"labels": labels.told_nothing().as_json()}


def _lost(rows: Iterable[tuple[Record, str]]) -> bool:
    """Whether there are replies that nobody can judge, since they never came."""
    return any(record.status == "error" for record, _ in rows)


def _results(
    source: Source,
    manifest: Manifest,
    rejudged: Rejudged,
) -> Results:
    failed = rejudged.failed
    records = [record for record, _ in rejudged.records]
    settings = settings_of(manifest)
    before = list(open_records([source]))
    results = build_results(
        records,
        settings,
        policy_of(own_results(source), manifest),
        manifest,
        stopped=stopped_of(Results(run=manifest)),
    )
    results = hold_to_baseline(results, [(manifest, own_results(source))])
    agreement = judge_agreement(before, records, settings)
    names = [next((r.judge for r in side if r.judge), "") for side in (before, records)]
    warnings = [
        *judge_warnings(manifest.judges),
        *asking_notes(rejudged.tally),
        *leak_notes(manifest.leaks),
        *coherence_notes(records),
        *evidence_notes(records),
        *results.warnings,
    ]
    if manifest.baseline is not None:
        warnings.append(
            "the comparison with a baseline is not measured: that was judged by "
            "another; domainsafety analyze --baseline compares with one by this judge"
        )
    if failed:
        warnings.insert(0, f"{len(failed)} replies could not be judged: {failed[0]}")
    summary = {"judges": names, "confidence": settings.confidence} | agreement
    return results.model_copy(
        update={
            "agreement": summary if agreement["overall"]["n"] else None,
            "warnings": tuple(warnings),
        }
    )


def _with_rubrics(
    suites: Mapping[str, SuiteEntry], used: Mapping[str, LoadedSuite]
) -> dict[str, SuiteEntry]:
    """Return the manifest's suites with the rubrics that were used this time."""
    return {
        display: entry.with_(rubric=used[entry.domain].rubric_hash)
        if entry.domain in used
        else entry
        for display, entry in suites.items()
    }


_NO_SCORES: dict[str, Any] = {
    "harm_identification": None,
    "refusal": None,
    "guidance": None,
    "markers": {},
    "expected": None,
}


@dataclass(frozen=True, slots=True)
class Rejudged:
    """What judging again came to.

    Attributes:
        records: All of the run, under its new name, with the keys of their replies.
        judge: What is known of the judge, for the manifest.
        tally: What it cost.
        failed: A sentence on each reply whose judge's server failed.
    """

    records: list[tuple[Record, str]]
    judge: JudgeEntry
    tally: Tally
    failed: list[str]


def judge_again(
    store: Store,
    run: str,
    plan: Plan,
    suites: Mapping[str, LoadedSuite],
    manifest: Manifest,
) -> Rejudged:
    """Judge every answered reply of a run again; nothing is generated.

    Args:
        store: Holds the run, and keeps the judgements as they come: broken off
            and begun again, nothing is asked twice.
        run: The run that is judged again.
        plan: Its one judge, its run's new name, and how to ask.
        suites: By domain, for the rubrics.
        manifest: Of the old run, for the models under test.

    Raises:
        ConfigError: The judge can't be used, or a domain has no suite.
        ProviderError: The judge is not to be had.
        StoreError: The store can't be used, or holds hashes alone.
    """
    with asyncio.Runner() as runner:
        return runner.run(_judge_again(store, run, plan, suites, manifest))


async def _judge_again(
    store: Store,
    run: str,
    plan: Plan,
    suites: Mapping[str, LoadedSuite],
    manifest: Manifest,
) -> Rejudged:
    (name,) = plan.judges
    _check_suites(store.records(run), suites)
    async with lone_judge(plan, _targets(plan, manifest)) as ready:
        judge, asker = ready.judge, ready.asker
        # Its run has no place in the store before it has ended.
        again = replace(plan, run=f"{run}-again")
        own = {} if ready.info is None else {name: ready.info}
        reuse = Reuse(again, store, own, ready.tally)
        checked = await check_judges(plan, [judge], asker.ask, store, reuse)
        facts: dict[str, Any] = {
            "fingerprint": judge.fingerprint(),
            "kin": kin_of(plan, ready.infos, name),
        }
        entry = JudgeEntry.model_validate(facts)
        if ready.info is not None:
            facts["canaries"] = checked[name]
            if plan.quotes(name):
                facts["mode"] = "evidence"
            entry = JudgeEntry.of(ready.info, ready.window, **facts)
        reader = Reader(store, judge, asker.ask, reuse, suites)
        bench = _Bench(plan, reader, manifest)
        records = await bench.all_of(run, ready.pace.limit)
    return Rejudged(records, entry, ready.tally, bench.failed)


class _Bench:
    """Judges exchanges, so many at a time."""

    def __init__(
        self,
        plan: Plan,
        reader: Reader,
        manifest: Manifest,
    ) -> None:
        self._reader = reader
        self.failed: list[str] = []
        self._manifest = manifest
        self._looked = manifest.stopped
        self._plan = plan
        self._store = reader.store
        self._judge = reader.judge

    async def all_of(self, run: str, limit: int) -> list[tuple[Record, str]]:
        """Return a run's records judged again; those never answered as they are."""
        judged: dict[tuple[Any, ...], tuple[Record, str]] = {}
        waiting: set[asyncio.Task[None]] = set()

        async def judge_exchange(exchange: Exchange) -> None:
            record = await self.record(exchange)
            judged[cell_of(record)] = (record, exchange.request_key)

        for exchange in self._store.exchanges(run):
            if len(waiting) >= limit:
                done, waiting = await asyncio.wait(
                    waiting, return_when=asyncio.FIRST_COMPLETED
                )
                for task in done:
                    task.result()
            waiting.add(asyncio.create_task(judge_exchange(exchange)))
        await asyncio.gather(*waiting)
        before = list(self._store.records(run))
        before += _not_there(before, self._manifest, self._looked)
        return [
            judged.get(cell_of(record), (self._unread(record), "")) for record in before
        ]

    def _unread(self, record: Record) -> Record:
        """Return a record whose reply is not in the store: nobody judged it."""
        record = self._renamed(record)
        if record.status == "error":
            return record
        reason = "its reply is not in the store any more"
        return record.model_copy(
            update=_NO_SCORES | {"status": "error", "reason": reason}
        )

    def _renamed(self, record: Record) -> Record:
        """Return a record as the new run's, without what other judges said."""
        return record.model_copy(
            update={
                "run": self._plan.run,
                "judge": self._judge.name,
                "panel": (),
                "second": None,
                "trace": None,
                "turns": (),
                "contradictions": 0,
                "unproven": 0,
            }
        )

    async def record(self, exchange: Exchange) -> Record:
        """Return one record with the new judge's scores."""
        record = self._renamed(exchange.record)
        if not awaits_a_judge(exchange):
            return record
        kind, reason = reply_kind(exchange.last)
        if kind in ("truncated", "unscored"):  # no answer is there to be judged
            return record.model_copy(
                update=_NO_SCORES | {"status": kind, "reason": reason}
            )
        try:
            said = await self._reader.turns(exchange)
        except ProviderError as error:
            self.failed.append(str(error))
            lost = Judgement(
                judge=self._judge.name, status="unscored", reason=str(error)
            )
            said = [lost] * sum(map(bool, exchange.replies))
        judgement = whole([said])
        scores = Scores.of(judgement).model_dump(exclude={"judge"})
        status = "scored" if judgement.status == "scored" else "unscored"
        return record.model_copy(
            update=scores
            | {
                "status": status,
                "expected": judgement.expected,
                "contradictions": sum(one.contradictions for one in said),
                "unproven": sum(one.unproven for one in said),
                "turns": turns_of([said], exchange.last, len(exchange.prompt)),
            }
        )


def _not_there(
    records: Iterable[Record], manifest: Manifest, stopped: Iterable[StoppedEntry]
) -> Iterator[Record]:
    """Yield an error for each interaction that the old run owed and has no record of.

    It was broken off, or skipped it since its gate was decided: by another judge, so
    that decides nothing here. What a planned look left out stays out: all pairs were
    asked as often.
    """
    looked = {
        (entry.model, entry.domain, scenario)
        for entry in stopped
        for scenario in entry.replies
    }
    by_pair: dict[tuple[str, str, str], Record] = {}
    seen = set()
    for record in records:
        seen.add(cell_of(record))
        by_pair.setdefault((record.model, record.domain, record.scenario), record)
    for place in owed(manifest):
        if place in seen or place[:3] in looked:
            continue
        model, domain, scenario, framing, variant, replication = place
        sibling = by_pair.get((model, domain, scenario))
        yield Record(
            model=model,
            domain=domain,
            subdomain=sibling.subdomain if sibling else "",
            scenario=scenario,
            framing=framing,
            variant=variant,
            replication=replication,
            status="error",
            tags=sibling.tags if sibling else (),
            zero_tolerance=sibling.zero_tolerance if sibling else False,
            reason="the run that was judged again has no record of it",
        )


def new_run_name(run: str) -> str:
    """Return a name for a run that judges another one again; never the same twice."""
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    return f"{run}-again-{stamp}-{secrets.token_hex(3)}"


def _check_suites(records: Iterable[Record], suites: Mapping[str, LoadedSuite]) -> None:
    for domain in sorted({record.domain for record in records}):
        if domain not in suites:
            raise ConfigError(
                f"there is no suite of the domain {domain!r}, whose rubric the judge "
                "needs: name its file or folder with --suite"
            )


def _targets(plan: Plan, manifest: Manifest) -> dict[str, ModelInfo]:
    """Return what the old run knew of its models; enough to tell kin by."""
    return {name: manifest.models[name].info(name) for name in plan.models}
