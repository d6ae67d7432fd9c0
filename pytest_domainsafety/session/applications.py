"""What this process does for the user's own functions and programs while it asks them.

What a function prints goes to its item, not to the terminal: where its text goes
decides `providers.output`, which is put in front of pytest's streams and log handlers.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any

import pytest

from pytest_domainsafety.providers.output import OwnLog, Routed
from pytest_domainsafety.providers.processes import end_with_us
from pytest_domainsafety.session.internals import log_handlers, stream_holders

SECTION = "from the application"
"""As pytest heads it: `Captured from the application setup`."""


def prepare(config: pytest.Config, models: Iterable[str]) -> ExitStack:
    """Make this process ready for the user's own functions and programs, if any.

    Args:
        config: pytest's.
        models: All that will be asked, as typed.

    Returns:
        To be closed when nothing is asked any more.
    """
    routing = ExitStack()
    kinds = {name.partition(":")[0] for name in models}
    if "command" in kinds:
        end_with_us()
    if "python" in kinds:
        _route_output(config, routing)
    return routing


def _route_output(config: pytest.Config, routing: ExitStack) -> None:
    """Stand in front of whatever may become `sys.stdout` and `sys.stderr`."""
    for holder, name in (*stream_holders(config), (sys, "stdout"), (sys, "stderr")):
        stream = getattr(holder, name, None)
        if stream is not None and type(stream) is not Routed:
            setattr(holder, name, Routed(stream))
            routing.callback(_put_back, holder, name)
    own_log = OwnLog()
    for handler in log_handlers(config):
        handler.addFilter(own_log)
        routing.callback(handler.removeFilter, own_log)


def _put_back(holder: Any, name: str) -> None:
    stream = getattr(holder, name, None)
    if type(stream) is Routed:
        setattr(holder, name, stream.stream)
