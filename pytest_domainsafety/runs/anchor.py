"""A judge's fixed replies, scored at each run: is it the judge that it was?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from pytest_domainsafety.engine import Plan
from pytest_domainsafety.engine.alone import lone_judge
from pytest_domainsafety.engine.tally import Tally
from pytest_domainsafety.errors import ProviderError, SourceError
from pytest_domainsafety.judging.fixed import SCALES, FixedReply, compare, fixed_replies
from pytest_domainsafety.runs.fixed import Judged, judge_all
from pytest_domainsafety.runs.sources import manifest_of
from pytest_domainsafety.store import Store
from pytest_domainsafety.suite import LoadedSuite
from pytest_domainsafety.text import counted, fingerprint, printable
from pytest_domainsafety.types import COMPLIES_AT, AnchorEntry, Manifest, ModelInfo

MOST_CHANGED = 0.05
"""A judge has moved where more of its scores changed, or any reply's verdict: a server
that batches does not repeat itself to the last digit, even at temperature 0."""
_NAMED = 5
"""Replies that a warning names."""


def anchors_of(domains: Iterable[str]) -> list[FixedReply]:
    """Return the fixed replies of some domains."""
    wanted = set(domains)
    return [reply for reply in fixed_replies() if reply.domain in wanted]


def score_anchors(
    plan: Plan, suites: Mapping[str, LoadedSuite], infos: Mapping[str, ModelInfo]
) -> tuple[dict[str, AnchorEntry], Tally]:
    """Have each judge of a plan score the fixed replies of the suites' domains.

    Nothing is taken from the store: what counts is what the judge says today.

    Args:
        plan: Its judges, and how to ask.
        suites: By domain, for the rubrics.
        infos: Of the models under test.

    Returns:
        Judge → what it said; where its server failed, that it did.
    """
    tally = Tally()
    with asyncio.Runner() as runner:
        return runner.run(_score(plan, suites, infos, tally)), tally


async def _score(
    plan: Plan,
    suites: Mapping[str, LoadedSuite],
    infos: Mapping[str, ModelInfo],
    tally: Tally,
) -> dict[str, AnchorEntry]:
    replies = anchors_of(suites)
    found = {}
    for name in plan.all_judges:
        alone = replace(plan, judges=(name,), second_judge=None)
        try:
            async with lone_judge(alone, infos) as ready:
                try:
                    judged = await judge_all(ready, replies, suites, plan.seed)
                finally:
                    tally.add(ready.tally)
                found[name] = _entry(judged, ready.judge.fingerprint(), suites)
        except ProviderError as error:
            found[name] = AnchorEntry(fault=str(error))
    return found


def _entry(
    judged: Judged, judge: str, suites: Mapping[str, LoadedSuite]
) -> AnchorEntry:
    domains = {reply.domain for reply, _ in judged}
    return AnchorEntry(
        hash=anchors_hash(),
        fingerprint=judge,
        rubrics={domain: suites[domain].rubric_hash for domain in sorted(domains)},
        replies={
            f"{reply.domain}/{reply.name}": tuple(
                getattr(said, scale) for scale in SCALES
            )
            for reply, said in judged
        },
        near=compare(judged).share,
    )


def anchors_hash() -> str:
    """Return a hash of all fixed replies: other texts, another anchor."""
    texts = [
        [one.domain, one.name, one.framing, one.prompt, one.reply]
        for one in fixed_replies()
    ]
    return fingerprint("anchors", texts)


def anchors_before(
    store: Store, run: str, judge: str
) -> tuple[str, AnchorEntry] | None:
    """Return the newest earlier run that scored a judge's anchors, and what came.

    Raises:
        StoreError: The store can't be read.
    """
    for head in store.run_heads_backwards():
        if (
            head.run == run
            or head.finished is None
            or judge not in head.manifest.anchors
        ):
            continue
        entry = _ended(store, head.run).anchors.get(judge)
        if entry is not None and entry.replies:
            return head.run, entry
    return None


def _ended(store: Store, run: str) -> Manifest:
    results: Any = store.run(run)["results"]
    try:
        return manifest_of(run, results["run"])
    except (KeyError, TypeError, SourceError):
        return Manifest()  # edited, or of another version: it tells nothing


def anchor_notes(
    anchors: Mapping[str, AnchorEntry],
    before: Mapping[str, tuple[str, AnchorEntry] | None],
) -> Iterator[str]:
    """Yield a sentence on each judge that moved, or of which that is not known."""
    for judge, entry in anchors.items():
        name = printable(judge)
        earlier = before.get(judge)
        if not entry.replies:
            yield (
                f"the judge {name} scored none of its fixed replies, so that nothing "
                f"is known of its drift: {entry.fault or 'none came'}"
            )
        elif earlier is not None:
            yield from filter(None, [moved(name, entry, *earlier)])


def moved(judge: str, entry: AnchorEntry, run: str, earlier: AnchorEntry) -> str | None:
    """Say what moved since another run; None where nothing did that matters.

    Replies count that both runs scored by the same rubric.
    """
    same = [
        name
        for name in entry.replies
        if name in earlier.replies
        and entry.rubrics.get(name.partition("/")[0])
        == earlier.rubrics.get(name.partition("/")[0], "")
    ]
    if entry.hash != earlier.hash or not same:
        return (
            f"the judge {judge} scored other fixed replies than in the run {run}, or "
            "by another rubric, so that nothing is known of its drift since"
        )
    changed: dict[str, list[int]] = {scale: [] for scale in SCALES}
    flipped = []
    lost = 0
    for name in same:
        now, then = entry.replies[name], earlier.replies[name]
        for scale, new, old in zip(SCALES, now, then, strict=True):
            if new is not None and old is not None and new != old:
                changed[scale].append(new - old)
            lost += (new is None) is not (old is None)
        if _helps(now) is not _helps(then):
            flipped.append(name)
    scores = sum(map(len, changed.values())) + lost
    if not flipped and scores <= MOST_CHANGED * len(SCALES) * len(same):
        return None
    what = [f"{scale} of {_moves(moves)}" for scale, moves in changed.items() if moves]
    if lost:
        what.append(f"{counted(lost, 'score')} came or went")
    if flipped:
        more = len(flipped) - _NAMED
        named = ", ".join(flipped[:_NAMED]) + (f" and {more} more" if more > 0 else "")
        what.append(
            f"another verdict on {counted(len(flipped), 'reply', 'replies')} ({named})"
        )
    why = (
        "it is another model or is asked otherwise"
        if entry.fingerprint != earlier.fingerprint
        else "its name and all that is known of it are the same"
    )
    return (
        f"the judge {judge} has moved since the run {run}: of its {len(same)} fixed "
        f"replies {'; '.join(what)}; {why}: rates before and after "
        "are not to be compared"
    )


def _helps(scores: tuple[int | None, ...]) -> bool | None:
    guidance = scores[SCALES.index("guidance")]
    return None if guidance is None else guidance >= COMPLIES_AT


def _moves(moves: list[int]) -> str:
    up, down = sum(m > 0 for m in moves), sum(m < 0 for m in moves)
    return f"{len(moves)} ({up} up, {down} down)"
