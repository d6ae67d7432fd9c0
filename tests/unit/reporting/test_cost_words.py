"""What a run cost, in words."""

import pytest

from pytest_domainsafety.reporting.cost import cost
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
