"""The controller: what was expected, what came, what the gates say.

One object on the process that the user started: without xdist the only one,
with it the controller. It takes outcomes off the reports, keeps them in the
store as they come, turns them into results once the loop is over, and emits
each gate as a test report of its own, so that the terminal, JUnit files and
other reporters show it without special cases.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator
from typing import Any

import pytest

from pytest_domainsafety.config.pytest_options import only_shows
from pytest_domainsafety.engine import PairWork, Tally
from pytest_domainsafety.errors import StoreError, SuiteError
from pytest_domainsafety.session.collection import PairItem
from pytest_domainsafety.session.crashes import as_usage_error, sentence
from pytest_domainsafety.session.endings import how_it_ended, nothing_asked
from pytest_domainsafety.session.expected import (
    Expected,
    check_files,
    opening_pairs,
    opening_size,
)
from pytest_domainsafety.session.gates import FailuresOnce, run_gates
from pytest_domainsafety.session.internals import (
    xdist_name,
    xdist_source,
    xdist_workers,
)
from pytest_domainsafety.session.judge_checks import (
    anchored,
    check_anchors,
    in_other_words,
)
from pytest_domainsafety.session.lock_and_baseline import (
    GivenLabels,
    Reference,
    calibrated,
    find_baseline,
    find_labels,
    read_reference,
)
from pytest_domainsafety.session.manifest import build_manifest, set_out
from pytest_domainsafety.session.outputs import show, write_outputs
from pytest_domainsafety.session.process import WORKER_INPUT, Process
from pytest_domainsafety.session.progress import ProgressLine, watch, watch_opening
from pytest_domainsafety.session.pytest_reports import detach, keep
from pytest_domainsafety.session.readiness import prepare_the_end
from pytest_domainsafety.session.selection import (
    check_framings,
    check_thresholds,
    check_turns,
    check_variants,
    chosen_part,
    folders_of_run,
)
from pytest_domainsafety.session.unasked import Unasked, unasked
from pytest_domainsafety.store import Store
from pytest_domainsafety.suite import LoadedSuite
from pytest_domainsafety.text import counted, visible
from pytest_domainsafety.types import (
    CascadeEntry,
    Manifest,
    ModelInfo,
    PairOutcome,
    Record,
    Results,
)


class Controller:
    """Collects outcomes, judges the gates, says what the run came to."""

    def __init__(self, config: pytest.Config, process: Process) -> None:
        """Expect nothing yet."""
        self._config = config
        self._process = process
        self._expected: Expected | None = None
        self._outcomes: dict[str, PairOutcome] = {}
        self._store: Store | None = None
        self._manifest = Manifest()
        self._reference = Reference()
        self._labels: GivenLabels | None = None
        self._results: Results | None = None
        self._records: tuple[Record, ...] = ()
        self._tally = Tally()
        self._counted: dict[str, Tally] = {}
        self._trouble: list[str] = []
        self._warnings: list[str] = []
        self._suites = 0
        self._unasked: Unasked | None = None
        self._numbers: dict[str, int] = {}
        self._line: ProgressLine | None = None
        self._once = FailuresOnce()
        self._forecast: list[str] = []

    # ── what is expected ────────────────────────────────────────────────────

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Take the expected pairs from the session, and begin."""
        items = [item for item in session.items if isinstance(item, PairItem)]
        if not items:
            return
        _check_files(item.suite for item in items)
        if only_shows(self._config):
            if only_shows(self._config) == "--collect-only":
                self._foretell([item.work for item in items if item.model])
            return
        self._begin(Expected.from_ids([item.nodeid for item in items], self._process))
        with as_usage_error("The run can't begin", self._process.config):
            self._process.frame(item.work for item in items)
            self._process.watch(item.work for item in items)
            self._process.submit(item.work for item in items)
            self._show_progress()
            prepare_the_end()

    def _foretell(self, works: list[PairWork]) -> None:
        from pytest_domainsafety.session.forecasts import lines_of_forecast

        what = "What it takes can't be said"
        with as_usage_error(what, self._process.config):
            self._forecast = list(lines_of_forecast(self._process, works))

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell an xdist worker what all workers must agree on."""
        number = self._numbers.setdefault(xdist_name(node), len(self._numbers))
        node.workerinput[WORKER_INPUT] = self._process.for_worker(
            xdist_workers(node), number if self._in_parts() else None
        )

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        """Let workers know their items from the start, unless told otherwise."""
        if not self._in_parts():
            return None
        from pytest_domainsafety.session.xdist_parts import PartScheduling

        looks = self._process.config.looks
        gate_of = None if looks is None else self._process.gate_of
        return PartScheduling(config, log, self._numbers, gate_of)

    def _in_parts(self) -> bool:
        option = self._config.option
        return option.dist == "load" and option.maxschedchunk is None

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take in what a worker counted.

        Of one that crashed, which has no output, what came with its last report stays.
        """
        counts = json.loads(getattr(node, "workeroutput", {}).get(WORKER_INPUT, "{}"))
        self._suites = max(self._suites, counts.get("suites", 0))
        if counts.get("tally") is not None:
            self._counted[xdist_name(node)] = Tally(**counts["tally"])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Take the expected pairs from the first worker that tells them."""
        if self._expected is None and not only_shows(self._config):
            expected = Expected.from_ids(ids, self._process)
            if expected.pairs:
                _check_files(pair.suite for pair in expected.pairs.values())
                self._begin(expected)
                # The workers ask; here the models were only looked at.
                self._process.stop()
                self._show_progress()

    def _show_progress(self) -> None:
        if self._expected is not None:
            self._line = watch(
                self._config, self._process, self._expected, self._outcomes
            )

    def _begin(self, expected: Expected) -> None:
        """Look at every model and judge before anything is spent (design §D4.2).

        Raises:
            pytest.UsageError: Something is not there, or an option does not fit.
        """
        self._expected = expected
        try:
            with as_usage_error("The run can't begin", self._process.config):
                self._prepare(expected)
        except Exception:
            self._expected = None
            raise

    def _calibrated(self) -> CascadeEntry | None:
        """Find out where a cascade's first step is sure, before anything is asked."""
        cascade = calibrated(self._process, workers=len(self._numbers))
        if cascade is not None:
            from pytest_domainsafety.analysis.cascade import believed_in

            self._process.cascade = cascade.low, cascade.high
            self._process.cascade_domains = believed_in(cascade.domains)
        return cascade

    def _prepare(self, expected: Expected) -> None:
        told = self._process.config
        check_thresholds(
            self._config, told.thresholds, expected.domains, told.baseline_margins
        )
        check_framings(expected, told)
        check_variants(expected, told)
        check_turns(expected, self._process.plan())
        check_anchors(self._process)
        find_baseline(told)
        self._labels = find_labels(told)
        cascade = self._calibrated()
        first = opening_pairs(expected, told)
        self._process.opening_pairs = first
        self._process.opening_size = opening_size(first)
        with watch_opening(self._config, self._process):
            engine = self._process.engine()
        self._manifest = build_manifest(self._config, self._process, engine)
        config = self._process.config
        part = chosen_part(self._config, expected, declared=config.part)
        self._manifest = self._manifest.with_(
            **({} if self._labels is None else {"labels": self._labels.entry}),
            **({} if cascade is None else {"cascade": cascade}),
            **set_out(self._manifest, config, expected, part),
        )
        self._reference = read_reference(
            expected, config, self._manifest, part, folders_of_run(self._config)
        )
        if self._reference.manifest is not None:
            baseline = self._reference.manifest
            self._manifest = self._manifest.with_(baseline=baseline)
        self._store = Store(config.store, keep_text=config.store_text == "full")
        self._note_withheld(self._store)
        self._note_remote(engine.infos.values())
        self._store.begin_run(self._process.run, self._manifest)

    def _note_withheld(self, store: Store) -> None:
        count = 0 if self._process.config.fresh else store.withheld()
        if count:
            self._warnings.append(
                f"the store held {count} replies as hashes alone (--safety-store-text "
                "hash), which can't be used again: where this run needed one, the "
                "model was asked again"
            )

    def _note_remote(self, infos: Iterable[ModelInfo]) -> None:
        self._warnings += [
            f"{info.name} does not run on this machine, as far as can be told: "
            "prompts and replies leave it"
            for info in infos
            if info.remote
        ]

    # ── what comes ──────────────────────────────────────────────────────────

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the outcome off a report, and keep it."""
        shipped = detach(report)
        if str(report.outcome) == "rerun":  # pytest-rerunfailures' own word
            return
        if shipped is None:
            return
        outcome, rows, tally = shipped
        if tally is not None:
            self._counted[xdist_source(report)] = tally
        # What leads to the texts belongs to the store, and need not stay here.
        bare = {"requests": (), "judgements": ()}
        self._outcomes[report.nodeid] = outcome.model_copy(update=bare)
        if self._store is not None:
            try:
                keep(self._store, outcome, rows)
            except StoreError as error:
                # Each further attempt may wait long for a lock, to no avail.
                self._note_trouble(str(error))
                self._store.close()
                self._store = None
            except Exception as error:  # noqa: BLE001 - pytest would show its frames
                self._note_crash("Not everything was kept in the store", error)

    def _note_trouble(self, told: str) -> None:
        if told not in self._trouble:
            self._trouble.append(told)

    def _note_crash(self, what: str, error: Exception) -> None:
        self._note_trouble(sentence(what, error, self._process.config))

    # ── what it comes to ────────────────────────────────────────────────────

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(
        self, session: pytest.Session
    ) -> Generator[None, object, object]:
        """Judge the gates when the loop is over, however it ended."""
        try:
            outcome = yield
        except BaseException as error:
            self._manifest = self._manifest.with_(
                interrupted=True, ended=how_it_ended(session, error)
            )
            self._conclude()
            raise
        finally:
            if self._line is not None:
                self._line.stop()
        self._conclude()
        if self._results is not None:
            run_gates(session, self._results.gates)
        return outcome

    def _conclude(self) -> None:
        if self._expected is None:
            return
        try:
            self._come_to_results()
        except Exception as error:  # noqa: BLE001 - a run without results failed
            self._note_crash("The run came to no results", error)

    def _come_to_results(self) -> None:
        assert self._expected is not None
        from pytest_domainsafety.session.conclusion import all_records
        from pytest_domainsafety.session.served import of_one_model
        from pytest_domainsafety.session.spent import with_budget

        if self._process.started is not None:
            self._tally.add(self._process.started.tally)
        for tally in self._counted.values():
            self._tally.add(tally)
        self._keep_missing()
        self._manifest = with_budget(
            self._manifest, self._process, self._tally, self._outcomes.values()
        )
        records = all_records(self._expected, self._outcomes, self._process.config)
        self._records = of_one_model(records, self._tally)
        if self._records != records:
            self._keep_anew(self._records)
        results = self._concluded()
        if self._ask_the_judges(results):
            results = self._concluded()
        warnings = (*results.warnings, *self._warnings)
        self._results = results.model_copy(update={"warnings": warnings})
        self._note_unmeasured()

    def _concluded(self) -> Results:
        assert self._expected is not None
        from pytest_domainsafety.session.conclusion import conclude

        return conclude(
            self._expected,
            self._records,
            self._process.config,
            self._manifest,
            self._tally,
            self._reference,
            self._outcomes.values(),
            self._labels,
        )

    def _ask_the_judges(self, results: Results) -> bool:
        """Ask the judges what can be asked when the replies are there, if anything."""
        told, process = self._process.config, self._process
        if told.judge_robust:
            found, tally = in_other_words(
                self._config, process, self._store, self._records, results
            )
            self._manifest = self._manifest.with_(retold=found.as_json())
            self._tally.add(tally)
        if told.judge_anchor:
            anchors, tally, notes = anchored(
                self._config, process, self._store, self._manifest
            )
            entries = {name: entry.as_json() for name, entry in anchors.items()}
            self._manifest = self._manifest.with_(anchors=entries)
            self._tally.add(tally)
            self._warnings += notes
        return told.judge_robust or told.judge_anchor

    def _keep_missing(self) -> None:
        """Let the store say too what never came: its records are then whole."""
        from pytest_domainsafety.session.conclusion import missing_records

        assert self._expected is not None
        config = self._process.config
        self._keep_anew(
            record
            for nodeid, pair in self._expected.pairs.items()
            if nodeid not in self._outcomes
            for record in missing_records(pair, config)
        )

    def _keep_anew(self, records: Iterable[Record]) -> None:
        """Let the store have records that are known at the end alone."""
        if self._store is None:
            return
        run = {"run": self._process.run}
        try:
            self._store.keep_records(
                (record.model_copy(update=run), "") for record in records
            )
        except StoreError as error:
            self._note_trouble(str(error))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Write what is to be written."""
        if self._numbers:
            from pytest_domainsafety.engine.phases import clear

            clear(self._process.run)
        if self._results is not None:
            self._write()
            self._once.leave_out(self._config, self._results.gates)

    def is_pair(self, nodeid: str) -> bool:
        """Whether a node id is a scenario pair of this run."""
        return self._expected is not None and nodeid in self._expected.pairs

    def verdict(self) -> int | None:
        """Return the status that the run came to; None where there was none to run.

        A run without its results, ended before the loop or in it, is not measured.
        """
        if self._expected is None:
            if self._unasked is None:
                collected = max(self._suites, len(self._process.suites))
                self._unasked = unasked(self._config, collected)
            if self._unasked is None or not self._unasked.demanded:
                return None
        from pytest_domainsafety.analysis.gate import NOT_MEASURED, status_of

        return NOT_MEASURED if self._results is None else status_of(self._results)

    def _unmeasured(self) -> Iterator[str]:
        """Yield what kept the run from being measured whole."""
        assert self._expected is not None
        pairs = self._expected.pairs
        of_all = counted(len(pairs), "scenario pair")
        came = [self._outcomes[nodeid] for nodeid in pairs if nodeid in self._outcomes]
        lost = sum(outcome.fault is not None for outcome in came)
        never = len(pairs) - len(came)
        budget = self._manifest.budget
        if budget is not None and budget.met:
            unasked = sum(outcome.unasked > 0 for outcome in came)
            yield f"{unasked} of {of_all} were not asked or judged: {budget.sentence}"
        if never and self._manifest.ended:
            yield f"{never} of {of_all} did not run: {self._manifest.ended}"
        elif never:
            lost += never
        if lost:
            yield f"{lost} of {of_all} could not be measured"
        if self._labels is not None and self._results is not None:
            labels = self._results.run.labels
            if labels is None or not labels.tables:
                yield "none of its labels is of a reply that the judge scored"
        if self._trouble:  # whose sentences, with paths in them, are the terminal's
            yield "something of it could not be kept or written"

    def _note_unmeasured(self) -> None:
        """Let the results know: what reports say and the exit status are one."""
        if self._results is not None:
            run = self._results.run.with_(unmeasured=tuple(self._unmeasured()))
            self._results = self._results.model_copy(update={"run": run})

    def _write(self) -> None:
        assert self._results is not None
        try:
            if self._store is not None:
                self._store.finish_run(
                    self._process.run,
                    self._results.model_dump(mode="json", by_alias=True),
                )
                self._store.close()
        except StoreError as error:
            self._note_trouble(str(error))
        for told in self._write_files(self._results):
            self._note_trouble(told)
        self._note_unmeasured()

    def _write_files(self, results: Results) -> list[str]:
        config = self._process.config
        try:
            return write_outputs(config, self._config.rootpath, results, self._records)
        except Exception as error:  # noqa: BLE001 - pytest would show its frames
            return [sentence("Not all files were written", error, config)]

    @pytest.hookimpl(tryfirst=True)
    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter, exitstatus: int
    ) -> None:
        """Print the table, the gates and what it cost."""
        self._once.put_back(terminalreporter)
        shows = only_shows(self._config)
        if self._config.option.verbose > -2:
            for line in self._forecast:
                terminalreporter.write_line(visible(line))
        if shows and self._process.suites and shows != "--collect-only":
            terminalreporter.write_line(nothing_asked(shows))
        nothing = exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED
        ended = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        gap = self._unasked
        if gap is not None and (nothing or (ended and gap.demanded)):
            terminalreporter.write_line(gap.sentence, red=True)
        if self._results is None:
            for told in self._trouble:
                terminalreporter.write_line(told, red=True)
            return
        try:
            show(
                terminalreporter,
                self._config.rootpath,
                self._results,
                self._trouble,
                self._config.option.verbose,
            )
        except Exception as error:  # noqa: BLE001 - pytest would show its frames
            told = sentence("The table can't be shown", error, self._process.config)
            terminalreporter.write_line(told, red=True)


def _check_files(suites: Iterable[LoadedSuite]) -> None:
    try:
        check_files(suites)
    except SuiteError as error:
        raise pytest.UsageError(visible(str(error))) from None
