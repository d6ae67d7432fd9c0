"""What can be done with saved runs: no pytest here, and no model unless to judge again.

In come stores, results files and anybody's records (`sources`, `record_files`); out go
results, comparisons, labels, exports. The commands call it, and the session for its
baseline. From outside: what is exported here, each name loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_domainsafety.runs.sources import find_source as find_source
    from pytest_domainsafety.runs.sources import load_results as load_results
    from pytest_domainsafety.runs.sources import open_records as open_records

__all__ = ["find_source", "load_results", "open_records"]


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.sources"), name)
