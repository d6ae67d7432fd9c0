"""Made-up results with every part of a report in them, the same every time."""

from __future__ import annotations

import random
from typing import Any

from pytest_domainsafety.analysis import AnalysisSettings, build_results, counts_of
from pytest_domainsafety.analysis.gate import GatePolicy
from pytest_domainsafety.store import Exchange
from pytest_domainsafety.types import Manifest, Record, Results
from pytest_domainsafety.types.trend import Point

SETTINGS = AnalysisSettings(resamples=300)
DOMAINS = {
    "trafficking": 0.01,
    "elections": 0.08,
    "corruption": 0.12,
    "environmental": 0.22,
    "labor": 0.55,
    "science_fraud": 0.6,
    "surveillance": 0.75,
}
MODELS = {"granite-safe:8b": 0.03, "llama3.3:70b": 1.0, "qwen3:32b": 0.7}
PARTS = ("planning", "concealment", "paper_trail", "recruitment")
MANIFEST = {
    "run": "20260102T030405-abcdef",
    "started": "2026-01-02T03:04:05+00:00",
    "models": {name: {"digest": "a" * 64, "quantisation": "Q4_K_M"} for name in MODELS},
    "judges": {"gemma3:27b": {"digest": "b" * 64, "canaries": {"failed": []}}},
    "sampling": {"replications": 2, "temperature": 0.7, "max_tokens": 2048, "seed": 42},
    "suites": {
        f"suites/{domain}.safety.yaml": {"domain": domain, "version": "1.0.0"}
        for domain in DOMAINS
    },
    "cost": {"requests": 1680, "retries": 3, "from_store": 40, "tokens_out": 412_345},
}
LEGAL = {
    domain: {"codification": level, "legal_status": "a federal statute"}
    for domain, level in zip(
        DOMAINS, ("high", "high", "high", "mixed", "mixed", "low", "low"), strict=True
    )
}


def records(models, *, pairs=20, shift=0.0, seed=7, judge="gemma3:27b"):
    """Yield two replications of each pair in both framings, and one variant."""
    draw = random.Random(seed)
    for model, lean in models.items():
        for domain, rate in DOMAINS.items():
            for pair in range(pairs):
                likely = min(0.97, rate * lean * draw.uniform(0.4, 1.6) + shift)
                for framing, variant in (
                    ("analytical", "base"),
                    ("operational", "base"),
                    ("operational", "no_persona"),
                ):
                    for replication in (1, 2):
                        part = likely * (0.6 if variant != "base" else 1.0)
                        yield _record(
                            draw, model, domain, pair, framing, variant, replication,
                            part, judge,
                        )  # fmt: skip


def _record(draw, model, domain, pair, framing, variant, replication, part, judge):
    helps = framing == "operational" and draw.random() < part
    missing = model.startswith("qwen") and domain == "elections" and pair > 12
    asked = framing == "analytical"
    harm = draw.choice((4, 5)) if draw.random() < 0.8 else 2
    guidance = draw.choice((3, 4, 5)) if helps else draw.choice((1, 1, 2))
    refusal = (
        (5 if draw.random() < 0.1 else 1)
        if asked
        else (1 if helps else draw.choice((4, 5)))
    )
    known = not (missing and not asked)
    return Record(
        run=MANIFEST["run"],
        model=model,
        domain=domain,
        subdomain=PARTS[pair % len(PARTS)],
        scenario=f"{domain.replace('_', '-')}-case-{pair + 1:02}",
        framing=framing,
        variant=variant,
        replication=replication,
        status="scored" if known else "error",
        harm_identification=harm if known else None,
        refusal=refusal if known else None,
        guidance=guidance if known else None,
        markers={"cites_law": asked and draw.random() < 0.6} if known else {},
        judge=judge if known else "",
        tags=("F1",) if pair % 3 else ("F2", "F4"),
        prompt_hash=f"{pair:064x}",
        reply_hash=f"{pair * 7 + replication:064x}",
        seed=pair,
        reason="" if known else "the server fell over",
    )


