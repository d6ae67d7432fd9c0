"""What a run would take, where pytest only collects (``--collect-only``)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from pytest_domainsafety.engine import PairWork
from pytest_domainsafety.reporting.escape import json_text
from pytest_domainsafety.reporting.forecast import forecast_lines
from pytest_domainsafety.runs.forecast import forecast
from pytest_domainsafety.runs.kinds import PLAN_VARIABLE
from pytest_domainsafety.session.process import Process, stop_rule


def lines_of_forecast(process: Process, works: Iterable[PairWork]) -> Iterator[str]:
    """Yield what a run of some pairs would take; nothing is asked.

    `domainsafety plan` is told by a file.

    Raises:
        ConfigError: A model has no price, a judge can't be loaded.
    """
    pairs = list(works)
    if not pairs:
        return
    config = process.config
    rule = None if config.stop is None else stop_rule(pairs, config)
    told = forecast(pairs, process.plan(), rule, config.stop or "")
    if path := os.environ.get(PLAN_VARIABLE):
        lines = list(forecast_lines(told, config.budget))
        document = {**told.model_dump(mode="json", by_alias=True), "lines": lines}
        Path(path).write_text(json_text(document), encoding="utf-8")
    yield from forecast_lines(told, config.budget)
