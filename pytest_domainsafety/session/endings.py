"""Why a run ended before all of it was run, and what is said where nothing is asked."""

from __future__ import annotations

import pytest

from pytest_domainsafety.text import counted


def how_it_ended(session: pytest.Session, error: BaseException) -> str:
    """Return what ended pytest's loop, in words.

    Args:
        session: Of the run.
        error: That came out of the loop; xdist's for `-x` is a kind of Ctrl-C.
    """
    at_most = session.config.option.maxfail
    if at_most and session.testsfailed >= at_most:
        typed = "-x" if at_most == 1 else f"--maxfail={at_most}"
        return f"{typed} ended the run after {counted(at_most, 'failure')}"
    if type(error) is KeyboardInterrupt:
        return "Ctrl-C ended the run"
    return "the run was ended before its last test"


def nothing_asked(option: str) -> str:
    """Return what is said of a run that only shows what it would do."""
    return f"nothing was asked and nothing judged: {option} only shows what would run"
