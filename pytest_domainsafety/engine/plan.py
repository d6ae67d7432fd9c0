"""What a run asks for: the plan, its units of work, their seeds and keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pytest_domainsafety.config.guards import is_guard
from pytest_domainsafety.config.prices import Prices
from pytest_domainsafety.providers.base import MAX_REPLY_BYTES
from pytest_domainsafety.subjects import Condition, Subject, subjects_of
from pytest_domainsafety.suite import LoadedSuite
from pytest_domainsafety.text import fingerprint
from pytest_domainsafety.types import (
    BASE_VARIANT,
    ChatRequest,
    Interaction,
    JudgeMode,
    ModelInfo,
    Sampling,
    ScenarioPair,
)

EMPTY_TRIES = 3
"""Independent tries before an empty answer is a silent refusal (study §3.3)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that the engine needs to know about a run.

    Attributes:
        run: The run's name in the store.
        models: The models under test, as typed.
        judges: The judges, as typed.
        sampling: For the models under test; its num_ctx None means worked out.
        replications: Samples of each prompt.
        seed: From which each request's seed is derived.
        system_prompt: For the models under test.
        conditions: Further system prompts under which each of them is asked.
        variants: Which variants run too: names, or all or none of them.
        benign: Whether the benign twins are asked too.
        analytical: Whether the models are asked to identify harms.
        concurrency: Requests in flight; `auto` finds it, None takes the
            provider's default.
        share: In how many processes the run goes on; each takes its part of
            the concurrency.
        phases: `auto`, `split` or `stream`.
        endpoints: Base addresses of the server; empty for the default.
        timeout_s: For one request.
        connect_timeout_s: For a connection.
        read_timeout_s: For a server's silence; None allows all of `timeout_s`.
        key_variables: Variables that hold keys, perhaps as ``PROVIDER=NAME``.
        key_files: Files that hold keys, likewise.
        filter_words: By what else a provider's content filter is known.
        strict_name: Whether a server must answer under the name that was asked for.
        retries: Further tries after a fault that may go away.
        backoff_s: Wait before the first retry; doubles.
        max_reply_bytes: Of one answer at most.
        command_env: Variables that programs get (`providers.command`).
        command_folder: Where they run; None gives each an empty folder.
        store: The store's file.
        fresh: Whether to ask again for what the store has.
        cascade: Harm up to which the first judge's word alone is that a reply is safe,
            and from which that it helps (`analysis.cascade`); the second judge reads
            the others. None for no cascade: all judges read all.
        cascade_domains: Where that was found out: elsewhere the second one reads all.
        second_judge: Reads a sample of what the judges scored; None for none.
        second_sample: Replies a domain that it reads.
        judge_reasoning: Whether reasoning traces are judged too.
        judge_mode: How judges that are models judge.
        most_turns: Turns of a conversation that escalates after refusals; 0 where
            the turns are those that the suites have.
        judge_logprobs: Whether judges are asked for the digits' probabilities.
        strict_judge: Whether a judge that fails its canaries ends the run.
        allow_self_judge: Whether a model may judge itself.
        check_judges: Whether judges are asked about the canaries.
        canaries: (suite file, its canary) that models are asked to continue.
        series: Model or judge → the series of this run (`engine.reuse`), where
            another process has looked it up; None: to be looked up in the store.
        keep_text: Whether the store keeps prompts and replies, or hashes alone.
        budget: What may be spent, by kind; empty for no limit.
        prices: The user's; None where he named none.
        began: When the run began, on this process's monotonic clock.
        process: What tells this process from the others of the run.
        opening: Pairs of the first gate, of which `opening_size` must fit into the
            budget, else nothing is asked.
        opening_size: Those of the first look; 1 where none is planned.
    """

    run: str
    models: tuple[str, ...]
    judges: tuple[str, ...]
    store: Path
    sampling: Sampling = field(default_factory=Sampling)
    replications: int = 3
    seed: int = 42
    system_prompt: str | None = None
    conditions: tuple[Condition, ...] = ()
    variants: bool | tuple[str, ...] = False
    benign: bool = False
    analytical: bool = True
    concurrency: int | Literal["auto"] | None = None
    share: int = 1
    phases: Literal["auto", "split", "stream"] = "auto"
    endpoints: tuple[str, ...] = ()
    timeout_s: float = 600.0
    connect_timeout_s: float = 10.0
    read_timeout_s: float | None = None
    key_variables: tuple[str, ...] = ()
    key_files: tuple[str, ...] = ()
    filter_words: tuple[str, ...] = ()
    strict_name: bool = False
    retries: int = 3
    backoff_s: float = 0.5
    max_reply_bytes: int = MAX_REPLY_BYTES
    command_env: tuple[str, ...] = ()
    command_folder: Path | None = None
    fresh: bool = False
    series: Mapping[str, str] | None = None
    keep_text: bool = True
    cascade: tuple[float | None, float | None] | None = None
    cascade_domains: tuple[str, ...] = ()
    second_judge: str | None = None
    second_sample: int = 20
    judge_reasoning: bool = False
    judge_mode: JudgeMode = "holistic"
    most_turns: int = 0
    judge_logprobs: bool = False
    strict_judge: bool = False
    allow_self_judge: bool = False
    check_judges: bool = False
    canaries: tuple[tuple[str, str], ...] = ()
    budget: Mapping[str, float] = field(default_factory=dict)
    prices: Prices | None = None
    began: float = 0.0
    process: str | None = None
    opening: tuple[PairWork, ...] = ()
    opening_size: int = 0

    def quotes(self, judge: str) -> bool:
        """Whether a judge that is a model proves by quotes: guards have their own."""
        return self.judge_mode == "evidence" and not is_guard(judge)

    @property
    def all_judges(self) -> tuple[str, ...]:
        """Return the judges, the second one last."""
        second = () if self.second_judge is None else (self.second_judge,)
        return (*self.judges, *second)

    @property
    def subjects(self) -> dict[str, Subject]:
        """What is gated, by name: each model under each condition."""
        conditions = (Condition("", self.system_prompt), *self.conditions)
        subjects = subjects_of(self.models, conditions)
        return {subject.name: subject for subject in subjects}


class PairWork(NamedTuple):
    """One item's work: a scenario pair on a model, under one of the conditions.

    Attributes:
        model: Names the condition, too (`subjects`).
    """

    key: str
    suite: LoadedSuite
    place: int
    model: str

    @property
    def pair(self) -> ScenarioPair:
        """The scenario pair."""
        return self.suite.suite.scenarios[self.place]


Cell = Interaction

_PARTS = ("provider", "digest", "messages", "sampling", "seed")
"""Of a request in the store, what its key is made of, in this order."""


def cells(pair: ScenarioPair, plan: Plan) -> Iterator[Cell]:
    """Yield a pair's interactions in a fixed order."""
    return pair.interactions(
        plan.replications,
        variants=plan.variants,
        benign=plan.benign,
        analytical=plan.analytical,
    )


