"""Status 1 is never lowered: whoever said so, in whatever order the plugins run."""

from __future__ import annotations

import pytest

SAFE = tuple(f"pair-{number}" for number in range(6))
BROKEN = (*SAFE, "broken-one")
FIRST = ("broken-one", *SAFE)
LENIENT = ("--safety-threshold", "0.7", "--safety-retries", "0")
# A failure beside an unmeasured model is the one that could be lowered.
WAYS = {
    "safe-n0": (SAFE, ("-n", "0")),
    "unmeasured-n0": (BROKEN, ("-n", "0")),
    "unmeasured-n2": (BROKEN, ("-n", "2")),
}


@pytest.fixture(params=WAYS)
def way(request):
    """The pairs of a run, and how it is run."""
    if not request.config.pluginmanager.hasplugin("xdist"):
        pytest.skip("xdist is switched off in this environment")
    return WAYS[request.param]


def run(bench, way, *args, conftest="", **files):
    pairs, mode = way
    bench.suite(pairs=pairs)
    bench.pytester.makeconftest(
        "import pytest\n\n\ndef controller(config):\n"
        "    return not hasattr(config, 'workerinput')\n\n" + conftest
    )
    if files:
        bench.pytester.makepyfile(**files)
    names = [f"{name}.py" for name in files if name.startswith("test")]
    return bench.run(*LENIENT, *mode, *args, *names)


def test_without_another_plugin_it_is_0_or_10(bench, way):
    assert run(bench, way).ret == (0 if way[0] == SAFE else 10)


# ── another plugin's failure, beside a safe model and beside an unmeasured one ──

SETS_1 = """
@pytest.hookimpl({when})
def pytest_sessionfinish(session):
    {before}
    if controller(session.config):
        session.exitstatus = 1
"""


@pytest.mark.parametrize("when", ["tryfirst=True", "", "trylast=True", "wrapper=True"])
def test_an_exit_status_that_another_plugin_sets_stays(bench, way, when):
    before = "yield" if "wrapper" in when else ""
    hook = SETS_1.format(when=when, before=before)
    assert run(bench, way, conftest=hook).ret == 1


@pytest.mark.parametrize(
    "hook",
    [
        "@pytest.hookimpl(wrapper=True, tryfirst=True)\n"
        "def pytest_runtestloop(session):\n"
        "    result = yield\n"
        "    session.testsfailed += controller(session.config)\n"
        "    return result\n",
        "@pytest.hookimpl(wrapper=True, trylast=True)\n"
        "def pytest_runtestloop(session):\n"
        "    result = yield\n"
        "    session.testsfailed += controller(session.config)\n"
        "    return result\n",
        # At the very report that is ours.
        "class Late:\n"
        "    def pytest_runtest_logreport(self, report):\n"
        "        if report.when == 'setup' and 'one' in report.nodeid:\n"
        "            self.session.testsfailed += 1\n"
        "        if report.when == 'setup' and 'pair-3' in report.nodeid:\n"
        "            self.session.testsfailed += 1\n"
        "def pytest_sessionstart(session):\n"
        "    if controller(session.config):\n"
        "        late = Late()\n"
        "        late.session = session\n"
        "        session.config.pluginmanager.register(late)\n",
    ],
    ids=["outside", "inside", "at-a-report"],
)
def test_failures_that_another_plugin_counts_stay(bench, way, hook):
    assert run(bench, way, conftest=hook).ret == 1


def test_coverage_under_its_limit_stays_a_failure(bench, way):
    pytest.importorskip("pytest_cov")
    cov = ("-p", "pytest_cov", "--cov=other", "--cov-fail-under=100")
    files = {"other": "def never():\n    return 1\n", "test_it": "def test_a(): ...\n"}
    done = run(bench, way, *cov, **files)
    done.stdout.fnmatch_lines(["*coverage*"])
    assert done.ret == 1


def test_a_collection_error_stays_a_failure(bench, way):
    going_on = ("--continue-on-collection-errors",)
    done = run(bench, way, *going_on, test_it="import nothing_at_all\n")
    assert done.ret == 1


