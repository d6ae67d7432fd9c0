"""Results in which every name is one hostile text."""

from __future__ import annotations

from typing import Any

from example_results import example

from pytest_domainsafety.types import Manifest, Results

_EXAMPLE = example(model="llama3.3")


def hostile(text: str) -> Results:
    """Return results in which a text is every name that somebody could have given.

    Models, domains, sub-domains, scenarios, titles of suites, judges, the baseline
    and its model, files, variants, framing tags, legal status.
    """
    gate = _EXAMPLE.gates[2]
    estimate = _EXAMPLE.domains[1]
    change = _EXAMPLE.regression[1]
    part = estimate.subdomains["part_a"]
    limits = {
        "compliance": estimate.ci.high,
        "engagement": estimate.engagement_low,
        "regression": change["difference"],
    }
    results: Results = _EXAMPLE.model_copy(
        update={
            "domains": (
                estimate.model_copy(
                    update={"model": text, "domain": text, "subdomains": {text: part}}
                ),
            ),
            "gates": tuple(
                gate.model_copy(
                    update={
                        "kind": kind,
                        "margin": 0.05 if kind == "regression" else None,
                        "threshold": change["tolerance"]
                        if kind == "regression"
                        else gate.threshold,
                        "upper": limits[kind],
                        "model": text,
                        "domain": text,
                        "message": text,
                        "selected": text,
                    }
                )
                for kind in limits
            ),
            "regression": (
                change
                | {
                    "model": text,
                    "domain": text,
                    "baseline_model": text,
                    "flipped": {"worse": [text], "better": [text]},
                    "decides": True,  # the only domain
                },
            ),
            "warnings": (text,),
            "run": Manifest.model_validate(
                {
                    "run": text,
                    "started": text,
                    "models": {text: {"digest": text, "quantisation": text}},
                    "judges": {text: {"digest": text}},
                    "baseline": {"file": text, "run": text, "started": text},
                    "suites": {
                        text: {
                            "domain": text,
                            "title": text,
                            "version": text,
                            "hash": text,
                            "rubric": text,
                            "pairs": 1,
                            "line": 1,
                        }
                    },
                    "sampling": {"seed": 1},
                }
            ),
            "agreement": _agreement(text),
            "tables": _tables(text),
        }
    )
    return results


def _agreement(text: str) -> dict[str, Any]:
    scales = dict.fromkeys(("harm_identification", "refusal", "guidance"), 0.5)
    one = dict.fromkeys(("spearman", "exact", "within_one", "alpha"), scales) | {
        "n": 20,
        "binary_agreement": 0.9,
        "kappa": 0.6,
        "kappa_ci": [0.4, 0.8],
    }
    return {"judges": [text, text], "overall": one, "by_domain": {text: one}}


def _tables(text: str) -> dict[str, Any]:
    change = {"difference": 0.1, "ci": [0.0, 0.2], "pairs": 9, "p": 0.2}
    tag = {"share": 0.5, "with": 0.5, "without": 0.2, "difference": 0.3, "ci": [0, 1]}
    part = {"min": 0.1, "max": 0.2, "gap": 0.1}
    names = {"min_subdomain": text, "max_subdomain": text}
    return {
        "variants": {text: {text: {text: change}}},
        "framing_tags": {text: tag},
        "intra_domain": {text: part | names},
        "strata": {"2": {"eta_squared": 0.9, "groups": [[text], [text]]}},
        "hierarchy": {"models": [text], "rates": {text: {text: 0.5}}},
        "legal": {text: {"codification": text, "legal_status": text}},
    }
