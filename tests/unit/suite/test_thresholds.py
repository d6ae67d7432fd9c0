"""Whose threshold is a domain's: one table, and what no further source may do."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_domainsafety.config.thresholds import ThresholdOptions, by_domain
from pytest_domainsafety.errors import ConfigError
from pytest_domainsafety.suite import load_suite
from pytest_domainsafety.suite.thresholds import (
    OwnThresholds,
    changes,
    check_domains,
    resolve,
)

SUITES = Path(__file__).parents[3] / "suites"
LABOR = load_suite(SUITES / "labor.safety.yaml").suite


def suite(threshold=None, least=None, domain="labor", most=None):
    return LABOR.model_copy(
        update={
            "domain": domain,
            "threshold": threshold,
            "min_engagement": least,
            "max_over_refusal": most,
        }
    )


@pytest.mark.parametrize(
    ("typed", "ini", "files", "share", "place"),
    [
        ({}, {}, [None], 0.25, "default"),
        ({}, {None: 0.3}, [None], 0.3, "ini for all"),
        ({None: 0.4}, {None: 0.3}, [None], 0.4, "command line for all"),
        ({None: 0.4}, {None: 0.3}, [0.2], 0.2, "suite file"),
        ({None: 0.1}, {None: 0.1}, [0.2, None], 0.2, "suite file"),
        ({}, {}, [0.9, 0.1], 0.1, "suite file"),
        ({}, {}, [0.1, 0.9], 0.1, "suite file"),
        ({}, {"labor": 0.5}, [0.1], 0.5, "ini for the domain"),
        ({None: 0.1}, {"labor": 0.5}, [0.1], 0.5, "ini for the domain"),
        ({"labor": 0.6}, {"labor": 0.5}, [0.1], 0.6, "command line for the domain"),
        ({"fraud": 0.6}, {"labor": 0.5}, [0.1], 0.5, "ini for the domain"),
        ({"fraud": 0.6}, {None: 0.5}, [None], 0.5, "ini for all"),
        ({"labor": 0.0}, {}, [0.1], 0.0, "command line for the domain"),
    ],
)
def test_which_source_holds(typed, ini, files, share, place):
    limits = resolve(map(suite, files), ThresholdOptions(typed, ini))
    assert limits.by_domain["labor"].compliance == (share, place)
    assert limits.by_domain["labor"].engagement is None


@pytest.mark.parametrize(
    ("typed", "ini", "files", "limit"),
    [
        (None, None, [None], None),
        (None, 0.5, [None], (0.5, "ini for all")),
        (0.6, 0.5, [None], (0.6, "command line for all")),
        (0.6, 0.5, [0.2, None, 0.8], (0.8, "suite file")),
        (None, None, [0.8, 0.2], (0.8, "suite file")),
    ],
)
def test_which_engagement_holds(typed, ini, files, limit):
    options = ThresholdOptions(engagement=typed, ini_engagement=ini)
    limits = resolve((suite(least=least) for least in files), options)
    assert limits.by_domain["labor"].engagement == limit


def test_a_saved_run_is_judged_by_its_own_unless_the_command_line_says_other():
    own = OwnThresholds({"labor": 0.1}, {"labor": 0.7})
    asked = ThresholdOptions({None: 0.4})
    limits = resolve([suite(0.3, domain="fraud")], asked, own)
    assert limits.by_domain["labor"] == (
        (0.4, "command line for all"),
        (0.7, "the run's own"),
        None,
    )
    assert limits.by_domain["fraud"].compliance == (0.3, "suite file")
    assert list(changes(limits, own)) == [
        "labor: judged by the threshold 0.4 (command line for all), and the run itself "
        "by 0.1"
    ]
    assert list(changes(resolve([], ThresholdOptions(), own), own)) == []
    lax = resolve([], ThresholdOptions(engagement=0.2), own)
    assert list(changes(lax, own)) == [
        "labor: judged by an engagement of at least 0.2 (command line for all), and "
        "the run itself by 0.7"
    ]


@pytest.mark.parametrize(
    ("typed", "ini", "files", "limit"),
    [
        ({}, {}, [None], None),
        ({}, {None: 0.5}, [None], (0.5, "ini for all")),
        ({None: 0.4}, {None: 0.5}, [None], (0.4, "command line for all")),
        ({None: 0.4}, {}, [0.2, None, 0.1], (0.1, "suite file")),
        ({"labor": 0.6}, {}, [0.1], (0.6, "command line for the domain")),
        ({"fraud": 0.6}, {"labor": 0.3}, [0.1], (0.3, "ini for the domain")),
        ({"fraud": 0.6}, {}, [None], None),
    ],
)
def test_which_over_refusal_holds(typed, ini, files, limit):
    options = ThresholdOptions(over_refusal=typed, ini_over_refusal=ini)
    limits = resolve((suite(most=most) for most in files), options)
    assert limits.by_domain["labor"].over_refusal == limit
    assert limits.over_refusal.get("labor") == (limit and limit[0])


def test_a_saved_run_keeps_its_over_refusal():
    own = OwnThresholds({"labor": 0.1, "fraud": 0.1}, {}, {"labor": 0.2})
    files = [suite(most=0.9), suite(most=0.9, domain="fraud")]
    limits = resolve(files, ThresholdOptions(ini_over_refusal={None: 0.8}), own)
    assert limits.over_refusal == {"labor": 0.2}
    typed = resolve(files, ThresholdOptions(over_refusal={None: 0.5}), own)
    assert typed.over_refusal == {"labor": 0.5, "fraud": 0.5}
    assert list(changes(typed, own)) == [
        "labor: judged by an over-refusal of at most 0.5 (command line for all), and "
        "the run itself by 0.2"
    ]


def test_what_is_not_asked_about_is_held_to_what_all_are():
    options = ThresholdOptions({None: 0.3, "fraud": 0.1}, engagement=0.5)
    limits = resolve([suite()], options)
    assert limits.otherwise.compliance == (0.3, "command line for all")
    assert set(limits.special().by_domain) == {"fraud"}
    assert set(limits.only({"labor"}).by_domain) == {"labor"}


SHARES = st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0])
NAMES = st.sampled_from([None, "labor", "fraud"])
PLACES = st.dictionaries(NAMES, SHARES)


@given(PLACES, PLACES, st.lists(st.none() | SHARES, min_size=1, max_size=3), SHARES)
def test_a_further_source_that_is_stricter_never_loosens(typed, ini, files, extra):
    """Whoever adds a limit at or below what holds ends at or below it."""

    def share(typed=typed, ini=ini, files=files):
        limits = resolve(map(suite, files), ThresholdOptions(typed, ini))
        return limits.by_domain["labor"].compliance.share

    now = share()
    extra = min(extra, now)
    for name in ("labor", None):
        assert share(typed={**typed, name: extra}) <= now
        assert share(ini={**ini, name: extra}) <= now
    assert share(files=[*files, extra]) <= now
    assert share(files=[extra, *files]) <= now


@given(PLACES, PLACES, st.none() | SHARES)
def test_an_option_touches_no_other_domain(typed, ini, file):
    options = ThresholdOptions(typed, ini)
    more = ThresholdOptions({**typed, "fraud": 0.5}, ini)
    assert (
        resolve([suite(file)], options).by_domain["labor"]
        == resolve([suite(file)], more).by_domain["labor"]
    )


@pytest.mark.parametrize(
    ("place", "values", "sentence"),
    [
        (
            "--safety-threshold",
            [("labor", 0.1), ("labor", 0.3)],
            "--safety-threshold: labor=0.1 and labor=0.3 are two thresholds for labor "
            "in one place; leave one of them out (addopts are part of it)",
        ),
        (
            "ini value safety_threshold",
            [(None, 0.1), ("labor", 0.1), (None, 0.3)],
            "ini value safety_threshold: 0.1 and 0.3 are two thresholds for all "
            "domains in one place; leave one of them out",
        ),
    ],
)
def test_two_thresholds_for_one_domain_in_one_place_are_refused(
    place, values, sentence
):
    with pytest.raises(ConfigError) as caught:
        by_domain(place, values)
    assert str(caught.value) == sentence


def test_one_threshold_said_twice_is_one():
    assert by_domain("x", [("labor", 0.1), ("labor", 0.1)]) == {"labor": 0.1}


def test_a_domain_that_is_not_there_is_an_error_that_names_the_near_one():
    check_domains("--threshold", ["labor"], ["labor", "fraud"], "these records")
    with pytest.raises(ConfigError) as caught:
        check_domains("--threshold", ["labour"], ["labor", "fraud"], "these records")
    assert str(caught.value) == (
        "--threshold labour=…: there is no domain 'labour' in these records (there "
        "are: fraud, labor); did you mean 'labor'?"
    )
