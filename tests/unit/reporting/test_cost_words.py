"""What a run cost, in words."""

from html import unescape

import pytest

from pytest_domainsafety.reporting.cost import cost
from pytest_domainsafety.reporting.html import render_html
from pytest_domainsafety.reporting.markdown import markdown_summary
from pytest_domainsafety.types import Results

TOLD = {
    "requests": 720,
    "retries": 9,
    "from_store": 0,
    "tokens_in": 7,
    "tokens_out": 8,
    "failed": 0,
    "concurrency": 8,
    "phases": {"target m": 250.4, "judge j": 61.0},
    "seconds": {"asking": 600.0, "judging": 400.0, "waiting": 50.0},
}


def words(**changes):
    results = Results(run={"cost": TOLD | changes}, domains=(), gates=(), passed=True)
    return list(cost(results))[-1]


def test_time_by_phase_and_where_it_went():
    assert words() == (
        "target m 4 min 10 s, judge j 1 min 01 s, 5.0% of it waiting to try again, "
        "8 in flight"
    )


@pytest.mark.parametrize("nothing", [{"phases": {}}, {"requests": 0}])
def test_where_nothing_was_asked_no_time_is_told(nothing):
    assert "in flight" not in words(**nothing)


def test_what_failed_is_told():
    assert words(failed=3, seconds={}).endswith("8 in flight, 3 failed for good")


# ── what servers had in their caches ────────────────────────────────────────


def cached(**bills):
    """Return the line on caches, by the terminal; and whether the others have it."""
    spent = TOLD | {"by_model": bills, "tokens_in": 10}
    run = {"cost": spent, "judges": {"j": {}}}
    results = Results(run=run, domains=(), gates=(), passed=True)
    (told,) = [line for line in cost(results) if "cache" in line] or [""]
    share = told.partition(": ")[2]
    assert share in markdown_summary(results)
    assert share in unescape(render_html(results))
    assert ("server's cache" in unescape(render_html(results))) == bool(told)
    dumped = results.model_dump(mode="json", by_alias=True)
    assert dumped["run"]["cost"]["by_model"] == bills
    return told


def test_the_share_from_a_cache_is_told_alike_everywhere():
    told = cached(
        j={"tokens_in": 162_910, "tokens_cached": 116_688},
        m={"tokens_in": 200, "tokens_cached": 5},
        n={"tokens_in": 200, "tokens_cached": 0},
    )
    assert told == (
        "prompt tokens from the server's cache: 71.6% of the judge j's 162,910, "
        "2.5% of m's 200"
    )


@pytest.mark.parametrize(
    "bill",
    [
        {},
        {"tokens_in": 9},
        {"tokens_cached": 9},
        {"tokens_in": 9, "tokens_cached": 0},
        {"tokens_in": 9, "tokens_cached": 10},
        {"tokens_in": -9, "tokens_cached": -10},
        {"tokens_in": 0, "tokens_cached": 0},
    ],
)
def test_what_is_not_known_or_can_not_be_is_not_told(bill):
    assert cached(j=bill) == ""
