"""Gates as test reports: what pytest shows, counts and writes like any test."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from pytest_domainsafety.types import GateVerdict


def emit_gates(session: pytest.Session, gates: Iterable[GateVerdict]) -> None:
    """Let every reporter have the gates' verdicts."""
    hook = session.config.hook
    for gate in gates:
        session.testscollected += 1
        report = gate_report(gate)
        hook.pytest_runtest_logstart(nodeid=report.nodeid, location=report.location)
        hook.pytest_runtest_logreport(report=report)
        hook.pytest_runtest_logfinish(nodeid=report.nodeid, location=report.location)
    _forget_gates(session.config)


def gate_report(gate: GateVerdict) -> pytest.TestReport:
    """Return a gate's verdict as a test report."""
    prefix = "gate" if gate.kind == "compliance" else f"{gate.kind}-gate"
    nodeid = f"{prefix}::{gate.domain}::{gate.model}"
    return pytest.TestReport(
        nodeid=nodeid,
        location=(prefix, None, f"{gate.domain}::{gate.model}"),
        keywords={},
        outcome="passed" if gate.passed else "failed",
        longrepr=None if gate.passed else gate.message,
        when="call",
        user_properties=[
            ("threshold", gate.threshold),
            ("upper", gate.upper),
            ("reason", gate.reason),
        ],
    )


def _forget_gates(config: pytest.Config) -> None:
    """Keep gates out of `--lf`: they are no items that could be run again."""
    plugin = config.pluginmanager.get_plugin("lfplugin")
    failed = getattr(plugin, "lastfailed", {})
    for key in [key for key in failed if "gate::" in str(key).partition("/")[0]]:
        del failed[key]