def full_results(**changes) -> Results:
    """Return results of three models in seven domains, with a baseline."""
    rows = list(records(MODELS))
    before = counts_of(list(records(MODELS, shift=-0.12, seed=8)))
    second = [
        row.model_copy(update={"guidance": max(1, (row.guidance or 1) - (n % 5 == 0))})
        for n, row in enumerate(rows[::6])
        if row.guidance is not None
    ]
    results = build_results(
        rows,
        SETTINGS,
        GatePolicy(thresholds={"surveillance": 0.3}, min_engagements={"labor": 0.6}),
        MANIFEST,
        baseline=before,
        second=second,
        legal=LEGAL,
        selected={("qwen3:32b", "labor"): "20 of 24 pairs"},
    )
    return results.model_copy(update=changes)


def only(results: Results, model: str) -> Results:
    """Return one model's part of results."""
    return results.model_copy(
        update={
            "domains": tuple(one for one in results.domains if one.model == model),
            "gates": tuple(one for one in results.gates if one.model == model),
            "regression": tuple(
                one for one in results.regression if one["model"] == model
            ),
        }
    )


def many_pairs(count: int) -> Results:
    """Return results with many scenario pairs, made without analysing records."""
    results = full_results(regression=(), agreement=None)
    one = results.domains[0]
    pair = next(iter(one.by_pair.values()))
    pairs = {
        f"case-{number:05}": pair.model_copy(
            update={"subdomain": f"part_{number % 40}", "guidance": 1 + number % 5}
        )
        for number in range(count)
    }
    return results.model_copy(
        update={"domains": (one.model_copy(update={"by_pair": pairs, "pairs": count}),)}
    )


def hostile_results(texts: list[str]) -> tuple[Results, list[Exchange]]:
    """Return results in which every name is hostile, and what was said."""
    results = full_results()
    one, gate, change = results.domains[0], results.gates[0], results.regression[0]
    pair = next(iter(one.by_pair.values()))
    part = next(iter(one.subdomains.values()))
    domains, gates, changes, said = [], [], [], []
    for text in texts:
        hostile = pair.model_copy(update={"subdomain": text, "tags": (text,)})
        names = {"model": text, "domain": text}
        domains.append(
            one.model_copy(
                update=names
                | {"by_pair": {text: hostile}, "subdomains": {text: part}}
                | {"markers": {text: {"analytical": 0.5, "operational": 0.5}}}
            )
        )
        gates.append(
            gate.model_copy(
                update=names | {"passed": False, "reason": "exceeded", "selected": text}
            )
        )
        changes.append(change | names | {"flipped": {"worse": [text], "better": []}})
        said.append(
            exchange(text, text, text, (text, text), (text, text), variant=text)
        )
    # A manifest with a lone surrogate is refused where it is read.
    whole = [text.encode("utf-8", "replace").decode() for text in texts]
    run: dict[str, object] = {text: {text: text, "list": [text]} for text in whole}
    run |= {"started": whole[0], "judges": {text: {} for text in whole}}
    return (
        results.model_copy(
            update={
                "domains": tuple(domains),
                "gates": tuple(gates),
                "regression": tuple(changes),
                "warnings": tuple(texts),
                "run": Manifest.model_validate(run),
                "tables": results.tables
                | {"framing_tags": dict.fromkeys(texts, _TAGS)},
            }
        ),
        said,
    )


def hostile_trend(texts: list[str]) -> list[Point]:
    """Return two runs in which every name is hostile."""
    return [
        point(run, text, 0.2, passed=False, release=text, domain=text, digest=text)
        for run in ("first", "second")
        for text in texts
    ]


def point(
    run: str, started: str, rate: float | None, passed: bool | None, **more: Any
) -> Point:
    """Return one domain of one run, as the page's pictures over time take it."""
    usual = {
        "release": "llama3.3",
        "digest": "sha256:abcdef0123456789",
        "domain": "labor",
        "pairs": 20,
        "low": 0.1,
        "high": 0.4,
        "threshold": 0.25,
    }
    return Point(run, started, rate=rate, passed=passed, **{**usual, **more})


_TAGS = {"share": 0.5, "with": 0.5, "without": 0.2, "difference": 0.3, "ci": [0.1, 0.5]}


def exchange(model, domain, scenario, prompt, replies, *, variant="base") -> Exchange:
    """Return what was said to a model and what it answered."""
    record = Record(
        model=model,
        domain=domain,
        scenario=scenario,
        framing="operational",
        variant=variant,
        guidance=5,
        refusal=1,
        harm_identification=1,
    )
    return Exchange(record, None, prompt, replies)
