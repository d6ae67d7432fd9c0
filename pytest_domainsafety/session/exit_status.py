"""The exit status: pytest's own, and what the gates make of it.

Neither lowers the other. A failure that pytest or another plugin counted is status
1 for good; 1 becomes 10 only where every failure of the session is one that the
verdict accounts for (a pair's fault, a crashed worker's pair, a gate) and none of
those was measured. So the session's own count is held against ours, report by
report, at the moment at which pytest counts.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

import pytest

from pytest_domainsafety.session.internals import is_crash
from pytest_domainsafety.session.pytest_reports import detach_accounted


def settle(status: int, verdict: int | None, *, accounted: bool) -> int:
    """Return the exit status of a session: the one place where two become one.

    Args:
        status: Pytest's, or what another plugin made of it.
        verdict: What `analysis.gate.exit_status` says; None where nothing was to
            be judged.
        accounted: Whether every failure behind `status` is in the verdict.

    Returns:
        The worse of the two, and the verdict's 10 where pytest's 1 comes of
        nothing else. 2 to 6, and a plugin's own number, are left alone.
    """
    if verdict is None:
        return status
    from pytest_domainsafety.analysis.gate import FAILED, NOT_MEASURED, PASSED

    # docs/running.md#exit-status: a gate that failed outweighs what is not known.
    mildest_first = (PASSED, NOT_MEASURED, FAILED)
    if status not in mildest_first:
        return status
    if status == FAILED and accounted:
        return max(verdict, NOT_MEASURED, key=mildest_first.index)
    return max(status, verdict, key=mildest_first.index)


class ExitStatus:
    """A plugin of its own, so that its hooks stand around all others'.

    Args:
        verdict: What the run came to until now, for :func:`settle`.
        is_pair: Whether a node id is a scenario pair of this run.
    """

    def __init__(
        self, verdict: Callable[[], int | None], is_pair: Callable[[str], bool]
    ) -> None:
        """Begin with no failure."""
        self._verdict = verdict
        self._is_pair = is_pair
        self._session: pytest.Session | None = None
        self._accounted = 0

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Keep the session, which counts the failures."""
        self._session = session

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(
        self, report: pytest.TestReport
    ) -> Generator[None, object, object]:
        """Count the failures that the verdict accounts for, where pytest counts them.

        Another plugin may call a report no failure, or add one of its own.
        """
        assert self._session is not None
        crashed = is_crash(report) and self._is_pair(report.nodeid)
        accounted = detach_accounted(report) or crashed
        before = self._session.testsfailed
        result = yield
        if accounted and self._session.testsfailed > before:
            self._accounted += 1
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(
        self, session: pytest.Session
    ) -> Generator[None, object, object]:
        """Settle the status before other plugins do; afterwards only make it worse.

        What another plugin sets in its own hook is set after the first step, so a 1
        of its stays; what it lowers, and what could not be written meanwhile, is
        seen in the second.
        """
        accounted = self._all_accounted(session)
        session.exitstatus = settle(
            session.exitstatus, self._verdict(), accounted=accounted
        )
        result = yield
        session.exitstatus = settle(
            session.exitstatus, self._verdict(), accounted=False
        )
        return result

    def _all_accounted(self, session: pytest.Session) -> bool:
        """Whether pytest's 1, if it is one, comes of what is accounted for."""
        failed = session.testsfailed
        at_most = session.config.option.maxfail
        # Ended by a plugin's word, as a time-out of the session is, and not by -x.
        ended = session.shouldfail and not (at_most and failed >= at_most)
        return 0 < failed == self._accounted and not ended
