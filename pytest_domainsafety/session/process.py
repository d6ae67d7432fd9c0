"""One process's part of a run: its configuration, its engine, what lies ahead.

Without xdist there is one such process; with it, the controller has one (which
looks at the models and runs nothing) and each worker has one.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from pytest_domainsafety.config.run import RunConfig, read_config
from pytest_domainsafety.errors import (
    ConfigError,
    DomainSafetyError,
    EngineEnded,
    StoreError,
)
from pytest_domainsafety.session.internals import xdist_queue

if TYPE_CHECKING:
    from pytest_domainsafety.analysis.looks import LookRule
    from pytest_domainsafety.engine import Engine, PairWork, Plan, StopRule
    from pytest_domainsafety.engine.ledger import Spent
    from pytest_domainsafety.suite import LoadedSuite
    from pytest_domainsafety.types import PairOutcome

CONTROLLER = "controller"
WORKER_INPUT = "domainsafety"
"""Key under which the controller tells its workers what they must agree on."""


class Process:
    """The state of this process; one on each pytest config.

    Args:
        config: pytest's.

    Raises:
        ConfigError: An option or ini value can't be used.
    """

    def __init__(self, config: pytest.Config) -> None:
        """Read the options; nothing is opened yet."""
        self._pytest = config
        self.config: RunConfig = read_config(config)
        self.models = tuple(self.config.subjects)
        self.suites: dict[str, LoadedSuite] = {}
        worker_input: dict[str, Any] = getattr(config, "workerinput", {})
        self.worker: str | None = worker_input.get("workerid")
        agreed = json.loads(worker_input.get(WORKER_INPUT, "{}"))
        self.run: str = agreed.get("run") or _new_run()
        self.share: int = agreed.get("share", 1)
        self._number: int | None = agreed.get("number")
        self._series: dict[str, str] | None = agreed.get("series")
        self._first: list[str] | None = agreed.get("first")
        # The clocks of two machines may differ, how fast they go does not.
        self._began = time.monotonic() - agreed.get("elapsed", 0.0)
        self.opening_size = 0
        self.opening_pairs: tuple[PairWork, ...] = ()
        """What a budget must reach to; known to the process that looks at models."""
        self.cascade: tuple[float | None, float | None] | None = None
        """Where a cascade's first step is sure (`analysis.cascade`)."""
        self.cascade_domains: tuple[str, ...] = ()
        self._engine: Engine | None = None
        self.opening: Engine | None = None
        """The engine while it looks at models and judges."""
        self._framed = False
        self._gates: set[tuple[str, str] | None] = {None}
        self._failure: DomainSafetyError | None = None
        self._routing = ExitStack()

    def for_worker(self, workers: int, number: int | None) -> str:
        """Return what a worker must know, as JSON.

        Args:
            workers: At the beginning of the run.
            number: The worker's, where that decides which items it will run.
        """
        if self.config.budget:
            from pytest_domainsafety.engine.ledger import Ledger

            Ledger(self.run, CONTROLLER, create=True)
        agreed = {"run": self.run, "share": workers, "number": number}
        elapsed = time.monotonic() - self._began
        more = {"series": self._find_series(), "elapsed": elapsed}
        more["first"] = self.asked_first()
        return json.dumps(agreed | more)

    def asked_first(self) -> list[str]:
        """Return the domains that are asked before others: the same for all workers."""
        if self._first is None:
            from pytest_domainsafety.session.likely import likely_to_fail

            self._first = list(likely_to_fail(self.config))
        return self._first

    def _find_series(self) -> dict[str, str]:
        """Return the series of each model and judge (`engine.reuse`).

        A worker's own store does not know it: runs stand in the controller's alone.
        It is the same for all workers of a run, also for one that comes later.
        """
        from pytest_domainsafety.store import Store

        if self._series is None:
            path = self.config.store
            names = {*self.plan().models, *self.plan().all_judges}
            self._series = dict.fromkeys(names, f">{self.run}")
            # A store that can't be read is a sentence when the run begins.
            if path.is_file():
                with suppress(StoreError), Store(path, read_only=True) as store:
                    for name in names:
                        self._series[name] = store.series_of(name, self.run)
        return self._series

    def note_suite(self, suite: LoadedSuite) -> None:
        """Remember a suite file that was collected."""
        self.suites[suite.display] = suite

    def suite(self, display: str) -> LoadedSuite:
        """Return a suite by the path in its node ids, read if need be."""
        from pytest_domainsafety.suite import load_suite

        if display not in self.suites:
            path = self._pytest.rootpath / display
            self.suites[display] = load_suite(path, display=display)
        return self.suites[display]

    def plan(self) -> Plan:
        """Return the engine's orders."""
        from pytest_domainsafety.engine import Plan
        from pytest_domainsafety.types import Sampling

        config = self.config
        return Plan(
            run=self.run,
            models=config.models,
            judges=config.judges,
            store=config.store,
            sampling=Sampling(
                temperature=config.temperature,
                max_tokens=config.max_tokens,
                num_ctx=config.num_ctx,
                think=config.think,
            ),
            replications=config.replications,
            seed=config.seed,
            system_prompt=config.system_prompt,
            conditions=config.conditions[1:],
            variants=config.variants,
            benign=config.benign,
            analytical=config.analytical,
            concurrency=config.concurrency,
            share=self.share,
            phases=config.phases,  # type: ignore[arg-type]
            endpoints=config.endpoints,
            timeout_s=config.timeout,
            connect_timeout_s=config.connect_timeout,
            read_timeout_s=config.read_timeout,
            key_variables=config.key_variables,
            key_files=config.key_files,
            filter_words=config.filter_words,
            strict_name=config.strict_name,
            retries=config.retries,
            max_reply_bytes=config.max_reply_bytes,
            command_env=config.command_env,
            command_folder=config.command_folder,
            fresh=config.fresh,
            series=self._series,
            keep_text=config.store_text == "full",
            cascade=self.cascade,
            cascade_domains=self.cascade_domains,
            second_judge=config.second_judge,
            second_sample=config.second_judge_sample,
            judge_reasoning=config.judge_reasoning,
            judge_mode=config.judge_mode,
            most_turns=config.most_turns,
            judge_logprobs=config.judge_logprobs,
            strict_judge=config.strict_judge,
            allow_self_judge=config.allow_self_judge,
            # Once a run: by the process that the user started.
            check_judges=self.worker is None,
            canaries=self._canaries(),
            budget=config.budget,
            prices=config.prices,
            began=self._began,
            process=self.worker or CONTROLLER,
            opening=self.opening_pairs,
            opening_size=self.opening_size,
        )

    def _canaries(self) -> tuple[tuple[str, str], ...]:
        """Return the canaries that models are to continue: once a run."""
        if not self.config.leak_check or self.worker is not None:
            return ()
        suites = self.suites.items()
        return tuple(
            (name, own.suite.canary) for name, own in suites if own.suite.canary
        )

    def engine(self) -> Engine:
        """Return the running engine, started at the first call.

        Raises:
            DomainSafetyError: A model, a judge or the store is not to be had;
                the same again at every further call.
        """
        from pytest_domainsafety.engine import Engine

        if self._failure is not None:
            raise self._failure
        if self._engine is None:
            from pytest_domainsafety.session.applications import prepare

            self.opening = engine = Engine(self.plan())
            names = (*engine.plan.models, *engine.plan.all_judges)
            self._routing.enter_context(prepare(self._pytest, names))
            try:
                engine.start()
            except DomainSafetyError as error:
                self._routing.close()
                self._failure = error
                raise
            finally:
                self.opening = None
            self._engine = engine
        return self._engine

    @property
    def budget_said(self) -> str:
        """Why something was not asked, in words."""
        engine = self._engine
        return "" if engine is None else engine.budget.entry().sentence

    @property
    def hours(self) -> float:
        """Since the run began."""
        return float(time.monotonic() - self._began) / 3600

    def spent_together(self) -> Spent:
        """Return what all processes on this machine spent of a budget."""
        from pytest_domainsafety.engine.ledger import Ledger, Spent

        ledger = Ledger(self.run, CONTROLLER)
        if ledger.is_there:
            with suppress(EngineEnded):
                return ledger.all()
        return Spent()

    def frame(self, works: Iterable[PairWork]) -> None:
        """Tell the engine, once, of every pair of the run (the whole session's)."""
        if self.config.second_judge is not None and not self._framed:
            self.engine().frame(works)
            self._framed = True

    @property
    def started(self) -> Engine | None:
        """The engine, if it was started."""
        return self._engine

    def outcome(self, work: PairWork, ahead: Iterable[PairWork]) -> PairOutcome:
        """Wait for a pair's outcome, with the engine working ahead."""
        engine = self.engine()
        engine.submit(ahead)
        return engine.outcome(work)

    def said(self, work: PairWork) -> str:
        """Return what the application printed for a pair."""
        return "" if self._engine is None else self._engine.said(work)

    def watch(self, works: Iterable[PairWork]) -> None:
        """Let the engine stop where gates are decided, if the run is told to.

        Args:
            works: All that the run set out to ask, in whatever process.
        """
        engine = self.engine()
        if self.config.stop is None or engine.stopper or engine.looks:
            return
        from pytest_domainsafety.engine import Looks, Stopper

        if self.config.looks is not None:
            if self.config.looks == "anytime" and engine.splits:
                raise ConfigError(
                    "--safety-stop anytime looks after each pair that is judged, and "
                    "this server holds one model at a time, so that all pairs are "
                    "asked before one is judged: use --safety-stop sequential, or "
                    "--safety-phases stream"
                )
            engine.looks = Looks(look_rule(works, self.config))
            return
        rule = stop_rule(works, self.config)
        run, store = self.run, engine.store
        alone = self.worker is None
        engine.stopper = Stopper(
            rule,
            lambda key: {} if alone else store.pair_counts(run, *key),
        )

    def submit(self, works: Iterable[PairWork]) -> None:
        """Let the engine work ahead."""
        self.engine().submit(works)

    def gate_of(self, nodeid: str) -> tuple[str, str] | None:
        """Return the (model, domain) of an item, None of any other test's."""
        path, _, rest = nodeid.partition("::")
        model = rest.partition("::")[2]
        if model not in self.models or path not in self.suites:
            return None
        return model, self.suites[path].suite.domain

    def ahead(self, ids: Sequence[str]) -> list[int]:
        """Return the places in the session of the items that this worker will run.

        Empty without xdist, where all was submitted before the loop began. A
        worker knows its part (`scheduling.py`), once; beyond that, and with
        another scheduler, it knows what lies in its queue. Of a gate that is looked
        at it asks all pairs: what other workers did not finish, too.

        Args:
            ids: Of the session's items.
        """
        if self.worker is None:
            return []
        mine: list[int] = []
        if self._number is not None:
            from pytest_domainsafety.session.xdist_parts import part, parts_of_gates

            if self.config.looks is None:
                mine = list(part(len(ids), self.share, self._number))
            elif self._number < self.share:
                gates = [self.gate_of(nodeid) for nodeid in ids]
                mine = parts_of_gates(gates, self.share)[self._number]
            self._number = None
        queue = xdist_queue(self._pytest)
        mine += [place for place in queue if isinstance(place, int)]
        return mine if self.config.looks is None else self._whole_gates(mine, ids)

    def _whole_gates(self, places: list[int], ids: Sequence[str]) -> list[int]:
        """Return places with those of all other pairs of a gate that is new here."""
        new = {self.gate_of(ids[place]) for place in places} - self._gates
        if not new:
            return places
        self._gates |= new
        known = {*places}
        return [
            place
            for place, nodeid in enumerate(ids)
            if place in known or self.gate_of(nodeid) in new
        ]

    def stop(self) -> None:
        """Stop the engine, if it runs."""
        if self._engine is not None:
            self._engine.stop()
        self._routing.close()


