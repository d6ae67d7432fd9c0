"""What nobody foresaw, as pytest shows it: one sentence, and never a frame.

pytest shows an exception with its frames and, as it is told, with their values: a
prompt is in most of them. The frames go to a file (`providers.crash_report`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from pytest_domainsafety.errors import DomainSafetyError
from pytest_domainsafety.files import trouble_with
from pytest_domainsafety.session.internals import NotMeasured
from pytest_domainsafety.text import visible

if TYPE_CHECKING:
    from pytest_domainsafety.config.run import RunConfig


def sentence(
    what: str, error: BaseException, config: RunConfig, texts: Iterable[str] = ()
) -> str:
    """Return what is said of an exception.

    Args:
        what: Could not be done, as the sentence's beginning.
        error: A sentence of our own, or what nobody foresaw.
        config: Knows where the store is.
        texts: Prompts that it may quote.
    """
    if isinstance(error, DomainSafetyError):
        return visible(str(error))
    if isinstance(error, CancelledError):
        return f"{what}: the run was ended before."
    trouble = trouble_with(error)
    if trouble is not None:
        return f"{what}: {trouble}."
    from pytest_domainsafety.providers.crash_report import report_crash

    return f"{what}: {report_crash(error, config.store.parent, texts)}."


def not_measured(
    error: Exception, config: RunConfig, texts: Iterable[str]
) -> NotMeasured:
    """Return what a pair's set-up fails with."""
    told = sentence("This pair could not be measured", error, config, texts)
    return NotMeasured(told, pytrace=False)


@contextmanager
def as_usage_error(what: str, config: RunConfig) -> Iterator[None]:
    """Let what is raised inside end the session with one sentence, before it began.

    Raises:
        pytest.UsageError: Whatever it was.
    """
    try:
        yield
    except (pytest.UsageError, pytest.exit.Exception):
        raise
    except Exception as error:  # noqa: BLE001 - pytest would show its frames
        raise pytest.UsageError(sentence(what, error, config)) from None


def without_frames(call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    """Let a report that was to have no frames be its sentence.

    ``--full-trace`` puts them on again, with the values of arguments and variables,
    and at a failed set-up pytest begins with the class of the exception.
    """
    failure = None if call.excinfo is None else call.excinfo.value
    plain = isinstance(failure, pytest.fail.Exception) and not failure.pytrace
    if plain:
        report.longrepr = str(failure)
