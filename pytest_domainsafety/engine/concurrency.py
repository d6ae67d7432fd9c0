"""How many requests are in flight: a fixed number, or one that finds itself.

Additive increase, multiplicative decrease (Chiu and Jain 1989, the rule of
TCP): some more at a time while that answers more requests a second, half as
many the moment a server asks for patience. The step is a quarter of what is in
flight, at least four: a smaller one is lost in the noise of a model's latency.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping

from pytest_domainsafety.engine.plan import Plan
from pytest_domainsafety.judging.llm import answer_tokens
from pytest_domainsafety.types import ModelInfo

START = 4
"""In flight at the beginning, and the least step of an increase."""
CEILING = 1024
WORTH = 0.5
"""The part of an increase that must show in the rate of answers to be kept."""
REST = 4
"""Measurements that agree before another increase is tried."""


class Pacer:
    """A limit that grows while growing helps.

    After each change as many answers as may be in flight are let pass, and
    throughput is measured over the next three times as many. After an increase
    that did not help the limit goes back, and rests there for :data:`REST`
    measurements before the next attempt.

    Args:
        limit: In flight at the beginning.
        ceiling: In flight at most; a pacer whose ceiling is its limit is fixed.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        limit: int = START,
        ceiling: int = CEILING,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin to measure with the first answer."""
        self.limit = limit
        self.adapts = ceiling > limit
        self._ceiling = ceiling
        self._clock = clock
        self._unheard = 0
        self.restart()

    @classmethod
    def fixed(cls, limit: int) -> Pacer:
        """Return a pacer that stays at its limit, whatever happens."""
        return cls(limit, limit)

    def restart(self) -> None:
        """Forget what was measured: another model is asked from now on."""
        self._before: tuple[int, float] | None = None
        self._rest = 0
        self._begin()

    def answered(self) -> None:
        """Note an answer; the limit may change."""
        if not self.adapts:
            return
        self._unheard = max(0, self._unheard - 1)
        self._answers += 1
        if self._answers == self.limit:
            self._began = self._clock()
        elif self._answers >= 4 * self.limit:
            spent = max(self._clock() - self._began, 1e-9)
            self._weigh(3 * self.limit / spent)
            self._begin()

    def busy(self) -> None:
        """Halve: a server has asked for patience.

        The complaints about what was in flight together count once.
        """
        if not self.adapts:
            return
        if self._unheard:
            self._unheard -= 1
            return
        self._unheard = self.limit - 1
        self.limit = max(1, self.limit // 2)
        self.restart()
        self._rest = REST

    def _begin(self) -> None:
        self._answers, self._began = 0, self._clock()

    def _weigh(self, rate: float) -> None:
        if self._rest:
            self._rest -= 1
            return
        if self._before is not None:
            limit, before = self._before
            grown = self.limit / limit - 1
            if rate < before * (1 + WORTH * grown):
                self.limit, self._before, self._rest = limit, None, REST
                return
        self._before = (self.limit, rate)
        step = max(START, self.limit // 4)
        self.limit = min(self.limit + step, self._ceiling)


# docs/running.md#how-much-at-once
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
            wanted = max(wanted, JUDGE_CONTEXT + answer_tokens(plan.judge_mode))
        wanted = -(-(plan.sampling.num_ctx or wanted) // 256) * 256
        windows[name] = min(wanted, info.context_length or wanted)
    return windows


def slots(plan: Plan) -> int:
    """Return the requests in flight that a provider prepares for."""
    limit = plan.concurrency
    return _part(plan, limit if isinstance(limit, int) else MOST_BY_DEFAULT)


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
        setting = os.environ.get("OLLAMA_NUM_PARALLEL", "")
        limit = max(1, int(setting)) if setting.isdecimal() else limit
    return limit * max(1, len(info.endpoints))
