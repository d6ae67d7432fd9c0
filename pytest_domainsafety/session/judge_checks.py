"""What a run asks of its judge when the replies are there: again, and fixed ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pytest_domainsafety.engine import Plan, Tally
from pytest_domainsafety.errors import ConfigError, DomainSafetyError
from pytest_domainsafety.session.progress import watch_words
from pytest_domainsafety.text import counted
from pytest_domainsafety.types import (
    AnchorEntry,
    Manifest,
    ModelInfo,
    Record,
    Results,
    RetoldEntry,
)

if TYPE_CHECKING:
    from pytest_domainsafety.config.run import RunConfig
    from pytest_domainsafety.session.process import Process
    from pytest_domainsafety.store import Store
    from pytest_domainsafety.suite import LoadedSuite


def check_anchors(process: Process) -> None:
    """Refuse to anchor a judge where no suite is of a domain that has fixed replies.

    Raises:
        ConfigError: There is none.
    """
    if not process.config.judge_anchor:
        return
    from pytest_domainsafety.judging.fixed import fixed_replies

    known = list(dict.fromkeys(reply.domain for reply in fixed_replies()))
    if not set(known) & set(_by_domain(process)):
        raise ConfigError(
            "--safety-judge-anchor: none of these suites is of a domain that has fixed "
            f"replies ({', '.join(known)}), and a judge reads them by the "
            "suites' rubrics"
        )


def begun(config: RunConfig) -> dict[str, object]:
    """Return what the manifest says of it before anything is asked.

    A run that ends before its judge was asked in other words passes nothing.
    """
    said: dict[str, object] = {}
    if config.judge_robust:
        said["retold"] = unknown("the run ended before").as_json()
    if config.judge_anchor:
        names = (*config.judges, *filter(None, [config.second_judge]))
        said["anchors"] = {name: {} for name in names}
    return said


def unknown(why: str) -> RetoldEntry:
    """Return that nothing is known of what the judge says in other words."""
    from pytest_domainsafety.judging.retelling import RETELLINGS, VERSION

    names = tuple(each.name for each in RETELLINGS)
    return RetoldEntry(version=VERSION, names=names, gate=True, fault=why)


def in_other_words(
    config: pytest.Config,
    process: Process,
    store: Store | None,
    records: Sequence[Record],
    results: Results,
) -> tuple[RetoldEntry, Tally]:
    """Ask the judge again about what could flip a gate.

    A fault, or Ctrl-C, leaves replies without an answer: nothing passes by those.
    """
    from pytest_domainsafety.runs.retold import Again, ask_again
    from pytest_domainsafety.session.conclusion import analysis_settings

    if store is None:
        return unknown("the store could not be written"), Tally()
    if results.run.interrupted:
        return unknown("the run was cut short"), Tally()
    again = Again(
        store, process.run, _plan(process), _by_domain(process), results.run, gate=True
    )
    judged = [0]
    settings = analysis_settings(process.config)
    try:
        with watch_words(
            config,
            lambda: (
                f"asking the judge in other words, {counted(judged[0], 'judgement')}"
            ),
        ):
            return ask_again(
                again,
                records,
                results,
                settings,
                lambda count: judged.__setitem__(0, count),
            )
    except DomainSafetyError as error:
        return unknown(str(error)), Tally()
    except KeyboardInterrupt:
        return unknown("it was interrupted"), Tally()


def anchored(
    config: pytest.Config, process: Process, store: Store | None, manifest: Manifest
) -> tuple[dict[str, AnchorEntry], Tally, list[str]]:
    """Have the judges score their fixed replies, and say which of them moved."""
    from pytest_domainsafety.runs.anchor import (
        anchor_notes,
        anchors_before,
        score_anchors,
    )

    names = list(manifest.all_judges)
    plan, tally = _plan(process), Tally()
    try:
        with watch_words(config, lambda: "the judge scores its fixed replies"):
            found, tally = score_anchors(
                plan, _by_domain(process), _infos(plan, manifest)
            )
    except DomainSafetyError as error:
        found = {name: AnchorEntry(fault=str(error)) for name in names}
    except KeyboardInterrupt:
        found = {name: AnchorEntry(fault="it was interrupted") for name in names}
    before = {}
    if store is not None:
        with suppress(DomainSafetyError):
            before = {name: anchors_before(store, process.run, name) for name in names}
    return found, tally, list(anchor_notes(found, before))


def _plan(process: Process) -> Plan:
    """Return how the judge is asked: as in the run, by this process alone."""
    return replace(
        process.plan(), share=1, check_judges=False, canaries=(), budget={}, opening=()
    )


def _infos(plan: Plan, manifest: Manifest) -> Mapping[str, ModelInfo]:
    return {name: manifest.models[name].info(name) for name in plan.models}


def _by_domain(process: Process) -> dict[str, LoadedSuite]:
    return {suite.suite.domain: suite for suite in process.suites.values()}
