"""Suite files: YAML → :class:`~pytest_domainsafety.types.Suite`.

A file is parsed once, to YAML nodes; plain data is built from the nodes, and
the nodes are asked for lines only where something is wrong. All problems of a
file are told at once, each with its line. Sessions and commands call it. From outside:
`load_suite` and `load_suites`.
"""

from pytest_domainsafety.config.pytest_options import SUFFIXES
from pytest_domainsafety.suite.loading import (
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
