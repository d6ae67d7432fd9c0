"""What a run gets ready while its first requests are on their way."""

from __future__ import annotations

import gc
from importlib import import_module


def prepare_the_end() -> None:
    """Import what the verdict needs, and have the collector leave it in peace."""
    for name in (
        "pytest_domainsafety.session.conclusion",
        "pytest_domainsafety.reporting.terminal",
        "scipy.special",
    ):
        import_module(name)
    spare_the_collector()


def spare_the_collector() -> None:
    """Keep what is there by now out of every search for unreachable objects.

    Imported modules stay to the end of the process, and going through them costs a
    quarter of a second, most of it when the interpreter ends.
    """
    if gc.get_freeze_count():  # an earlier session of this process, now over
        gc.unfreeze()
        gc.collect()
    gc.freeze()
