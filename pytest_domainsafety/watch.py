"""What the progress line is told: from the engine here, or from workers' reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pytest_domainsafety.engine import Engine
from pytest_domainsafety.engine.plan import cells
from pytest_domainsafety.session.expected import Expected
from pytest_domainsafety.session.process import Process
from pytest_domainsafety.session.progress import ProgressLine, Snapshot
from pytest_domainsafety.types import PairOutcome

if TYPE_CHECKING:
    import pytest


def watch(
    config: pytest.Config,
    process: Process,
    expected: Expected,
    outcomes: Mapping[str, PairOutcome],
) -> ProgressLine | None:
    """Show how far the run is; return None where nobody would read it.

    Args:
        config: pytest's, for its terminal and its verbosity.
        process: The controller's part of the run.
        expected: What will come.
        outcomes: What has come, by node id; grows meanwhile.
    """
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or config.option.verbose <= -2:
        return None
    # With -s or a debugger the terminal belongs to others, too.
    alone = config.option.capture != "no" and not config.option.usepdb
    live = reporter.isatty and reporter._tw.hasmarkup and alone
    look = snapshots(process, expected, outcomes)
    line = ProgressLine(reporter._tw, look, live=live)
    line.start()
    return line


def snapshots(
    process: Process, expected: Expected, outcomes: Mapping[str, PairOutcome]
) -> Callable[[], Snapshot]:
    """Return a function that tells where the run stands."""
    engine = process.started
    plan = process.plan()
    steps = 1 + len(plan.judges)
    total = steps * sum(
        len(list(cells(pair.suite.suite.scenarios[pair.place], plan)))
        for pair in expected.pairs.values()
    )
    if engine is not None and not engine.stopped:
        return lambda: _of_engine(engine, total)
    return lambda: _of_reports(list(outcomes.values()), steps, total)


def _of_engine(engine: Engine, total: int) -> Snapshot:
    tally = engine.tally
    return Snapshot(
        phase=", ".join(engine.serving) or "waiting",
        done=engine.steps,
        total=total,
        tokens=tally.tokens_out,
        in_flight=engine.running,
        errors=tally.failed,
        from_store=tally.from_store,
    )


def _of_reports(outcomes: list[PairOutcome], steps: int, total: int) -> Snapshot:
    records = [record for outcome in outcomes for record in outcome.records]
    return Snapshot(
        phase="workers",
        done=steps * len(records),
        total=total,
        tokens=sum(record.tokens_out or 0 for record in records),
        errors=sum(outcome.fault is not None for outcome in outcomes),
    )