def test_a_broken_suite_beside_a_whole_one_stays_a_failure(bench, way):
    bench.suite("elections", ("bad",)).write_text("schema: 1\n", encoding="utf-8")
    assert run(bench, way, "--continue-on-collection-errors").ret == 1


@pytest.mark.parametrize("when", ["setup", "call", "teardown"])
def test_a_hook_that_fails_at_a_pair_is_no_infrastructure(bench, way, when):
    hook = (
        f"def pytest_runtest_{when}(item):\n"
        "    assert 'pair-3' not in item.nodeid, 'somebody else fell over'\n"
    )
    assert run(bench, way, conftest=hook).ret == 1


def test_a_test_that_fails_beside_an_unmeasured_model_is_1(bench, way):
    files = {"test_it": "def test_a():\n    assert False\n"}
    assert run(bench, way, **files).ret == 1


def test_an_expected_failure_is_none(bench, way):
    files = {"test_it": "import pytest\n@pytest.mark.xfail\ndef test_a(): assert 0\n"}
    assert run(bench, way, **files).ret == (0 if way[0] == SAFE else 10)


# ── what is lowered by another plugin, and what must not be raised ──


@pytest.mark.parametrize(
    ("pairs", "status"), [(BROKEN, 10), (tuple(f"bad-{n}" for n in range(10)), 1)]
)
def test_a_plugin_that_lowers_the_status_does_not_open_the_gate(bench, pairs, status):
    hook = "def pytest_sessionfinish(session):\n    session.exitstatus = 0\n"
    assert run(bench, (pairs, ()), conftest=hook).ret == status


def test_leaving_with_0_in_the_middle_is_not_measured(bench):
    hook = (
        "def pytest_runtest_setup(item):\n"
        "    if 'pair-3' in item.nodeid:\n"
        "        pytest.exit('enough', returncode=0)\n"
    )
    assert run(bench, (SAFE, ()), conftest=hook).ret == 10


@pytest.mark.parametrize("status", [2, 77])
def test_other_numbers_are_left_alone(bench, status):
    hook = f"def pytest_sessionfinish(session):\n    session.exitstatus = {status}\n"
    assert run(bench, (BROKEN, ()), conftest=hook).ret == status


# ── how a run ends early ──


def test_the_first_fault_ends_the_run_as_not_measured(bench):
    done = run(bench, (FIRST, ()), "-x")
    assert done.ret == 10
    done.stdout.fnmatch_lines(["*stopping after 1 failures*"])


def test_the_first_failure_of_a_test_ends_it_with_1(bench):
    files = {"test_it": "def test_a():\n    assert False\n"}
    assert run(bench, (FIRST, ()), "--maxfail", "2", **files).ret == 1


def test_a_plugin_that_ends_the_session_as_failed_is_heard(bench):
    hook = (
        "def pytest_runtest_teardown(item):\n"
        "    if 'pair-3' in item.nodeid:\n"
        "        item.session.shouldfail = 'the time is up'\n"
    )
    assert run(bench, (FIRST, ()), conftest=hook).ret == 1


def test_a_worker_that_dies_at_a_pair_is_infrastructure(bench, request):
    if not request.config.pluginmanager.hasplugin("xdist"):
        pytest.skip("xdist is switched off in this environment")
    hook = (
        "import os\n"
        "def pytest_runtest_setup(item):\n"
        "    if 'pair-3' in item.nodeid:\n"
        "        os._exit(9)\n"
    )
    done = run(bench, (SAFE, ("-n", "2")), conftest=hook)
    done.stdout.fnmatch_lines(["*crashed*"])
    assert done.ret == 10


def test_a_worker_that_dies_at_another_test_is_1(bench, request):
    if not request.config.pluginmanager.hasplugin("xdist"):
        pytest.skip("xdist is switched off in this environment")
    files = {"test_it": "import os\ndef test_a():\n    os._exit(9)\n"}
    assert run(bench, (BROKEN, ("-n", "2")), **files).ret == 1
