"""What pytest or another plugin calls a failure stays one, whatever our gates say."""

from __future__ import annotations

import pytest
from fail_open.lab import FAILED, NAMES

FAILING_TEST = "def test_other():\n    assert False\n"
TEARDOWN = """\
import pytest
@pytest.fixture
def leaky():
    yield
    raise RuntimeError("not closed")
def test_other(leaky):
    pass
"""
SETS_STATUS = """\
import pytest
@pytest.hookimpl({when}=True)
def pytest_sessionfinish(session):
    if not hasattr(session.config, "workerinput"):
        session.exitstatus = 1
"""
COUNTS_ONE = """\
import pytest
@pytest.hookimpl(wrapper=True, {when}=True)
def pytest_runtestloop(session):
    result = yield
    if not hasattr(session.config, "workerinput"):
        session.testsfailed += 1
    return result
"""
SKIPPED_LOOP = """\
def pytest_runtest_logreport(report):
    pass
def pytest_sessionfinish(session):
    session.exitstatus = 1
"""
NEIGHBOURS = {
    "a_failing_test": ({"test_other.py": FAILING_TEST}, ("test_other.py",)),
    "a_failing_teardown": ({"test_other.py": TEARDOWN}, ("test_other.py",)),
    "a_collection_error": (
        {"test_other.py": "import there_is_no_such_module\n"},
        ("--continue-on-collection-errors", "test_other.py"),
    ),
    "status_set_first": ({"conftest.py": SETS_STATUS.format(when="tryfirst")}, ()),
    "status_set_last": ({"conftest.py": SETS_STATUS.format(when="trylast")}, ()),
    "status_set_plainly": ({"conftest.py": SKIPPED_LOOP}, ()),
    "failed_counted_inside": ({"conftest.py": COUNTS_ONE.format(when="trylast")}, ()),
    "failed_counted_outside": ({"conftest.py": COUNTS_ONE.format(when="tryfirst")}, ()),
}
CELLS = [
    pytest.param(name, workers, id=f"{name}-python-n{workers}")
    for name in NEIGHBOURS
    for workers in (0, 2)
    if not workers or name in ("a_failing_test", "failed_counted_inside")
]


@pytest.mark.parametrize(("name", "workers"), CELLS)
def test_a_failure_of_another(lab, name, workers):
    files, args = NEIGHBOURS[name]
    for file, text in files.items():
        (lab.path / file).write_text(text)
    lab.suite()
    seen = lab.run("python", *args, workers=workers)
    assert seen.status == FAILED, seen.tail()
    assert seen.results["gates"][0]["passed"] is True


def test_coverage_under_its_limit(lab):
    pytest.importorskip("pytest_cov")
    lab.suite()
    (lab.path / "used.py").write_text("def never():\n    return 1\n" * 9)
    seen = lab.run("python", "--cov=used", "--cov-fail-under=100", "--cov-report=")
    assert seen.status == FAILED, seen.tail()


@pytest.mark.parametrize("name", ["a_failing_test", "status_set_first"])
def test_a_failure_of_another_beside_lost_replies(lab, name):
    """Infrastructure explains our failures, and no other's: 1 does not become 10."""
    files, args = NEIGHBOURS[name]
    for file, text in files.items():
        (lab.path / file).write_text(text)
    lab.suite(pairs=[*NAMES[:3], *NAMES[10:]])
    (lab.path / "dead.py").write_text("def answer(prompt):\n    raise OSError\n")
    seen = lab.run("python", *args, model="python:dead:answer")
    assert seen.status == FAILED, seen.tail()