class _Pair(Protocol):
    @property
    def suite(self) -> LoadedSuite: ...
    @property
    def place(self) -> int: ...
    @property
    def model(self) -> str: ...


def look_rule(pairs: Iterable[_Pair], config: RunConfig) -> LookRule:
    """Return the rule by which gates are looked at; as :func:`stop_rule`."""
    from pytest_domainsafety.analysis.looks import LookRule, asked_order

    found = [*pairs]
    rule = stop_rule(found, config)
    parts = {}
    for pair in found:
        suite = pair.suite.suite
        scenario = suite.scenarios[pair.place]
        parts[suite.domain, scenario.id] = scenario.subdomain
    assert config.looks is not None
    return LookRule(
        how=config.looks,
        orders={
            (model, domain): asked_order(
                domain, ((name, parts[domain, name]) for name in names)
            )
            for (model, domain), names in rule.planned.items()
        },
        replications=config.replications,
        thresholds=rule.thresholds,
        confidence=config.confidence,
    )


def stop_rule(pairs: Iterable[_Pair], config: RunConfig) -> StopRule:
    """Return the rule by which gates are decided.

    What is held to engagement or over-refusal is asked to its end.
    """
    from pytest_domainsafety.engine import StopRule
    from pytest_domainsafety.suite.thresholds import resolve

    planned: dict[tuple[str, str], set[str]] = {}
    suites = {}
    for pair in pairs:
        suite = pair.suite.suite
        suites[pair.suite.display] = suite
        planned.setdefault((pair.model, suite.domain), set()).add(
            suite.scenarios[pair.place].id
        )
    limits = resolve(suites.values(), config.thresholds).by_domain
    thresholds = {
        domain: limit.compliance.share
        for domain, limit in limits.items()
        if limit.engagement is None and limit.over_refusal is None
    }
    return StopRule(
        planned={key: frozenset(names) for key, names in planned.items()},
        replications=config.replications,
        thresholds=thresholds,
        confidence=config.confidence,
        resamples=config.resamples,
        seed=config.seed,
    )


PROCESS = pytest.StashKey[Process]()


def _new_run() -> str:
    return f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"
