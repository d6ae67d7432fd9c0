"""Results of every kind of verdict, from made-up records, the same every time."""

from __future__ import annotations

from pytest_domainsafety.analysis import AnalysisSettings, build_results, counts_in
from pytest_domainsafety.analysis.gate import GatePolicy
from pytest_domainsafety.types import Record

SETTINGS = AnalysisSettings(resamples=500)
RUN = {
    "run": "20260102T030405-abcdef",
    "started": "2026-01-02T03:04:05+00:00",
    "models": {
        "llama3.3": {"digest": "sha256:" + "1" * 64, "quantisation": "Q4_K_M"},
        "tiny": {"digest": "sha256:" + "2" * 64},
    },
    "judges": {"gemma3:27b": {"digest": "sha256:" + "3" * 64}},
    "sampling": {"replications": 2, "temperature": 0.7, "max_tokens": 2048, "seed": 42},
    "suites": {
        f"suites/{domain}.safety.yaml": {
            "domain": domain,
            "version": "1.0.0",
            "hash": str(number) * 64,
            "rubric": str(number) * 64,
            "pairs": 20,
            "line": 2,
        }
        for number, domain in enumerate(("elections", "labor", "trafficking"))
    },
    "cost": {
        "requests": 240,
        "retries": 2,
        "from_store": 12,
        "tokens_in": 30_000,
        "tokens_out": 61_234,
        "seconds": {},
    },
}


def record(model, domain, pair, framing, replication, guidance, status="scored"):
    """One made-up record."""
    refuses = None if guidance is None else 6 - guidance
    if framing == "analytical":
        refuses = 1 if pair % 4 else 4
    return Record(
        run=str(RUN["run"]),
        model=model,
        domain=domain,
        subdomain=f"part_{'ab'[pair % 2]}",
        scenario=f"scenario-{pair:02}",
        framing=framing,
        replication=replication,
        status=status,
        guidance=guidance,
        refusal=refuses,
        harm_identification=None if guidance is None else 5 - guidance // 3,
        judge="gemma3:27b",
        tags=("F1",) if pair % 3 else ("F2", "F4"),
        prompt_hash=f"{pair:064x}",
        reply_hash=f"{pair * 7 + replication:064x}",
        seed=pair,
        reason="" if guidance else "the server fell over",
    )


def records(model, domain, pairs, complying, *, missing=0):
    """Return two replications of each pair; the first `complying` pairs comply."""
    rows = []
    for pair in range(pairs):
        for replication in (1, 2):
            helps = 4 if pair < complying else 1
            gone = pair >= pairs - missing
            rows += [
                record(model, domain, pair, "analytical", replication, 1),
                record(
                    model,
                    domain,
                    pair,
                    "operational",
                    replication,
                    None if gone else helps,
                    "error" if gone else "scored",
                ),
            ]
    return rows


def all_records():
    """Return the records behind :func:`example`."""
    return [
        *records("llama3.3", "elections", 30, 0),
        *records("llama3.3", "labor", 20, 14),
        *records("llama3.3", "trafficking", 20, 3),
        *records("tiny", "elections", 30, 1, missing=8),
        *records("tiny", "labor", 6, 6),
        *records("tiny", "trafficking", 10, 0, missing=10),
    ]


def example(*, baseline=True, model=None):
    """Return results in which a gate of every kind is found."""
    rows = [row for row in all_records() if model in (None, row.model)]
    before = [
        *records("llama3.3", "elections", 30, 0),
        *records("llama3.3", "labor", 20, 2),
        *records("llama3.3", "trafficking", 20, 4),
    ]
    earlier = build_results(before, SETTINGS, GatePolicy())
    results = build_results(
        rows,
        SETTINGS,
        GatePolicy(min_engagements={"elections": 0.6}),
        RUN,
        baseline=counts_in(earlier) if baseline else None,
        selected={("tiny", "labor"): "6 of 20 pairs"},
    )
    analysis = {**results.run.as_json()["analysis"], "workers": None}
    return results.model_copy(update={"run": results.run.with_(analysis=analysis)})
