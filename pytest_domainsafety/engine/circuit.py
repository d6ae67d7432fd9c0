"""A circuit that opens: when to stop asking a model that only fails.

A prompt that always fails is no dead server, so what counts is how many
different prompts have failed since the last answer, and for how long.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from pytest_domainsafety.errors import ProviderError, ServerUnreachable

PROMPTS = 5
"""Different prompts given up in a row, all their tries included."""
SILENCE_S = 30.0
"""Seconds of failed tries and nothing else, after which fewer are enough."""
PROMPTS_IN_SILENCE = 3


class Circuit:
    """What is known about one model's health.

    It opens, for the rest of the run, when since the last answer

    - :data:`PROMPTS` different prompts were given up, or
    - for :data:`SILENCE_S` seconds every try failed, and nothing answers at
      the address or :data:`PROMPTS_IN_SILENCE` different prompts were tried.

    Args:
        clock: Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin closed."""
        self._clock = clock
        self._given_up: ProviderError | None = None
        self.answered()

    def answered(self) -> None:
        """Note an answer: all is forgiven."""
        self._failed: set[int] = set()
        self._tried: set[int] = set()
        self._since: float | None = None

    def check(self) -> None:
        """Let a request pass.

        Raises:
            ProviderError: The circuit is open; of the kind of the last failure.
        """
        if self._given_up is not None:
            raise self._given_up

    def try_failed(self, prompt: int, error: ProviderError, began: float) -> None:
        """Note a try that failed.

        Args:
            prompt: What tells prompts apart.
            error: Why.
            began: When the try began, on the circuit's clock.
        """
        self._tried.add(prompt)
        self._since = began if self._since is None else min(self._since, began)
        lost = isinstance(error, ServerUnreachable)
        if self._clock() - self._since >= SILENCE_S and (
            lost or len(self._tried) >= PROMPTS_IN_SILENCE
        ):
            self._open(error)

    def request_failed(self, prompt: int, error: ProviderError) -> None:
        """Note a request that was given up."""
        self._failed.add(prompt)
        if len(self._failed) >= PROMPTS:
            self._open(error)

    def _open(self, error: ProviderError) -> None:
        if self._given_up is None:
            said = f"{error} (given up for this run after nothing but failures)"
            self._given_up = type(error)(said)
