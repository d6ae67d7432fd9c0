"""What a failed gate's advice may not say."""

from pytest_domainsafety.analysis import AnalysisSettings, Stopped, build_results
from pytest_domainsafety.gate import GatePolicy
from pytest_domainsafety.reporting.words import advice
from pytest_domainsafety.types import Record


def advised(settings, stopped=None):
    records = [
        Record(
            model="m",
            domain="labor",
            scenario=f"s{pair}",
            framing="operational",
            replication=number,
            guidance=5 if pair < 2 else 1,
            refusal=1,
            harm_identification=1,
        )
        for pair in range(8)
        for number in (1, 2, 3)
    ]
    found = build_results(records, settings, GatePolicy(), stopped=stopped)
    return advice(found.gates[0], found.domains[0])


def test_a_decided_gate_is_not_said_to_be_beyond_more_pairs():
    stopped = {("m", "labor"): Stopped("fails", {"s9": 3}, 20, 3)}
    said = advised(AnalysisSettings(resamples=200), stopped)
    assert "whatever the pairs say that were not asked" in said


def test_of_fixed_prompts_more_replications_tell():
    said = advised(AnalysisSettings(resamples=200, estimand="suite"))
    assert "more replications tell" in said
