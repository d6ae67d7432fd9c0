"""Warnings of the process, without what they quote: an application's among them.

pytest takes warnings of the whole process, in whatever thread they are given, also of
a thread that died with a traceback, and shows them at the end.
"""

from __future__ import annotations

import warnings

import pytest

from pytest_domainsafety.providers.redaction import strike
from pytest_domainsafety.session.process import Process


class StruckWarnings:
    """A plugin of the process that the user started: workers send it theirs.

    Args:
        process: Knows the suites of the run.
    """

    def __init__(self, process: Process) -> None:
        """Know of no prompt yet."""
        self._process = process
        self._asked: tuple[int, str] = (0, "")

    @pytest.hookimpl(tryfirst=True)
    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage) -> None:
        """Strike a warning's words before anybody shows them."""
        said = str(warning_message.message)
        struck = strike(said, (self._prompts(),))
        if struck != said:
            warning_message.message = struck

    def _prompts(self) -> str:
        """Return all that may be asked as one text: there may be many warnings."""
        suites = self._process.suites
        if len(suites) != self._asked[0]:
            texts = [*self._process.config.system_prompts]
            for suite in suites.values():
                for pair in suite.suite.scenarios:
                    texts += pair.texts()
            self._asked = len(suites), "\n".join(texts)
        return self._asked[1]
