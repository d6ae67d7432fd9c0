"""What a run was: everything that two runs must agree on to be compared."""

from __future__ import annotations

import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from pytest_domainsafety import __version__
from pytest_domainsafety.config.filter_words import filter_words_entry
from pytest_domainsafety.session.judge_checks import begun
from pytest_domainsafety.session.process import look_rule
from pytest_domainsafety.session.selection import Part, run_kind
from pytest_domainsafety.suite.thresholds import resolve
from pytest_domainsafety.text import fingerprint
from pytest_domainsafety.types import (
    ConditionEntry,
    IntervalEntry,
    JudgeEntry,
    Manifest,
    ModelEntry,
    Protocol,
    SamplingEntry,
    Selection,
    Suite,
    SuiteEntry,
    ThresholdsEntry,
)

if TYPE_CHECKING:
    import pytest

    from pytest_domainsafety.config.run import RunConfig
    from pytest_domainsafety.engine import Engine
    from pytest_domainsafety.session.expected import Expected
    from pytest_domainsafety.session.process import Process


def build_manifest(config: pytest.Config, process: Process, engine: Engine) -> Manifest:
    """Return a run's manifest: no key, host path or prompt is in it.

    Args:
        config: pytest's, for the selection that the user typed.
        process: The controller's part of the run.
        engine: Has looked at the models.
    """
    settings = process.config
    return Manifest(
        run=process.run,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        models={
            name: ModelEntry.of(engine.infos[name], engine.windows[name])
            for name in settings.models
        },
        **({"conditions": _conditions(settings)} if settings.conditions else {}),
        judges={name: _judge(engine, name) for name in settings.judges},
        second_judge={
            name: _judge(engine, name).with_(sample=settings.second_judge_sample)
            for name in (settings.second_judge,)
            if name is not None
        },
        sampling=SamplingEntry(
            protocol=settings.protocol,
            replications=settings.replications,
            framings=settings.framings,
            temperature=settings.temperature,
            max_tokens=settings.max_tokens,
            seed=settings.seed,
            think=settings.think,
            system_prompt=settings.system_prompt
            and fingerprint("system", settings.system_prompt),
            variants=settings.variants,
            **({"benign": True} if settings.benign else {}),
            **({"most_turns": settings.most_turns} if settings.most_turns else {}),
        ),
        judge_reasoning=settings.judge_reasoning,
        interval=IntervalEntry(
            method=settings.ci,
            estimand=settings.estimand,
            confidence=settings.confidence,
            resamples=settings.resamples,
        ),
        holm=settings.holm,
        subdomain_threshold=settings.subdomain_threshold,
        **({"allow_silence": True} if settings.allow_silence else {}),
        **filter_words_entry(settings.filter_words),
        stop=settings.stop,
        suites={
            suite.display: SuiteEntry(
                domain=suite.suite.domain,
                version=suite.suite.version,
                hash=suite.hash,
                rubric=suite.rubric_hash,
                pairs=len(suite.suite.scenarios),
                codification=suite.suite.codification,
                legal_status=suite.suite.legal_status,
                line=suite.gate_line,
                **_asked(suite.suite, settings.protocol),
            )
            for suite in process.suites.values()
        },
        selection=Selection(
            keyword=config.option.keyword or None,
            markexpr=config.option.markexpr or None,
        ),
        **({"leaks": engine.leaks} if engine.leaks else {}),
        versions={
            "pytest-domainsafety": __version__,
            "pytest": version("pytest"),
            "python": platform.python_version(),
            "platform": sys.platform,
        },
    )


def _conditions(settings: RunConfig) -> list[ConditionEntry]:
    entries = []
    for name, text in settings.conditions:
        shown = {"text": text} if settings.show_text and text is not None else {}
        known = None if text is None else fingerprint("system", text)
        entries.append(ConditionEntry(name=name, hash=known, **shown))
    return entries


def set_out(
    manifest: Manifest, config: RunConfig, expected: Expected, part: Part
) -> dict[str, Any]:
    """Return the keys of a manifest that say what a run set out to ask.

    Args:
        manifest: As it is begun, with the selection that was typed.
        config: Of the run.
        expected: Its pairs.
        part: Which part of the suites they are.
    """
    return {
        "kind": run_kind(expected, part),
        "thresholds": threshold_entry(expected, config),
        "selection": manifest.selection.with_(part=part.chosen),
        "expected": expected.as_manifest(variants=config.variants),
        **expected.facts(),
        **begun(config),
        **({"twins": expected.twins()} if config.benign else {}),
        **({"looks": _orders(expected, config)} if config.looks else {}),
    }


def _orders(expected: Expected, config: RunConfig) -> dict[str, dict[str, Any]]:
    """Return model → domain → its pairs in the order asked."""
    orders: dict[str, dict[str, Any]] = {}
    rule = look_rule(expected.pairs.values(), config)
    for (model, domain), order in rule.orders.items():
        if rule.looks_at((model, domain)):
            orders.setdefault(model, {})[domain] = order
    return orders


def threshold_entry(expected: Expected, config: RunConfig) -> ThresholdsEntry:
    """Return what the gates will be held to, so that nobody can say otherwise later."""
    limits = resolve(expected.suites, config.thresholds).only(expected.domains)
    return ThresholdsEntry(
        compliance=dict(limits.compliance),
        # Left out where nobody can ask for it.
        **({"engagement": dict(limits.engagement)} if config.analytical else {}),
        # Left out where there is none, as before there was such a gate.
        **({"over_refusal": most} if (most := dict(limits.over_refusal)) else {}),
        places=dict(limits.places),
    )


def _asked(suite: Suite, protocol: Protocol) -> dict[str, int]:
    """Return how many pairs the protocol asks; nothing where it asks them all."""
    asked = len(suite.asked(protocol))
    return {} if asked == len(suite.scenarios) else {"asked": asked}


def _judge(engine: Engine, name: str) -> JudgeEntry:
    facts: dict[str, Any] = {"fingerprint": engine.judge_fingerprints[name]}
    if name in engine.canaries:
        facts["canaries"] = engine.canaries[name]
    if kin := engine.kin_of(name):
        facts["kin"] = kin
    if name in engine.infos:
        if engine.plan.quotes(name):
            facts["mode"] = "evidence"
        return JudgeEntry.of(engine.infos[name], engine.windows[name], **facts)
    return JudgeEntry.model_validate(facts)
