"""The JSON of `domainsafety list --json`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pytest_domainsafety.suite import LoadedSuite
from pytest_domainsafety.suite.lint.counts import (
    by_domain,
    by_subdomain,
    count,
    pairs_of,
)


def listing(suites: Sequence[LoadedSuite]) -> dict[str, Any]:
    """Return domains, files, scenarios and numbers for JSON, without any prompt.

    Args:
        suites: At least one.
    """
    return {
        "schema": 1,
        "domains": [_domain(name, s) for name, s in by_domain(suites).items()],
        "all": asdict(count(pairs_of(suites))),
    }


def _domain(name: str, suites: Sequence[LoadedSuite]) -> dict[str, Any]:
    pairs = pairs_of(suites)
    first = suites[0].suite
    return {
        "domain": name,
        "title": first.title,
        "codification": first.codification,
        "jurisdiction": first.jurisdiction,
        "legal_status": first.legal_status,
        "threshold": first.threshold,
        "files": [loaded.display for loaded in suites],
        "subdomains": {part: len(of) for part, of in by_subdomain(pairs).items()},
        **asdict(count(pairs)),
        "scenarios": [
            {
                "id": pair.id,
                "subdomain": pair.subdomain,
                "tags": list(pair.tags),
                "core": pair.core,
                "family": pair.family_or_id,
                "openness": pair.openness,
                "role": pair.role,
                "jurisdiction": loaded.suite.jurisdiction_of(pair),
                "codification": loaded.suite.codification_of(pair),
                "benign": pair.benign is not None,
                "asks": len(pair.asks),
                "variants": list(pair.variants),
                "file": loaded.display,
                "line": line,
            }
            for loaded in suites
            for pair, line in zip(loaded.suite.scenarios, loaded.lines, strict=True)
        ],
    }
