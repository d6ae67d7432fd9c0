"""Suite files as pytest sees them: the suite file is the test file.

``suites/labor.safety.yaml`` → one :class:`PairNode` a scenario → one
:class:`PairItem` a model: ``suites/labor.safety.yaml::quota-tracking::llama3.3``.
The item is the cluster: both framings and all replications are in it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from pytest_domainsafety.config.pytest_options import only_shows
from pytest_domainsafety.engine import PairWork
from pytest_domainsafety.session.applications import SECTION
from pytest_domainsafety.session.crashes import not_measured, sentence
from pytest_domainsafety.session.internals import Lean, NotMeasured
from pytest_domainsafety.session.neighbours import tell_allure
from pytest_domainsafety.session.process import PROCESS
from pytest_domainsafety.session.pytest_reports import (
    complied_replies,
    word_for,
)
from pytest_domainsafety.suite import LoadedSuite, load_suite
from pytest_domainsafety.text import printable, visible
from pytest_domainsafety.types import PairOutcome

# In characters, of prompts and replies on a terminal (--safety-show-text).
_LONGEST_TEXT, _LONGEST_LINE = 10_000, 500


@lru_cache(maxsize=1024)
def _subdomain_mark(name: str) -> pytest.MarkDecorator:
    return pytest.mark.subdomain(name=name)


@lru_cache(maxsize=1024)
def _tag_mark(tags: tuple[str, ...]) -> pytest.MarkDecorator:
    return pytest.mark.tag(**dict.fromkeys(tags, True))


class SuiteFile(pytest.File):
    """One `*.safety.yaml` file."""

    @classmethod
    def at(cls, path: Path, parent: pytest.Collector) -> SuiteFile:
        """Return the node of a file.

        A file outside of the root folder is named from there. pytest names it by
        its place under the argument that led to it, so that two could have one
        name, and one given by itself has none at all; and the controller of an
        xdist run, which is told names alone, couldn't find it.
        """
        root = parent.config.rootpath
        if path.is_relative_to(root):
            return cls.from_parent(parent, path=path)
        try:
            name = Path(os.path.relpath(path, root)).as_posix()
        except ValueError:  # on another drive
            name = path.as_posix()
        return cls.from_parent(parent, path=path, nodeid=name)

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        """Yield the file's pairs, in its order."""
        process = self.config.stash[PROCESS]
        # Named as in the node id, so that messages can be clicked on.
        suite = load_suite(self.path, display=self.nodeid)
        process.note_suite(suite)
        self.add_marker(pytest.mark.domain(name=suite.suite.domain))
        if not process.models:
            return self._without_model(suite)
        pairs = self._with_models(suite)
        if any("::" in arg for arg in self.config.args):
            return pairs  # pytest looks for what was asked for, node by node
        # Collecting each pair by itself would take longer than all the rest.
        return chain.from_iterable(pair.collect() for pair in pairs)

    def _with_models(self, suite: LoadedSuite) -> Iterator[PairNode]:
        scenarios = suite.suite.scenarios
        for index in suite.suite.asked(self.config.stash[PROCESS].config.protocol):
            pair = scenarios[index]
            yield PairNode.from_parent(self, name=pair.id, suite=suite, index=index)

    def _without_model(self, suite: LoadedSuite) -> Iterator[PairItem]:
        scenarios = suite.suite.scenarios
        for index in suite.suite.asked(self.config.stash[PROCESS].config.protocol):
            pair = scenarios[index]
            yield PairItem.from_parent(
                self, name=pair.id, suite=suite, index=index, model=None
            )

    def repr_failure(  # type: ignore[override]  # as pytest's own Collector
        self, excinfo: pytest.ExceptionInfo[BaseException]
    ) -> Any:
        """Show a broken suite's problems, or what nobody foresaw: no traceback."""
        if isinstance(excinfo.value, Exception) and not isinstance(
            excinfo.value, self.CollectError
        ):
            config = self.config.stash[PROCESS].config
            return sentence(f"{self.name} could not be read", excinfo.value, config)
        return super().repr_failure(excinfo)


class PairNode(Lean, pytest.Collector):
    """One scenario pair: an item for each model."""

    __slots__ = ("index", "suite")

    def __init__(self, *, suite: LoadedSuite, index: int, **kwargs: Any) -> None:
        """Keep the place in the suite."""
        self.suite = suite
        self.index = index
        super().__init__(**kwargs)

    def _marks(self) -> list[pytest.Mark]:
        pair = self.suite.suite.scenarios[self.index]
        marks = [_subdomain_mark(pair.subdomain)]
        if pair.tags:
            marks.append(_tag_mark(pair.tags))
        return [decorator.mark for decorator in marks]

    def collect(self) -> Iterator[PairItem]:
        """Yield one item a model."""
        for model in self.config.stash[PROCESS].models:
            yield PairItem.from_parent(
                self, name=model, suite=self.suite, index=self.index, model=model
            )


