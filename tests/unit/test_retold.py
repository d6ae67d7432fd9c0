"""How far a gate hangs on the judge's words: worked out, held to, and fail closed."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from pytest_domainsafety.analysis import AnalysisSettings, build_results
from pytest_domainsafety.analysis.agreement import cell_of
from pytest_domainsafety.analysis.gate import GatePolicy, status_of
from pytest_domainsafety.analysis.retold import RetoldGate, State
from pytest_domainsafety.runs.retold import _start
from pytest_domainsafety.runs.shards import _retold
from pytest_domainsafety.types import Manifest, Record, RetoldEntry

PAIRS = 24
QUICK = AnalysisSettings(resamples=200)


def records(complied, lost=0):
    """Return one reply a pair, the first of them complying, the last ones lost."""
    for number in range(PAIRS):
        known = number < PAIRS - lost
        yield Record(
            model="m",
            domain="labor",
            scenario=f"pair-{number:02}",
            framing="operational",
            status="scored" if known else "error",
            guidance=(5 if number < complied else 1) if known else None,
            refusal=(1 if number < complied else 5) if known else None,
            harm_identification=2 if known else None,
        )


def told(complying, *, asked=PAIRS, before=0, lost=0):
    """Return the counts of one way of asking: a reply a pair."""
    return {
        f"pair-{number:02}": (1, int(number < before), int(number < complying), 0, 0)
        if number < asked
        else ((0, 0, 0, 1, 0) if number < asked + lost else (0, 0, 0, 0, 1))
        for number in range(PAIRS)
    }


def results(complied, ways, *, gate=True, threshold=0.25, lost=0):
    entry = RetoldEntry(
        names=tuple(ways), gate=gate, replies={"m": {"labor": dict(ways)}}
    )
    policy = GatePolicy(threshold=threshold, subdomain="off")
    return build_results(records(complied, lost), QUICK, policy, {"retold": entry})


def verdict(found):
    (gate,) = found.gates
    return gate.passed, gate.measured, status_of(found)


def test_the_gate_is_held_to_the_widest_limit_where_that_was_asked_for():
    ways = {"plain": told(0), "formal": told(12)}
    found = results(0, ways)
    (estimate,) = found.domains
    robust = estimate.robust
    assert verdict(found) == (False, True, 1)
    assert (robust.low, robust.high, robust.flips) == (0.0, 0.5, ("formal",))
    assert robust.own < 0.25 < robust.widest == estimate.ci.high == found.gates[0].upper
    assert "hangs on the words" in found.gates[0].message
    # Only told of, the gate stays what it was.
    shown = results(0, ways, gate=False)
    assert verdict(shown) == (True, True, 0)
    assert shown.domains[0].robust.flips == ("formal",)
    assert shown.domains[0].ci.high == robust.own


def test_a_judge_that_says_the_same_in_all_words_changes_nothing():
    alone = build_results(records(1), QUICK, GatePolicy(threshold=0.3))
    found = results(1, {"plain": told(1, before=1)}, threshold=0.3)
    assert verdict(found) == (True, True, 0)
    assert found.domains[0].ci == alone.domains[0].ci
    assert found.domains[0].robust.flips == ()


@pytest.mark.parametrize(
    "way",
    [
        {},  # nothing of it came
        told(0, asked=12),  # half of it
        told(0, asked=12, lost=12),  # the judge could not score the other half
        {f"pair-{number:02}": (0, 0, 7, 0, 0) for number in range(PAIRS)},  # edited
        {f"pair-{number:02}": (9, 0, 0, 0, 0) for number in range(PAIRS)},
        {"another": (1, 0, 0, 0, 0)},
        {f"pair-{number:02}": (0, 0, 0, 0, 0) for number in range(PAIRS)},  # edited
    ],
)
def test_what_was_not_said_in_other_words_passes_nothing(way):
    found = results(0, {"plain": told(0), "formal": way})
    assert verdict(found) == (False, False, 10)
    assert found.domains[0].robust.by["formal"].ending == "open"
    assert found.domains[0].robust.flips == ()


def test_a_reply_that_no_judge_reads_needs_no_account():
    """A silent one is a refusal in whatever words; one beside it is not."""
    quiet = {"status": "silent_refusal", "guidance": 1, "refusal": 5}
    rows = [
        row.model_copy(update=quiet if number < 4 else {})
        for number, row in enumerate(records(0))
    ]
    for gone, expected in ((4, (True, True, 0)), (5, (False, False, 10))):
        unread = {f"pair-{number:02}": (0,) * 5 for number in range(gone)}
        entry = RetoldEntry(
            names=("plain",),
            gate=True,
            replies={"m": {"labor": {"plain": told(0) | unread}}},
        )
        policy = GatePolicy(threshold=0.25, subdomain="off")
        found = build_results(rows, QUICK, policy, {"retold": entry})
        assert verdict(found) == expected


def test_a_pair_of_which_two_shards_differ_is_left():
    shards = [
        Manifest(
            retold=RetoldEntry(version="1", replies={"m": {"labor": {"plain": way}}})
        )
        for way in (told(1, asked=2), told(0, asked=2), told(1, asked=2))
    ]
    joined = _retold(shards)
    assert joined.replies["m"]["labor"]["plain"].keys() == told(0).keys() - {"pair-00"}


def test_what_is_left_decides_nothing():
    """Of a gate that passes 22 of 24 are enough, whatever the last two say."""
    found = results(0, {"plain": told(0, asked=22)}, threshold=0.3)
    assert found.domains[0].robust.by["plain"].ending == "passes"
    assert verdict(found) == (True, True, 0)


def test_a_gate_that_fails_stays_failed_and_says_where_it_would_pass():
    found = results(14, {"plain": told(0, before=14), "formal": told(14, before=14)})
    assert verdict(found) == (False, True, 1)
    assert found.domains[0].robust.flips == ("plain",)
    assert found.domains[0].robust.low == 0.0


def test_so_much_is_asked_as_can_decide_and_no_more():
    """Brute force over all answers: no decision comes before the replies asked for."""
    size = 6
    gate = RetoldGate([1] * size, 0.7, QUICK, None, "labor")
    zeros = np.zeros(size, np.int64)
    state = State(zeros, zeros, zeros + 1)
    needed = gate.needed(state, range(size))
    endings = set()
    for answers in itertools.product((0, 1), repeat=size):
        for asked in range(size + 1):
            some = np.array([*answers[:asked], *[0] * (size - asked)])
            left = np.array([0] * asked + [1] * (size - asked))
            ending = gate.ending(State(some, zeros, left))
            assert ending == "open" or asked >= needed
            endings.add((ending, asked))
    assert {ending for ending, asked in endings if asked == needed} > {"open"}
    assert 1 < needed < size


def test_nothing_is_asked_where_no_answer_could_flip_the_gate():
    zeros = np.zeros(3, np.int64)
    few = RetoldGate([1] * 3, 0.25, QUICK, None, "labor")
    assert few.needed(State(zeros, zeros, zeros + 1), range(3)) == 0
    hopeless = RetoldGate([1] * 3, 0.25, QUICK, None, "labor")
    assert hopeless.ending(State(zeros, zeros, zeros + 1)) == "fails"
    lost = RetoldGate([1] * 30, 0.2, QUICK, None, "labor")
    none = np.zeros(30, np.int64)
    gone = np.array([1] * 29 + [0])
    assert lost.needed(State(none, gone, 1 - gone), [29]) == 0


def test_a_reply_that_the_store_has_lost_is_no_refusal():
    rows = list(records(0))
    (estimate,) = results(0, {}).domains
    kept = {cell_of(row): None for row in rows[4:]}  # empty: no judge reads them
    state, order = _start(estimate, rows, kept)
    assert not order
    assert state.lost.tolist() == [1] * 4 + [0] * (PAIRS - 4)
