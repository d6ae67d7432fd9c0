"""The pytest hooks: registration and delegation, nothing else.

Imported by every pytest run on a machine where the package is installed, so
whatever costs time is imported only once a suite or a model is in play.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_domainsafety.config import pytest_options as options

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from pytest_domainsafety.session.collection import SuiteFile


_IS_SET_UP = pytest.StashKey[bool]()
"""There once the session is, in a run that has a model to test."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the `--safety-…` options."""
    options.add_options(parser)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> Generator[None, object, object]:
    """Read `--model` and `--judge` as ours, where nobody else has them by the end.

    They are never registered: so no conftest or plugin can clash with them, in
    whatever order it is loaded.
    """
    if not options.may_have_short_names(args):
        return (yield)
    from pytest_domainsafety.session import short_names

    short_names.find_paths(early_config, parser, args)
    result = yield
    short_names.spell_out(early_config, parser, args)
    return result


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Write or check the lock, where that is asked for, and run nothing."""
    if not (config.option.safety_write_lock or config.option.safety_check_lock):
        return None
    from pytest_domainsafety.session.lock_writing import locks

    return locks(config)


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, and the session where a model is to be tested."""
    for line in options.MARKERS:
        config.addinivalue_line("markers", line)
    # A model in the ini stands there for every run, of the unit tests too, which should
    # not pay for what they don't use.
    if options.wants_models(config) and (
        _is_typed(config) or options.may_have_suites(config)
    ):
        _set_up(config)


def _is_typed(config: pytest.Config) -> bool:
    if not config.option.safety_model:
        return False
    from pytest_domainsafety.session.short_names import OURS

    return options.model_is_typed(config, config.stash.get(OURS, ()))


def _set_up(config: pytest.Config, session: pytest.Session | None = None) -> None:
    from pytest_domainsafety.session.hooks import register

    register(config, session)
    config.stash[_IS_SET_UP] = True


def pytest_collect_file(parent: pytest.Collector, file_path: Path) -> SuiteFile | None:
    """Collect `*.safety.yaml`."""
    if not file_path.name.endswith(options.SUFFIXES):
        return None
    config = parent.config
    if options.wants_models(config) and _IS_SET_UP not in config.stash:
        _set_up(config, parent.session)  # pytest looked where nobody expected one
    from pytest_domainsafety.session.hooks import collect

    return collect(parent, file_path)


@pytest.hookimpl(tryfirst=True)
def pytest_collect_directory(path: Path, parent: pytest.Collector) -> SuiteFile | None:
    """Refuse a folder with a suite's name, as a mount of a missing file leaves one."""
    return pytest_collect_file(parent, path)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Refuse what is named as a suite and is no file; pytest passes over it."""
    report = yield
    if isinstance(collector, pytest.Directory) and report.passed:
        from pytest_domainsafety.session.odd_suites import odd_suites

        report.result += odd_suites(collector)
    return report


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Ask first what is likely to fail, where a run may end early."""
    if _IS_SET_UP in config.stash:
        from pytest_domainsafety.session.hooks import arrange

        arrange(config, items)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Without a model, say what to type; a run's controller looks at its models."""
    if not options.wants_models(session.config):
        _demand_model(session.config, (item.nodeid for item in session.items))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any, ids: list[str]) -> None:
    """Do the same on xdist's controller, which collects nothing itself."""
    if not options.wants_models(node.config):
        _demand_model(node.config, ids)
    elif _IS_SET_UP not in node.config.stash:
        # The workers did not agree on a run, so what they would count is no one run.
        suite = options.suite_to_run(node.config, ids)
        if suite is not None:
            raise pytest.UsageError(
                f"{suite}: a suite where none was looked for; name its folder, or name "
                "the model on the command line"
            )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put a pair's outcome on its report, on whichever process it ran."""
    report = yield
    if hasattr(item, "outcome") and options.wants_models(item.config):
        from pytest_domainsafety.session.hooks import attach_outcome

        attach_outcome(item, call, report)
    return report


def pytest_report_teststatus(
    report: pytest.CollectReport | pytest.TestReport,
) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    """Show a pair's status word instead of `passed`."""
    word = getattr(report, "domainsafety_word", None)
    if word is None:
        return None
    from pytest_domainsafety.session.pytest_reports import LETTERS, MARKUP

    return word, LETTERS[word], (word.upper(), MARKUP[word])


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop the engine, and let an xdist worker hand over what it counted.

    First of all plugins: after Ctrl-C or ``-x`` nobody's summary is worth the
    GPU time that requests in flight would go on taking.
    """
    config = session.config
    if _IS_SET_UP in config.stash:
        from pytest_domainsafety.session.hooks import hand_over, stop

        stop(config)
        if hasattr(config, "workeroutput"):
            hand_over(config)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the engine, also after an interrupted or broken session."""
    if _IS_SET_UP in config.stash:
        from pytest_domainsafety.session.hooks import stop

        stop(config)


def _demand_model(config: pytest.Config, nodeids: Iterable[str]) -> None:
    suite = options.suite_to_run(config, nodeids)
    if suite is not None:
        from pytest_domainsafety.session.short_names import missing_model

        raise pytest.UsageError(missing_model(config, suite))