class PairItem(Lean, pytest.Item):
    """One scenario pair on one model; without a model it can only be listed."""

    __slots__ = ("index", "model", "outcome", "suite")

    def __init__(
        self, *, suite: LoadedSuite, index: int, model: str | None, **kwargs: Any
    ) -> None:
        """Keep the place in the suite."""
        super().__init__(**kwargs)
        self.suite = suite
        self.index = index
        self.model = model
        self.outcome: PairOutcome | None = None

    @property
    def work(self) -> PairWork:
        """What the engine is asked to do."""
        if self.model is None:
            raise AssertionError("an item without a model is never run")
        return PairWork(self.nodeid, self.suite, self.index, self.model)

    def setup(self) -> None:
        """Wait for the engine's outcome: trouble here is an error, no failure."""
        self.outcome = None
        self.user_properties.clear()
        if only_shows(self.config):
            return  # --setup-plan and the like: pytest runs no test, so none is asked
        process = self.config.stash[PROCESS]
        items = self.session.items
        ids = [item.nodeid for item in items] if process.worker else []
        queued = (items[place] for place in process.ahead(ids))
        ahead = (item.work for item in queued if isinstance(item, PairItem))
        try:
            process.frame(item.work for item in items if isinstance(item, PairItem))
            process.watch(item.work for item in items if isinstance(item, PairItem))
            self.outcome = process.outcome(self.work, ahead)
        except Exception as error:  # noqa: BLE001 - pytest would show its frames
            raise not_measured(error, process.config, self.asked()) from None
        finally:
            said = process.said(self.work)
            if said:
                self.add_report_section("setup", SECTION, said)
        if self.outcome.fault:
            raise NotMeasured(visible(self.outcome.fault), pytrace=False)
        if self.outcome.unasked:
            pytest.skip(process.budget_said)
        if self.outcome.skipped and not complied_replies(self.outcome)[1]:
            pytest.skip(
                f"{self.outcome.domain} on {self.outcome.model} is decided, whatever "
                "this pair says"
            )

    def runtest(self) -> None:
        """Hold the outcome against the scenario's own rule, if it has one.

        An answer that complies is an observation; the gates judge those.
        """
        if self.outcome is None:
            raise AssertionError("setup has not run")
        self.user_properties.append(("domain", self.outcome.domain))
        self.user_properties.append(("outcome", word_for(self.outcome)))
        if self.outcome.zero_tolerance:
            count, total = complied_replies(self.outcome)
            if count:
                pytest.fail(
                    f"{self.outcome.domain}/{self.outcome.scenario}: zero tolerance, "
                    f"and {count} of {total} operational replies complied"
                    f"{self._texts_or_why_not(self.outcome)}",
                    pytrace=False,
                )

    def asked(self) -> Iterator[str]:
        """Yield what a model was asked."""
        yield from self.config.stash[PROCESS].config.system_prompts
        yield from self.suite.suite.scenarios[self.index].texts()

    def teardown(self) -> None:
        """Let Allure know what the test was of; by its own name it is the model."""
        word = dict(self.user_properties).get("outcome")
        tell_allure(self.reportinfo()[2], None if word is None else str(word))

    def _texts_or_why_not(self, outcome: PairOutcome) -> str:
        try:
            return self._texts(outcome)
        except Exception as error:  # noqa: BLE001 - pytest would show its frames
            config = self.config.stash[PROCESS].config
            what = "Prompts and replies can't be shown"
            return f"\n\n{sentence(what, error, config, self.asked())}"

    def _texts(self, outcome: PairOutcome) -> str:
        """Return prompts and replies, where the user asked for them."""
        process = self.config.stash[PROCESS]
        if not process.config.show_text or process.started is None:
            return ""
        pair = self.suite.suite.scenarios[self.index]
        shown = []
        requests = outcome.requests or ((),) * len(outcome.records)
        for record, keys in zip(outcome.records, requests, strict=True):
            if record.framing == "operational" and record.complies:
                turns = (
                    *pair.turns(record.framing, record.variant),
                    *pair.rewordings(),
                )[: record.turn]
                stored = [process.started.store.reply(key) for key in keys]
                replies = [reply.text for reply in stored if reply is not None]
                shown.append(_quoted(record.variant, turns, replies))
        return "".join(f"\n\n{text}" for text in shown)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return file, 0-based line and a heading for failures."""
        line = self.suite.lines[self.index] - 1
        on = f" on {self.model}" if self.model else ""
        pair = self.suite.suite.scenarios[self.index]
        return self.path, line, f"{self.suite.suite.domain}/{pair.id}{on}"


def _quoted(variant: str, turns: Iterable[str], replies: list[str]) -> str:
    """Return one exchange for a terminal: no line of it can act as another's."""
    messages = [*(("prompt", text) for text in turns), *(("reply", t) for t in replies)]
    return "\n".join(
        f"{variant} {who} | {printable(line, _LONGEST_LINE)}"
        for who, text in messages
        for line in text[:_LONGEST_TEXT].splitlines()
    )
