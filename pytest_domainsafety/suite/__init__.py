"""Suite files: YAML → :class:`~pytest_domainsafety.types.Suite`.

A file is parsed once, to YAML nodes; plain data is built from the nodes, and
the nodes are asked for lines only where something is wrong. All problems of a
file are told at once, each with its line.
"""

from pytest_domainsafety.suite.loading import (
    SUFFIXES,
    LoadedSuite,
    clashes,
    find_suites,
    load_suite,
    load_suites,
    suite_files,
)
from pytest_domainsafety.suite.reading import MAX_BYTES

__all__ = [
    "MAX_BYTES",
    "SUFFIXES",
    "LoadedSuite",
    "clashes",
    "find_suites",
    "load_suite",
    "load_suites",
    "suite_files",
]
