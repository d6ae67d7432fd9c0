"""What the engine's thread leaves to pytest's: to parse Python.

In Python 3.11.7 and 3.12.1 two threads that parse at once disturb each other, and
without byte code pytest parses each module of ours that is imported.
"""

from __future__ import annotations

import gc

import pytest

from pytest_domainsafety.session import readiness

WATCH = """
import sys
import threading

END = "conclusion.py"
begun = False


def watch(event, told):
    global begun
    main = threading.current_thread() is threading.main_thread()
    if event != "compile":
        return
    if main and str(told[1]).endswith(END):
        begun = True
        sys.stderr.write("BEGUN\\n")
    elif begun and not main and sys._getframe(1).f_code.co_name == "parse":
        sys.stderr.write(f"PARSED on {threading.current_thread().name}: {told[1]}\\n")


sys.addaudithook(watch)
"""


@pytest.mark.parametrize("stop", [(), ("--safety-stop", "sequential")])
def test_the_engine_s_thread_parses_nothing_while_pytest_s_imports(
    bench, monkeypatch, stop
):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(bench.path / "none"))
    bench.suite(pairs=[f"pair-{number}" for number in range(6)])
    bench.pytester.makeconftest(WATCH)
    options = ("--judge", "offline", "--safety-replications", "2", *stop)
    done = bench.pytester.runpytest_subprocess(
        *("-p", "no:cacheprovider", "-s", "--model", "python:app:safe", *options)
    )
    told = done.stderr.str() + done.stdout.str()
    assert "BEGUN" in told
    assert "PARSED" not in told


def test_no_collection_while_the_end_is_imported(monkeypatch):
    """It is the collector that lets the other thread in between."""
    seen = []
    monkeypatch.setattr(
        readiness, "import_module", lambda _: seen.append(gc.isenabled())
    )
    monkeypatch.setattr(readiness, "spare_the_collector", lambda: None)
    assert gc.isenabled()
    readiness.prepare_the_end()
    assert seen
    assert not any(seen)
    assert gc.isenabled()
