"""A pytest plugin that takes one trick for speed out of a run (see `on_off.py`)."""

from __future__ import annotations

import os
import sys
from typing import Any

TRICK = os.environ.get("BENCH_OFF", "")


def _without_plain() -> None:
    import httpx

    from pytest_domainsafety.providers import connections

    def opened(_slots: connections.Slots) -> httpx.AsyncBaseTransport:
        limits = httpx.Limits(max_connections=1)
        return httpx.AsyncHTTPTransport(limits=limits)

    connections.Slots._open = opened  # type: ignore[method-assign]


def _without_freeze() -> None:
    from pytest_domainsafety.session import readiness

    readiness.spare_the_collector = lambda: None


def _without_switch() -> None:
    sys.setswitchinterval = lambda _: None


def _without_lean() -> None:
    from _pytest.nodes import Node

    from pytest_domainsafety.session import internals

    def made(self: Any, **kwargs: Any) -> None:
        Node.__init__(self, **kwargs)
        marks = self._marks()
        self.own_markers += marks
        self.keywords.update((mark.name, mark) for mark in marks)

    internals.Lean.__init__ = made  # type: ignore[method-assign]


def _without_parts() -> None:
    from pytest_domainsafety.session import controller

    controller.Controller._in_parts = lambda _: False  # type: ignore[method-assign]


def _without_turns() -> None:
    from pytest_domainsafety.engine import phases

    async def take(_turns: Any, _model: str) -> None:
        """Take nothing."""

    phases.Turns.take = take  # type: ignore[method-assign]
    phases.Turns.give_back = lambda _: None  # type: ignore[method-assign]


if TRICK:
    globals()[f"_without_{TRICK}"]()
