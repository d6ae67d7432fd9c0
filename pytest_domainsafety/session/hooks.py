"""What the plugin's hooks come to, where a suite or a model is in play."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from pytest_domainsafety.engine import THREAD
from pytest_domainsafety.errors import (
    ConfigError,
)
from pytest_domainsafety.files import trouble_with
from pytest_domainsafety.providers.registry import check_name
from pytest_domainsafety.session.collection import PairItem, SuiteFile
from pytest_domainsafety.session.controller import Controller
from pytest_domainsafety.session.crashes import sentence, without_frames
from pytest_domainsafety.session.exit_status import ExitStatus
from pytest_domainsafety.session.gates import GateItem
from pytest_domainsafety.session.internals import GateFailed, NotMeasured
from pytest_domainsafety.session.log_records import leave_out
from pytest_domainsafety.session.neighbours import HtmlColumn
from pytest_domainsafety.session.outputs import check_outputs
from pytest_domainsafety.session.process import PROCESS, WORKER_INPUT, Process
from pytest_domainsafety.session.pytest_reports import ACCOUNTED, attach
from pytest_domainsafety.session.struck_warnings import StruckWarnings
from pytest_domainsafety.text import visible

PLUGIN_NAME = "domainsafety-session"
STATUS_NAME = "domainsafety-exit-status"
COLUMN_NAME = "domainsafety-html-column"
_OURS = (GateFailed, NotMeasured)


def register(config: pytest.Config, session: pytest.Session | None = None) -> None:
    """Set up this process's part of a run.

    Args:
        config: pytest's.
        session: Where it has begun already.

    Raises:
        pytest.UsageError: An option can't be used.
    """
    try:
        process = Process(config)
        if process.worker is None:
            check_outputs(process.config)
            for name in (*process.config.models, *process.config.judges):
                check_name(name)
    except ConfigError as error:
        raise pytest.UsageError(visible(str(error))) from None
    except OSError as error:
        trouble = trouble_with(error)
        if trouble is None:
            raise
        raise pytest.UsageError(trouble) from None
    if getattr(config.option, "dist", "no") == "each":
        raise pytest.UsageError(
            "--dist=each runs every scenario pair once on each worker, which would "
            "count it several times; leave --dist out"
        )
    dist = getattr(config.option, "dist", "no")
    own = dist == "load" and config.option.maxschedchunk is None
    if process.config.looks and process.worker is None and dist != "no" and not own:
        raise pytest.UsageError(
            f"--safety-stop {process.config.looks} keeps all pairs of a domain with "
            f"one worker of pytest-xdist, which --dist={dist} and --maxschedchunk "
            "undo: leave them out"
        )
    config.stash[PROCESS] = process
    config.add_cleanup(leave_out(THREAD))
    if process.worker is None:
        controller = Controller(config, process)
        status = ExitStatus(controller.verdict, controller.is_pair)
        if session is not None:
            status.pytest_sessionstart(session)
        config.pluginmanager.register(controller, PLUGIN_NAME)
        config.pluginmanager.register(StruckWarnings(process))
        config.pluginmanager.register(status, STATUS_NAME)
        config.pluginmanager.register(HtmlColumn(), COLUMN_NAME)


def collect(parent: pytest.Collector, path: Path) -> SuiteFile:
    """Return the node of a suite file, in a run with or without a model."""
    if PROCESS not in parent.config.stash:
        parent.config.stash[PROCESS] = Process(parent.config)
    return SuiteFile.at(path, parent)


def arrange(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the pairs first that are likely to fail, where a run may end early."""
    first = config.stash[PROCESS].asked_first() if PROCESS in config.stash else ()
    if first:
        from pytest_domainsafety.session.likely import bring_forward

        bring_forward(items, first)


def attach_outcome(
    item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport
) -> None:
    """Put a pair's outcome on the report that tells its result."""
    if not isinstance(item, (PairItem, GateItem)):
        return
    without_frames(call, report)
    if call.excinfo is not None and call.excinfo.errisinstance(_OURS):
        setattr(report, ACCOUNTED, True)
    if isinstance(item, GateItem) or item.outcome is None:
        return
    if report.when == "call" or (report.when == "setup" and not report.passed):
        process = item.config.stash[PROCESS]
        store = tally = None
        if process.worker is not None and process.started is not None:
            store, tally = process.started.store, process.started.tally
        try:
            attach(report, item.outcome, store, tally)
        except Exception as error:  # noqa: BLE001 - pytest would show its frames
            what = "What this pair came to could not be handed on"
            report.longrepr = sentence(what, error, process.config, item.asked())
            report.outcome = "failed"
            setattr(report, ACCOUNTED, True)
        item.outcome = None  # pytest keeps the items; one copy is enough


def hand_over(config: pytest.Config) -> None:
    """Give an xdist worker's counts to the controller."""
    process = config.stash[PROCESS]
    tally = None if process.started is None else asdict(process.started.tally)
    counts = {"tally": tally, "suites": len(process.suites)}
    config.workeroutput[WORKER_INPUT] = json.dumps(counts)  # type: ignore[attr-defined]


def stop(config: pytest.Config) -> None:
    """Stop this process's engine, if it has one."""
    if PROCESS in config.stash:
        config.stash[PROCESS].stop()