def rewordings(pair: ScenarioPair, cell: Cell, plan: Plan) -> tuple[str, ...]:
    """Return the turns that follow refusals of a prompt, one by one.

    None but of the operational prompt as written, and where that has one turn.
    """
    if (cell.framing, cell.variant) != ("operational", BASE_VARIANT):
        return ()
    if len(pair.turns(cell.framing)) > 1:
        return ()
    return pair.rewordings()[: max(0, plan.most_turns - 1)]


def seed_for(plan: Plan, domain: str, scenario: str, cell: Cell, *more: int) -> int:
    """Return a request's sampling seed: the same in every process and every run.

    Args:
        plan: Its seed is the root.
        domain: Of the scenario.
        scenario: Its id.
        cell: Framing, variant and replication.
        more: Turn and attempt.

    Returns:
        An integer that any server takes (31 bits).
    """
    return seed_from(plan.seed, domain, scenario, *cell, *more)


def seed_from(root: int, *parts: str | int) -> int:
    """Return the seed of :func:`seed_for`, of a run that is over."""
    return int(fingerprint("seed", [root, *parts])[:8], 16) >> 1


def request_key(
    info: ModelInfo,
    request: ChatRequest,
    replication: int,
    series: Sequence[str] = (),
) -> str:
    """Return the key by which a request is known in the store.

    Args:
        info: The model that is asked.
        request: What it is asked.
        replication: Which sample of it.
        series: Of a model that may be another one by now (`engine.reuse`): what was
            answered in another series bears other keys, and is not found.
    """
    parts = [*_request_parts(info, request), replication, *series]
    return fingerprint("request", parts)


def row_key(
    row: Mapping[str, Any], replication: int, series: Sequence[str] = ()
) -> str:
    """Return the key of a request as the store keeps it; see :func:`request_key`.

    Raises:
        KeyError: The row is not whole.
    """
    parts = [*(row[name] for name in _PARTS), replication, *series]
    return fingerprint("request", parts)


def judgement_key(
    requests: Sequence[str], judge: str, rubric: str, *more: str | int
) -> str:
    """Return the key by which a judgement is known in the store.

    Args:
        requests: Keys of the requests whose replies were judged.
        judge: The judge's fingerprint.
        rubric: The rubric's hash.
        more: What else decides: of a trace ``trace``.
    """
    return fingerprint("judgement", [*requests, judge, rubric, *more])


def request_row(info: ModelInfo, request: ChatRequest) -> dict[str, Any]:
    """Return a request as the store keeps it."""
    row = dict(zip(_PARTS, _request_parts(info, request), strict=True))
    return {"model": info.name, **row}


def _request_parts(info: ModelInfo, request: ChatRequest) -> list[Any]:
    return [
        info.provider,
        info.digest,
        [list(message) for message in request.messages],
        request.sampling.model_dump(mode="json"),
        request.seed,
    ]
