"""What is done while the models answer, so that the end of a run costs less."""

from __future__ import annotations

import gc
from importlib import import_module


def prepare_the_end() -> None:
    """Import what the verdict needs, and have the collector leave it in peace."""
    # pytest's rewriting parses what has no byte code, and in Python 3.11.7 and 3.12.1
    # two threads that parse disturb each other where the collector interrupts one
    # (https://github.com/python/cpython/issues/106905). An application may parse too.
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        for name in (
            "pytest_domainsafety.session.conclusion",
            "pytest_domainsafety.reporting.terminal",
            "scipy.special",
        ):
            import_module(name)
    finally:
        if was_enabled:
            gc.enable()
    spare_the_collector()


def spare_the_collector() -> None:
    """Keep what is there by now out of every search for unreachable objects.

    Imported modules stay to the end of the process, and going through them costs a
    quarter of a second, most of it when the interpreter ends: 10% of the wall time of
    720 requests at zero latency (benchmarks/on_off.py).
    """
    if gc.get_freeze_count():  # an earlier session of this process, now over
        gc.unfreeze()
        gc.collect()
    gc.freeze()
