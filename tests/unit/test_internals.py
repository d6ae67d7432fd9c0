"""Private parts of pytest and xdist: a version in which one is gone fails here."""

from __future__ import annotations

import inspect
from types import SimpleNamespace

import pytest

from pytest_domainsafety.session import internals

PYTEST_S = {"Lean", "forget_gates", "terminal_writer"}
PYTEST_S |= {"terminal_encoding", "option_names", "parser_of"}
PYTEST_S |= {"stream_holders", "log_handlers"}
XDIST_S = {"xdist_queue", "xdist_workers", "xdist_name", "is_crash"}
XDIST_S |= {"xdist_source"}


def test_each_has_its_test_here():
    own = {
        name
        for name, value in vars(internals).items()
        if getattr(value, "__module__", "") == internals.__name__
        and not name.startswith("_")
    }
    assert own == PYTEST_S | XDIST_S


def test_a_node_is_made_of_what_is_made_on_demand(pytester):
    """Lean drops these; a further one of pytest's would never be dropped."""

    class Plain(pytest.Item):
        def runtest(self): ...

    plain = Plain.from_parent(pytester.getmodulecol("def test_a(): ..."), name="a")
    assert plain.__dict__
    assert plain.__dict__.keys() <= internals._ON_DEMAND.keys()


def test_what_is_not_measured_is_a_failure_without_a_traceback(pytester):
    pytester.makeconftest(
        "from pytest_domainsafety.session.internals import NotMeasured\n"
        "def pytest_runtest_setup(item):\n"
        "    raise NotMeasured('no server', pytrace=False)\n"
    )
    pytester.makepyfile("def test_a(): ...")
    done = pytester.runpytest("-p", "no:xdist")
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["no server"])
    done.stdout.no_fnmatch_line("*Traceback*")


def test_the_plugin_of_last_failures_is_where_it_was(pytester):
    config = pytester.parseconfigure()
    plugin = config.pluginmanager.get_plugin("lfplugin")
    plugin.lastfailed = {"gate::labor::m": True, "a.py::test_a": True}
    internals.forget_gates(config)
    assert plugin.lastfailed == {"a.py::test_a": True}


@pytest.mark.parametrize(
    ("how", "names"),
    [
        ("fd", ["tmpfile", "_old"] * 2),
        ("sys", ["tmpfile", "_old"] * 2),
        ("tee-sys", ["tmpfile", "_old"] * 2),
        ("no", []),
    ],
)
def test_capturing_keeps_its_streams_where_they_were(pytester, how, names):
    pytester.makeconftest(f"""
from pytest_domainsafety.session.internals import stream_holders
def pytest_runtest_setup(item):
    import sys
    found = list(stream_holders(item.config))
    assert [name for _, name in found] == {names}
    for at, stream in ((0, sys.stdout), (2, sys.stderr)):
        if found:
            assert getattr(*found[at]) is stream
""")
    pytester.makepyfile("def test_a(): ...")
    done = pytester.runpytest_subprocess(f"--capture={how}", "-p", "no:xdist")
    done.assert_outcomes(passed=1)


def test_the_logging_plugin_has_its_handlers(pytester):
    assert len(internals.log_handlers(pytester.parseconfigure())) >= 2


def test_the_terminal_reporter_has_a_writer_and_its_stream(pytester):
    config = pytester.parseconfigure()
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    writer = internals.terminal_writer(reporter)
    assert writer.fullwidth > 0
    assert isinstance(writer.hasmarkup, bool)
    assert writer._file is not None
    assert internals.terminal_encoding(reporter)


def test_all_options_have_their_names(pytester):
    pytester.makeconftest(
        "def pytest_addoption(parser):\n"
        "    parser.addoption('--theirs', '-T')\n"
        "    parser.getgroup('cars').addoption('--wheels', dest='rims')\n"
    )
    config = pytester.parseconfigure()
    parser = internals.parser_of(config)
    expected = {"--theirs", "-T", "--wheels", "--maxfail", "-x", "--safety-model"}
    assert expected <= internals.option_names(parser)
    assert "--model" not in internals.option_names(parser)


# ── xdist ──


def test_a_worker_has_a_queue():
    remote = pytest.importorskip("xdist.remote")
    source = inspect.getsource(remote.WorkerInteractor)
    assert "self.torun" in source
    assert "nextitem_index" in source
    assert hasattr(remote.TestQueue, "lock")


def test_a_node_has_a_name_and_knows_all_specs():
    workermanage = pytest.importorskip("xdist.workermanage")
    node = inspect.getsource(workermanage.WorkerController.__init__)
    assert "self.nodemanager = nodemanager" in node
    assert "self.gateway = gateway" in node
    assert "self.specs" in inspect.getsource(workermanage.NodeManager.__init__)


def test_a_crash_is_told_by_its_phase():
    dsession = pytest.importorskip("xdist.dsession")
    assert '"???"' in inspect.getsource(dsession.DSession.handle_crashitem)
    report = pytest.TestReport("a", ("a", None, "a"), {}, "failed", "died", "???")
    assert internals.is_crash(report)


def test_a_report_knows_its_node():
    dsession = pytest.importorskip("xdist.dsession")
    source = inspect.getsource(dsession.DSession.worker_testreport)
    assert source.index("rep.node = node") < source.index("hook.pytest_runtest_")
    report = pytest.TestReport("a", ("a", None, "a"), {}, "passed", None, "call")
    report.node = SimpleNamespace(gateway=SimpleNamespace(id="gw7"))
    assert internals.xdist_source(report) == "gw7"
