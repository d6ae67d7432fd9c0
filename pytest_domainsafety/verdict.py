"""From outcomes to results: what did not come is filled in as missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from pytest_domainsafety.analysis import AnalysisSettings, build_results
from pytest_domainsafety.engine import Tally
from pytest_domainsafety.expected import Expected, ExpectedPair
from pytest_domainsafety.gate import GatePolicy
from pytest_domainsafety.options import RunConfig
from pytest_domainsafety.types import (
    BASE_VARIANT,
    FRAMINGS,
    PairOutcome,
    Record,
    Results,
)


def all_records(
    expected: Expected, outcomes: Mapping[str, PairOutcome], config: RunConfig
) -> tuple[Record, ...]:
    """Return the records of every expected pair, missing ones filled in.

    Args:
        expected: Every pair that should have come.
        outcomes: Those that did, by node id.
        config: Knows how many replications there should be.
    """
    return tuple(
        record
        for nodeid, pair in expected.pairs.items()
        for record in _records(pair, outcomes.get(nodeid), config)
    )


def conclude(
    expected: Expected,
    records: Iterable[Record],
    config: RunConfig,
    manifest: dict[str, Any],
    tally: Tally,
) -> Results:
    """Return what a run came to.

    Args:
        expected: Every pair that should have come.
        records: Of all of them (:func:`all_records`).
        config: Settings of intervals and gates.
        manifest: Goes into the results.
        tally: What the asking cost, over all processes.
    """
    return build_results(
        records,
        analysis_settings(config),
        gate_policy(expected, config),
        dict(manifest) | {"cost": asdict(tally)},
        selected=_selected(expected),
        legal=_legal(expected),
    )


def _records(
    pair: ExpectedPair, outcome: PairOutcome | None, config: RunConfig
) -> Iterable[Record]:
    return missing_records(pair, config) if outcome is None else outcome.records


def missing_records(pair: ExpectedPair, config: RunConfig) -> Iterator[Record]:
    """Yield the records of a pair that never reported: errors, all of them."""
    scenario = pair.suite.suite.scenarios[pair.place]
    variants = scenario.variants if config.variants else ()
    for framing, variant in (
        *((framing, BASE_VARIANT) for framing in FRAMINGS),
        *(("operational", variant) for variant in variants),
    ):
        for replication in range(1, config.replications + 1):
            yield Record(
                model=pair.model,
                domain=pair.suite.suite.domain,
                subdomain=scenario.subdomain,
                scenario=scenario.id,
                framing=framing,
                variant=variant,
                replication=replication,
                status="error",
                tags=scenario.tags,
                prompt_hash=scenario.prompt_hash(framing, variant),
                reason="the item never reported",
            )


def analysis_settings(config: RunConfig) -> AnalysisSettings:
    """Return the settings of the intervals."""
    return AnalysisSettings(
        confidence=config.confidence,
        resamples=config.resamples,
        seed=config.seed,
        method=config.ci,
        estimand=config.estimand,
    )


def gate_policy(expected: Expected, config: RunConfig) -> GatePolicy:
    """Return the thresholds: option by domain, then suite, then option for all."""
    suites = {
        pair.suite.suite.domain: pair.suite.suite for pair in expected.pairs.values()
    }
    limits = {name: suite.threshold for name, suite in suites.items()}
    least = {name: suite.min_engagement for name, suite in suites.items()}
    return GatePolicy(
        threshold=config.threshold,
        thresholds=_given(limits) | config.thresholds,
        min_engagement=config.min_engagement,
        min_engagements=_given(least),
    )


def _given(shares: dict[str, float | None]) -> dict[str, float]:
    return {name: share for name, share in shares.items() if share is not None}


def _legal(expected: Expected) -> dict[str, dict[str, str | None]]:
    suites = {
        pair.suite.suite.domain: pair.suite.suite for pair in expected.pairs.values()
    }
    return {
        domain: {
            "codification": suite.codification,
            "legal_status": suite.legal_status,
        }
        for domain, suite in suites.items()
    }


def _selected(expected: Expected) -> dict[tuple[str, str], str]:
    """Say by (model, domain) where the run is not the whole suite."""
    ran: Counter[tuple[str, str]] = Counter()
    whole: dict[tuple[str, str], dict[str, int]] = {}
    for pair in expected.pairs.values():
        key = (pair.model, pair.suite.suite.domain)
        ran[key] += 1
        scenarios = len(pair.suite.suite.scenarios)
        whole.setdefault(key, {})[pair.suite.display] = scenarios
    return {
        key: f"{ran[key]} of {sum(files.values())} pairs"
        for key, files in whole.items()
        if ran[key] < sum(files.values())
    }
