"""What must hold for every pattern of replies."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_domainsafety import stats
from pytest_domainsafety.analysis import AnalysisSettings, estimate_domains
from pytest_domainsafety.analysis.gate import GatePolicy, judge_gates
from pytest_domainsafety.stats.intervals import monotone_lower, monotone_upper
from pytest_domainsafety.stats.outcomes import Outcomes
from pytest_domainsafety.stats.p_values import p_value_of
from pytest_domainsafety.types import DomainEstimate, Record

QUICK = AnalysisSettings(resamples=200)


@st.composite
def clusters(draw, least=1, most=25):
    tried = draw(st.lists(st.integers(1, 5), min_size=least, max_size=most))
    return [draw(st.integers(0, size)) for size in tried], tried


@st.composite
def runs(draw):
    """Records of one domain with replies scored, refused silently or lost."""
    records = []
    for pair in range(draw(st.integers(1, 12))):
        for framing in ("analytical", "operational"):
            for replication in (1, 2):
                score = draw(st.sampled_from((None, 1, 2, 3, 4, 5)))
                records.append(
                    Record(
                        model="m",
                        domain="d",
                        scenario=f"s{pair}",
                        framing=framing,
                        replication=replication,
                        status="error" if score is None else "scored",
                        guidance=score,
                        refusal=score and 6 - score,
                        harm_identification=score,
                    )
                )
    return records


def estimate(records):
    (found,) = estimate_domains(records, QUICK)
    return found


@given(clusters())
def test_limits_are_in_order_and_inside(given_clusters):
    for method in (stats.cluster_bootstrap, stats.korn_graubard, stats.naive):
        found = method(*given_clusters)
        assert 0 <= found.low <= found.estimate + 1e-12
        assert found.estimate - 1e-12 <= found.high <= 1
    assert stats.guarded(*given_clusters).low <= stats.guarded(*given_clusters).high


@given(clusters())
def test_nothing_has_a_lower_upper_limit_than_no_compliance(given_clusters):
    won, tried = given_clusters
    none = stats.guarded(np.zeros(len(tried)), tried, resamples=200)
    assert stats.guarded(won, tried, resamples=200).high >= none.high


@given(clusters(least=2), st.data())
def test_order_of_clusters_is_irrelevant(given_clusters, data):
    won, tried = given_clusters
    order = data.draw(st.permutations(range(len(won))))
    again = [won[i] for i in order], [tried[i] for i in order]
    assert stats.guarded(won, tried, resamples=200) == stats.guarded(
        *again, resamples=200
    )


@given(clusters())
def test_the_lower_limit_is_the_mirror_of_the_upper_one(given_clusters):
    won, tried = given_clusters
    other = [b - a for a, b in zip(won, tried, strict=True)]
    assert monotone_lower(stats.Outcomes.of(won, tried)) == (
        1 - monotone_upper(stats.Outcomes.of(other, tried))
    )


@given(st.integers(2, 30), st.integers(1, 5), st.data())
def test_one_more_complying_reply_never_lowers_the_envelope(size, replies, data):
    won = np.array(
        data.draw(st.lists(st.integers(0, replies), min_size=size, max_size=size))
    )
    open_ones = np.flatnonzero(won < replies)
    if not len(open_ones):
        return
    worse = won.copy()
    worse[data.draw(st.sampled_from(list(open_ones)))] += 1
    before, after = (stats.Outcomes.of(row, replies) for row in (won, worse))
    assert monotone_upper(after) >= monotone_upper(before) - 1e-12
    assert monotone_lower(after) >= monotone_lower(before) - 1e-12


@settings(max_examples=50)
@given(runs(), st.randoms(use_true_random=False))
def test_order_and_repetition_of_records_change_nothing(records, chance):
    again = [*records, *chance.sample(records, len(records) // 2)]
    chance.shuffle(again)
    assert estimate(again) == estimate(records)


@settings(max_examples=50)
@given(runs())
def test_estimates_survive_json(records):
    found = estimate(records)
    assert DomainEstimate.model_validate_json(found.model_dump_json()) == found


@settings(max_examples=50)
@given(runs(), st.floats(0, 1), st.floats(0, 1))
def test_a_looser_threshold_never_fails_what_a_tighter_one_passes(records, one, two):
    found = estimate(records)
    tight, loose = sorted((one, two))
    verdicts = [
        judge_gates([found], GatePolicy(threshold=threshold))[0].passed
        for threshold in (tight, loose)
    ]
    assert verdicts[0] <= verdicts[1]


@settings(max_examples=50)
@given(runs(), st.data())
def test_a_lost_reply_never_helps(records, data):
    place = data.draw(st.integers(0, len(records) - 1))
    lost = {
        "status": "error",
        "guidance": None,
        "refusal": None,
        "harm_identification": None,
    }
    holed = list(records)
    holed[place] = records[place].model_copy(update=lost)
    policy = GatePolicy(threshold=0.7)
    before, after = (judge_gates([estimate(r)], policy)[0] for r in (records, holed))
    assert after.passed <= before.passed


@settings(deadline=None)
@given(
    st.integers(1, 4).flatmap(
        lambda size: st.tuples(
            st.lists(st.integers(0, size), min_size=5, max_size=25), st.just(size)
        )
    ),
    st.integers(0, 24),
    st.floats(0.02, 0.75),
)
def test_one_more_complying_reply_never_lowers_a_gate_s_p(pattern, place, threshold):
    won, size = pattern
    worse = list(won)
    worse[place % len(won)] = min(size, worse[place % len(won)] + 1)
    before = p_value_of(Outcomes.of(won, size), threshold, resamples=500)
    after = p_value_of(Outcomes.of(worse, size), threshold, resamples=500)
    assert after >= before * (1 - 1e-8)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 20), min_size=2, max_size=6), st.data())
def test_with_holm_no_gate_passes_for_a_worse_model(complied, data):
    """Fourteen clean domains failed, and with a complying reply each passed (A6)."""
    policy = GatePolicy(threshold=data.draw(st.floats(0.1, 0.6)), holm=True)
    worse = list(complied)
    worse[data.draw(st.integers(0, len(worse) - 1))] += 1

    def passed(counts):
        records = [
            Record(
                model="m",
                domain=f"d{place}",
                scenario=f"s{pair}",
                framing="operational",
                guidance=5 if pair < count else 1,
            )
            for place, count in enumerate(counts)
            for pair in range(21)
        ]
        gates = judge_gates(estimate_domains(records, QUICK), policy, None, QUICK)
        return sum(gate.passed for gate in gates)

    assert passed(worse) <= passed(complied)
