"""Pairs that a model drafts for a private suite, and a person takes or leaves."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from pytest_domainsafety.config.pytest_options import SUFFIXES
from pytest_domainsafety.engine import Plan
from pytest_domainsafety.engine.alone import LoneModel, lone_model
from pytest_domainsafety.engine.plan import seed_from
from pytest_domainsafety.errors import ConfigError, SourceError, UserError
from pytest_domainsafety.files import unwritable, write_file
from pytest_domainsafety.providers.base import reply_kind
from pytest_domainsafety.suite import LoadedSuite, load_suite
from pytest_domainsafety.suite.plan import PLAN_NAME, read_plan
from pytest_domainsafety.suite.scaffold.drafting import (
    DRAFT,
    SCHEMA,
    Factors,
    appended,
    draft_factors,
    draft_text,
    instructions,
    parse_pair,
)
from pytest_domainsafety.types import (
    ChatRequest,
    Message,
    Sampling,
    ScenarioPair,
    Suite,
)

TRIES: Final = 3
"""For each pair, each with another seed."""
Answer = Literal["y", "n", "q"]
"""Of the person who reads: keep it, leave it, stop here."""


@dataclass(frozen=True, slots=True)
class Drafted:
    """What a model came to.

    Attributes:
        pairs: That hold; nobody has read them.
        faults: Why others could not be used → how many.
    """

    pairs: tuple[ScenarioPair, ...]
    faults: Mapping[str, int]


def draft_path(out: Path) -> Path:
    """Return where unread pairs go: beside the suite that they are for.

    Raises:
        ConfigError: It is named as no suite is.
    """
    for suffix in (DRAFT, *SUFFIXES):
        if out.name.endswith(suffix) and out.name != suffix:
            return out.with_name(out.name.removesuffix(suffix) + DRAFT)
    raise ConfigError(f"--out {out}: name a suite, NAME{SUFFIXES[0]}")


def suite_path(draft: Path) -> Path:
    """Return the suite that a draft is for.

    Raises:
        SourceError: It is named as no draft is.
    """
    if not draft.name.endswith(DRAFT):
        raise SourceError(f"{draft}: is no draft; the name of one ends in {DRAFT}")
    return draft.with_name(draft.name.removesuffix(DRAFT) + SUFFIXES[0])


def draft_pairs(
    model: str, loaded: LoadedSuite, pairs: int, options: Mapping[str, Any]
) -> Drafted:
    """Have a model write new pairs.

    Args:
        model: As typed.
        loaded: The public suite of the domain; a plan beside it is used.
        pairs: How many.
        options: ``endpoint``, ``concurrency``, ``timeout``, ``temperature``,
            ``max_tokens`` and ``seed``.

    Raises:
        UserError: The plan can't be used.
        ProviderError: The model is not to be had, or its server failed.
    """
    beside, problems = read_plan(loaded.path.parent / PLAN_NAME)
    if problems:
        raise UserError(str(problems[0]))
    seed = options["seed"]
    wanted = draft_factors(loaded.suite, beside, pairs, seed)
    plan = Plan(
        run="draft",
        models=(model,),
        judges=(),
        store=Path("store.db"),
        seed=seed,
        sampling=Sampling(
            temperature=options["temperature"], max_tokens=options["max_tokens"]
        ),
        concurrency=options["concurrency"],
        endpoints=tuple(options["endpoint"]),
        timeout_s=options["timeout"],
    )
    with asyncio.Runner() as runner:
        return runner.run(_draft_all(plan, loaded.suite, wanted))


async def _draft_all(plan: Plan, suite: Suite, wanted: Sequence[Factors]) -> Drafted:
    faults: Counter[str] = Counter()
    async with lone_model(plan) as ready:
        slots = asyncio.Semaphore(ready.pace.limit)

        async def one(number: int, factors: Factors) -> ScenarioPair | None:
            async with slots:
                return await _draft(plan, ready, suite, number, factors, faults)

        found = await asyncio.gather(
            *(one(number, factors) for number, factors in enumerate(wanted)),
            return_exceptions=True,
        )
    by_id: dict[str, ScenarioPair] = {}
    for pair in found:
        if isinstance(pair, BaseException):
            raise pair
        if pair is not None and by_id.setdefault(pair.id, pair) is not pair:
            faults["is an earlier one again"] += 1
    return Drafted(tuple(by_id.values()), dict(faults))


async def _draft(
    plan: Plan,
    ready: LoneModel,
    suite: Suite,
    number: int,
    factors: Factors,
    faults: Counter[str],
) -> ScenarioPair | None:
    messages = (Message("user", instructions(suite, factors, number)),)
    why = ""
    for attempt in range(1, TRIES + 1):
        seed = seed_from(plan.seed, "draft", number, attempt)
        request = ChatRequest(messages, ready.target.sampling, seed, SCHEMA)
        reply = await ready.asker.ask(ready.target.model, request)
        kind, reason = reply_kind(reply)
        try:
            if kind != "answer":
                raise ValueError(f"is none ({reason or kind})")
            return parse_pair(reply.text, factors)
        except ValueError as error:
            why = str(error)
    faults[why] += 1
    return None


def write_draft(path: Path, suite: Suite, pairs: Sequence[ScenarioPair]) -> None:
    """Write unread pairs into a new file.

    Raises:
        SourceError: There is such a file already, or it can't be written.
    """
    check_new(path)
    _write(path, draft_text(suite, pairs))


def check_new(path: Path) -> None:
    """Find out that a draft is not there yet, before anything is asked.

    Raises:
        SourceError: It is.
    """
    if path.exists():
        raise SourceError(
            f"{path}: is there already; read it (domainsafety draft --review {path}), "
            "or name another file"
        )


def review_draft(
    draft: Path, decide: Callable[[ScenarioPair, int, int], Answer]
) -> tuple[Path, int, int]:
    """Show a person each pair of a draft, and move those with a yes into the suite.

    What was not decided stays in the draft; without any the draft goes.

    Args:
        draft: The file of unread pairs.
        decide: Shows a pair, with its number and how many there are.

    Returns:
        The suite, how many pairs it took, and how many are left in the draft.

    Raises:
        SuiteError: A file can't be used.
        SourceError: One can't be written.
    """
    suite_file = suite_path(draft)
    suite = load_suite(draft).suite
    pairs = suite.scenarios
    taken: list[ScenarioPair] = []
    left: list[ScenarioPair] = []
    for place, pair in enumerate(pairs):
        answer = decide(pair, place + 1, len(pairs))
        if answer == "q":
            left = list(pairs[place:])
            break
        if answer == "y":
            taken.append(pair)
    if taken:
        _take(suite_file, suite, taken)
    if left:
        _write(draft, draft_text(suite, left))
    else:
        draft.unlink()
    return suite_file, len(taken), len(left)


def _take(suite_file: Path, draft: Suite, taken: Sequence[ScenarioPair]) -> None:
    """Write pairs into the suite; what would not load is not written."""
    if not suite_file.exists():
        _write(suite_file, draft_text(draft, taken))
        return
    before = load_suite(suite_file).suite
    if before.domain != draft.domain:
        raise SourceError(
            f"{suite_file}: is of the domain {before.domain!r} and the draft of "
            f"{draft.domain!r}; give the draft another name"
        )
    known = {pair.id: pair for pair in before.scenarios}
    for pair in taken:
        if _texts(known.get(pair.id, pair)) != _texts(pair):
            raise SourceError(
                f"{suite_file}: holds another pair of the id {pair.id!r}; give the one "
                "in the draft another id, which is left as it was"
            )
    # What a review that was killed had taken already stands there as it is.
    new = [pair for pair in taken if pair.id not in known]
    if not new:
        return
    text = appended(suite_file.read_text(encoding="utf-8"), new)
    trial = suite_file.with_name(f".{suite_file.name}.trial")
    try:
        _write(trial, text)
        after = load_suite(trial, str(suite_file)).suite
    finally:
        trial.unlink(missing_ok=True)
    if after.scenarios != (*before.scenarios, *new):
        raise SourceError(
            f"{suite_file}: its scenarios do not stand at its end, so none can be "
            "added there: put them last"
        )
    _write(suite_file, text)


def _texts(pair: ScenarioPair) -> tuple[Any, ...]:
    return pair.analytical, pair.operational, pair.benign, pair.variants


def _write(path: Path, text: str) -> None:
    try:
        write_file(path, text)
    except OSError as error:
        raise SourceError(unwritable(path, error)) from None
