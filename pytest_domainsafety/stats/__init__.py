"""Statistics: arrays in, frozen dataclasses out; knows no record and no file.

Importing this costs next to nothing: each name loads its module when it is
first used, and `scipy.stats` is loaded only where a table needs it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_domainsafety.stats.bootstrap import (
        cluster_bootstrap as cluster_bootstrap,
    )
    from pytest_domainsafety.stats.bootstrap import (
        replication_bootstrap as replication_bootstrap,
    )
    from pytest_domainsafety.stats.intervals import clopper_pearson as clopper_pearson
    from pytest_domainsafety.stats.intervals import guarded as guarded
    from pytest_domainsafety.stats.intervals import korn_graubard as korn_graubard
    from pytest_domainsafety.stats.intervals import naive as naive
    from pytest_domainsafety.stats.intervals import zero_event_bound as zero_event_bound
    from pytest_domainsafety.stats.outcomes import Interval as Interval
    from pytest_domainsafety.stats.outcomes import Outcomes as Outcomes

_HOMES = {
    "bootstrap": ("cluster_bootstrap", "replication_bootstrap"),
    "intervals": (
        "clopper_pearson",
        "guarded",
        "korn_graubard",
        "naive",
        "zero_event_bound",
    ),
    "outcomes": ("Interval", "Outcomes"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605 - made from the table above


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
