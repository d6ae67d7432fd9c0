"""How large things are made: context windows, and requests in flight."""

from __future__ import annotations

import os
from collections.abc import Mapping

from pytest_domainsafety.engine.concurrency import Pacer
from pytest_domainsafety.engine.plan import Plan
from pytest_domainsafety.judging.llm import ANSWER_TOKENS
from pytest_domainsafety.types import ModelInfo

DEFAULT_CONCURRENCY = {"ollama": 2, "embedded": 2, "python": 4, "command": 2}
MOST_BY_DEFAULT = 8
JUDGE_CONTEXT = 8192


def context_windows(
    plan: Plan, infos: Mapping[str, ModelInfo]
) -> dict[str, int | None]:
    """Return one context window for each model, whatever it is asked for.

    Another window makes Ollama load the model again, so a model that is
    target and judge has the larger of both; none exceeds what the model
    was trained for.
    """
    windows: dict[str, int | None] = {}
    for name, info in infos.items():
        # Three turns' replies and prompts, the most that a suite of ours asks.
        wanted = 3 * plan.sampling.max_tokens + 2048
        if name in plan.all_judges:
            wanted = max(wanted, JUDGE_CONTEXT + ANSWER_TOKENS)
        wanted = -(-(plan.sampling.num_ctx or wanted) // 256) * 256
        windows[name] = min(wanted, info.context_length or wanted)
    return windows


def slots(plan: Plan) -> int:
    """Return the requests in flight that a provider prepares for."""
    told = plan.concurrency
    return _part(plan, told if isinstance(told, int) else MOST_BY_DEFAULT)


def pacer(plan: Plan, infos: Mapping[str, ModelInfo], *, turns: bool) -> Pacer:
    """Return the run's limit of requests in flight.

    Args:
        plan: Its concurrency, and in how many processes it goes on.
        infos: Of all models; the one that can take least decides.
        turns: Whether the processes take turns, so that none needs to share.
    """
    if plan.concurrency == "auto":
        return Pacer()
    limit = plan.concurrency
    if limit is None:
        limit = min(map(_usual, infos.values()), default=MOST_BY_DEFAULT)
    return Pacer.fixed(limit if turns else _part(plan, limit))


def _part(plan: Plan, limit: int) -> int:
    return max(1, limit // plan.share)


def _usual(info: ModelInfo) -> int:
    """Return what one provider's servers take at once, as far as it is known.

    Ollama has no interface that tells its parallelism; its own variable does,
    where the server was started in the same environment as we.
    """
    limit = DEFAULT_CONCURRENCY.get(info.provider, MOST_BY_DEFAULT)
    if info.provider == "ollama":
        told = os.environ.get("OLLAMA_NUM_PARALLEL", "")
        limit = max(1, int(told)) if told.isdecimal() else limit
    return limit * max(1, len(info.endpoints))
