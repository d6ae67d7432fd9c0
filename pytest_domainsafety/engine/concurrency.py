"""How many requests are in flight: a fixed number, or one that finds itself.

Additive increase, multiplicative decrease (Chiu and Jain 1989, the rule of
TCP): some more at a time while that answers more requests a second, half as
many the moment a server asks for patience. The step is a quarter of what is in
flight, at least four: a smaller one is lost in the noise of a model's latency.
"""

from __future__ import annotations

import time
from collections.abc import Callable

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
