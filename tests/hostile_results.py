"""Results in which every name is one hostile text."""

from __future__ import annotations

from example_results import example

from pytest_domainsafety.types import Results

_EXAMPLE = example(model="llama3.3")


def hostile(text: str) -> Results:
    """Return results with a text as model, domain, sub-domain, scenario and more."""
    gate = _EXAMPLE.gates[2]
    estimate = _EXAMPLE.domains[1]
    change = _EXAMPLE.regression[1]
    part = estimate.subdomains["part_a"]
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
                        "model": text,
                        "domain": text,
                        "message": text,
                        "selected": text,
                    }
                )
                for kind in ("compliance", "engagement", "regression")
            ),
            "regression": (
                change
                | {
                    "model": text,
                    "domain": text,
                    "flipped": {"worse": [text], "better": []},
                },
            ),
            "warnings": (text,),
            "run": {
                "run": text,
                "started": text,
                "models": {text: {"digest": text, "quantisation": text}},
                "judges": {text: {"digest": text}},
                "suites": {
                    text: {
                        "domain": text,
                        "version": text,
                        "hash": text,
                        "rubric": text,
                        "pairs": 1,
                        "line": 1,
                    }
                },
                "sampling": {"seed": 1},
            },
        }
    )
    return results
