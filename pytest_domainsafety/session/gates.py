"""Each gate's verdict as a test of its own, which pytest runs when the loop is over.

Not a report made by hand: pytest-html waits for a test's last report, Allure and
pytest-json-report hang theirs on an item, so a gate is an item with its set-up, call
and teardown, and whoever reports tests reports it.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from pytest_domainsafety.reporting.wording import (
    gate_id,
    gate_name,
    gate_prefix,
    in_short,
)
from pytest_domainsafety.session.internals import GateFailed, forget_gates
from pytest_domainsafety.types import GateVerdict


class GateItem(pytest.Item):
    """One gate; its test fails where the gate did not pass."""

    outcome = None
    """As on a scenario pair: this item is ours."""

    def __init__(self, *, gate: GateVerdict, **kwargs: object) -> None:
        """Keep the verdict."""
        super().__init__(**kwargs)  # type: ignore[arg-type]  # pytest's own
        self.gate = gate
        self.user_properties = [
            ("threshold", gate.threshold),
            ("upper", gate.upper),
            ("reason", gate.reason),
        ]

    @property
    def location(self) -> tuple[str, int | None, str]:
        """No file, no line, and a heading.

        pytest takes a heading that a node id ends with for the path of a function,
        in which it writes each dot as `::`, also one in a model's name.
        """
        return gate_prefix(self.gate), None, self.name

    def runtest(self) -> None:
        """Say the verdict."""
        if not self.gate.passed:
            raise GateFailed(
                f"{in_short(self.gate)}\n{self.gate.message}", pytrace=False
            )


def run_gates(session: pytest.Session, gates: Iterable[GateVerdict]) -> None:
    """Run the gates' tests, so that every reporter has their verdicts."""
    for gate in gates:
        session.testscollected += 1
        item = _item(session, gate)
        item.ihook.pytest_runtest_protocol(item=item, nextitem=None)
    forget_gates(session.config)


def _item(session: pytest.Session, gate: GateVerdict) -> GateItem:
    name = f"{gate_name(gate)} on {gate.model}"
    item: GateItem = GateItem.from_parent(
        session, name=name, nodeid=gate_id(gate), gate=gate
    )
    if session.config.pluginmanager.hasplugin("rerunfailures"):
        # What is counted from replies comes out the same each time.
        item.add_marker(pytest.mark.flaky(reruns=0))
    return item


class FailuresOnce:
    """Leaves the gates out of pytest's failures while it shows those at length.

    The summary says why each failed, and pytest's last lines that it did.
    """

    def __init__(self) -> None:
        """Have nothing left out."""
        self._every: list[pytest.TestReport] | None = None

    def leave_out(self, config: pytest.Config, gates: Iterable[GateVerdict]) -> None:
        """Take the gates' failures out of the terminal's, until :meth:`put_back`."""
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        failed = None if reporter is None else reporter.stats.get("failed")
        if failed:
            ids = {gate_id(gate) for gate in gates}
            self._every = list(failed)
            failed[:] = [report for report in failed if report.nodeid not in ids]

    def put_back(self, terminal: pytest.TerminalReporter) -> None:
        """Let the terminal have all failures again."""
        if self._every is not None:
            terminal.stats["failed"][:] = self._every
