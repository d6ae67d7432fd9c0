"""The laboratory in which each cell of the matrix is run."""

from __future__ import annotations

import contextlib
import importlib
import pkgutil

import pytest
from fail_open.lab import Lab
from faultserver import FaultServer

import pytest_domainsafety
from pytest_domainsafety.runs import record_blocks

# Compiled modules can't be imported twice, and pytester forgets what a run inside
# this process imports: so everything that a run needs is there before. The vendor's
# package alone takes a second, which each cell would wait for anew.
for _name in ("numpy.fft", "scipy.special", "jinja2", "rich.console", "xdist.dsession"):
    importlib.import_module(_name)
for _name in ("anthropic.resources.messages", "ollama", "pandas"):
    with contextlib.suppress(ImportError):
        importlib.import_module(_name)
for _name in (*record_blocks.ENGINE, "pyarrow.parquet"):
    if record_blocks.has_engine():
        importlib.import_module(_name)
for _found in pkgutil.walk_packages(
    pytest_domainsafety.__path__, "pytest_domainsafety."
):
    importlib.import_module(_found.name)


@pytest.fixture(scope="session")
def server():
    with FaultServer(*(f"{name}:latest" for name in "mjkl")) as served:
        served.digests = {name: name[0] * 64 for name in served.models}
        yield served


@pytest.fixture
def lab(pytester, server, monkeypatch):
    pytester.plugins = []
    return Lab(pytester, server, monkeypatch)
