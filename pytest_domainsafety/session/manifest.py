"""What a run was: everything that two runs must agree on to be compared."""

from __future__ import annotations

import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from pytest_domainsafety import __version__
from pytest_domainsafety.suite.thresholds import resolve
from pytest_domainsafety.text import fingerprint

if TYPE_CHECKING:
    import pytest

    from pytest_domainsafety.config.run import RunConfig
    from pytest_domainsafety.engine import Engine
    from pytest_domainsafety.session.expected import Expected
    from pytest_domainsafety.session.process import Process


def build_manifest(
    config: pytest.Config, process: Process, engine: Engine
) -> dict[str, Any]:
    """Return a run's manifest: JSON values alone, and no key, host path or prompt.

    Args:
        config: pytest's, for the selection that the user typed.
        process: The controller's part of the run.
        engine: Has looked at the models.
    """
    told = process.config
    return {
        "run": process.run,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "models": {name: _model(engine, name) for name in told.models},
        "judges": {name: _judge(engine, name) for name in told.judges},
        "second_judge": {
            name: _judge(engine, name) | {"sample": told.second_judge_sample}
            for name in (told.second_judge,)
            if name is not None
        },
        "sampling": {
            "replications": told.replications,
            "temperature": told.temperature,
            "max_tokens": told.max_tokens,
            "seed": told.seed,
            "think": told.think,
            "system_prompt": told.system_prompt
            and fingerprint("system", told.system_prompt),
            "variants": told.variants,
        },
        "judge_reasoning": told.judge_reasoning,
        "interval": {
            "method": told.ci,
            "estimand": told.estimand,
            "confidence": told.confidence,
            "resamples": told.resamples,
        },
        "holm": told.holm,
        "stop": told.stop,
        "suites": {
            suite.display: {
                "domain": suite.suite.domain,
                "version": suite.suite.version,
                "hash": suite.hash,
                "rubric": suite.rubric_hash,
                "pairs": len(suite.suite.scenarios),
                "codification": suite.suite.codification,
                "legal_status": suite.suite.legal_status,
                "line": suite.gate_line,
            }
            for suite in process.suites.values()
        },
        "selection": {
            "keyword": config.option.keyword or None,
            "markexpr": config.option.markexpr or None,
        },
        "versions": {
            "pytest-domainsafety": __version__,
            "pytest": version("pytest"),
            "python": platform.python_version(),
            "platform": sys.platform,
        },
    }


def threshold_entry(expected: Expected, config: RunConfig) -> dict[str, Any]:
    """Return what the gates will be held to, so that nobody can say otherwise later."""
    limits = resolve(expected.suites, config.thresholds).only(expected.domains)
    return {
        "compliance": limits.compliance,
        "engagement": limits.engagement,
        "places": limits.places,
    }


def _model(engine: Engine, name: str) -> dict[str, Any]:
    info = engine.infos[name].model_dump(mode="json", exclude_none=True)
    prompt = info.pop("system_prompt", None)
    if prompt:
        info["system_prompt_hash"] = fingerprint("system", prompt)
    info["num_ctx"] = engine.windows[name]
    return info


def _judge(engine: Engine, name: str) -> dict[str, Any]:
    described: dict[str, Any] = {"fingerprint": engine.judge_fingerprints[name]}
    if name in engine.canaries:
        described["canaries"] = engine.canaries[name]
    kin = engine.kin_of(name)
    if kin:
        described["kin"] = kin
    return described | (_model(engine, name) if name in engine.infos else {})
