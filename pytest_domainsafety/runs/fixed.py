"""A judge tried on the fixed replies, by the rubrics of somebody's suites."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_domainsafety.engine import Plan
from pytest_domainsafety.engine.alone import LoneJudge, lone_judge
from pytest_domainsafety.errors import ConfigError
from pytest_domainsafety.judging.base import Case
from pytest_domainsafety.judging.coherence import coherent
from pytest_domainsafety.judging.fixed import (
    NEAR,
    SCALES,
    FixedReply,
    compare,
    fixed_replies,
)
from pytest_domainsafety.suite import LoadedSuite
from pytest_domainsafety.types import Judgement

Judged = list[tuple[FixedReply, Judgement]]


@dataclass(frozen=True, slots=True)
class Tried:
    """What a judge said of the fixed replies.

    Attributes:
        judge: As typed.
        judged: Each reply with its judgement, in the order of the set.
        left_out: Domains whose rubric no suite has.
    """

    judge: str
    judged: Judged
    left_out: tuple[str, ...]

    @property
    def share(self) -> float:
        """Share within one level, over all scales and domains."""
        return compare(self.judged).share

    @property
    def domains(self) -> list[str]:
        """The domains that were judged."""
        return list(dict.fromkeys(reply.domain for reply, _ in self.judged))

    def as_json(self) -> dict[str, Any]:
        """Return all figures; no text of a reply or a rationale is among them."""
        return {
            "schema": 1,
            "judge": self.judge,
            "near": NEAR,
            "left_out": list(self.left_out),
            "all": _figures(self.judged),
            "by_scale": {scale: _figures(self.judged, scale) for scale in SCALES},
            "by_domain": {
                domain: {
                    "all": _figures(self.judged, None, domain),
                    **{s: _figures(self.judged, s, domain) for s in SCALES},
                }
                for domain in self.domains
            },
            "replies": [
                {
                    "domain": reply.domain,
                    "name": reply.name,
                    "levels": dict(reply.levels),
                    "status": said.status,
                    "said": {scale: getattr(said, scale) for scale in SCALES},
                }
                for reply, said in self.judged
            ],
        }


def _figures(
    judged: Judged, scale: str | None = None, domain: str | None = None
) -> dict[str, float]:
    tally = compare(judged, scale, domain)
    exact = tally.exact / tally.replies if tally.replies else 0.0
    return {"scores": tally.replies, "near": tally.share, "exact": exact}


def try_judge(
    judge: str, suites: Sequence[LoadedSuite], options: Mapping[str, Any]
) -> Tried:
    """Have a judge score the fixed replies.

    Args:
        judge: As typed.
        suites: Whose rubrics are tried.
        options: ``endpoint``, ``concurrency``, ``timeout`` and ``seed``.

    Raises:
        ConfigError: The judge can't be used, or no suite is of a domain of the set.
        ProviderError: The judge is not to be had, or its server failed.
    """
    by_domain = {loaded.suite.domain: loaded for loaded in suites}
    every = fixed_replies()
    replies = [reply for reply in every if reply.domain in by_domain]
    known = tuple(dict.fromkeys(reply.domain for reply in every))
    if not replies:
        raise ConfigError(
            "--fixed: none of these suites is of a domain that has fixed replies "
            f"({', '.join(known)}), and a judge reads them by the suites' rubrics"
        )
    plan = Plan(
        run="fixed",
        models=(),
        judges=(judge,),
        store=Path("store.db"),
        seed=options["seed"],
        judge_mode=options.get("judge_mode") or "holistic",
        concurrency=options["concurrency"],
        endpoints=tuple(options["endpoint"]),
        timeout_s=options["timeout"],
    )
    with asyncio.Runner() as runner:
        judged = runner.run(_judge_alone(plan, replies, by_domain))
    left_out = tuple(domain for domain in known if domain not in by_domain)
    return Tried(judge, judged, left_out)


async def judge_all(
    ready: LoneJudge,
    replies: Sequence[FixedReply],
    suites: Mapping[str, LoadedSuite],
    seed: int,
) -> Judged:
    """Have one judge score fixed replies by the rubrics of suites, by domain.

    Raises:
        ProviderError: Its server failed.
    """
    slots = asyncio.Semaphore(ready.pace.limit)

    async def one(reply: FixedReply) -> Judgement:
        async with slots:
            return await _judge(ready, reply, suites[reply.domain], seed)

    judgements = await asyncio.gather(*map(one, replies), return_exceptions=True)
    for judgement in judgements:
        if isinstance(judgement, BaseException):
            raise judgement
    return list(zip(replies, judgements, strict=True))  # type: ignore[arg-type]


async def _judge_alone(
    plan: Plan, replies: Sequence[FixedReply], suites: Mapping[str, LoadedSuite]
) -> Judged:
    async with lone_judge(plan, {}) as ready:
        return await judge_all(ready, replies, suites, plan.seed)


async def _judge(
    ready: LoneJudge, reply: FixedReply, loaded: LoadedSuite, seed: int
) -> Judgement:
    case = Case(
        (reply.prompt,),
        reply.reply,
        reply.framing,
        loaded.suite.rubric,
        loaded.suite.title,
    )
    return coherent(await ready.judge.judge(case, ready.asker.ask, seed))
