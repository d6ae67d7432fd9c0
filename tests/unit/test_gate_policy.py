"""Whose threshold is a domain's: the option, the suite files, the default."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from pytest_domainsafety.config.thresholds import ThresholdOptions
from pytest_domainsafety.session.conclusion import gate_policy
from pytest_domainsafety.session.expected import Expected, ExpectedPair
from pytest_domainsafety.session.process import stop_rule
from pytest_domainsafety.suite import load_suite

SUITES = Path(__file__).parents[2] / "suites"
LABOR = load_suite(SUITES / "labor.safety.yaml")


def run_of(files, **options):
    """Return the pairs and options of a run over (threshold, min_engagement)."""
    pairs = {}
    for number, (threshold, least) in enumerate(files):
        told = {"threshold": threshold, "min_engagement": least}
        suite = replace(
            LABOR,
            display=f"{number}.safety.yaml",
            suite=LABOR.suite.model_copy(update=told),
        )
        pairs[f"{number}"] = ExpectedPair(suite, 0, "m")
    config = SimpleNamespace(
        replications=3,
        confidence=0.95,
        resamples=100,
        seed=1,
        holm=False,
        allow_silence=False,
        subdomain_threshold="domain",
    )
    vars(config).update({"thresholds": ThresholdOptions()} | options)
    return Expected(pairs, {"labor"}), config


def policy(files, **options):
    """Return the policy of such a run."""
    return gate_policy(*run_of(files, **options))


def test_no_file_says_anything():
    found = policy([(None, None), (None, None)])
    assert (found.thresholds, found.min_engagements) == ({"labor": 0.25}, {})


def test_the_strictest_of_a_domains_files_holds():
    for files in ([(0.1, 0.8), (0.9, 0.2), (None, None)], [(0.9, None), (0.1, 0.8)]):
        for order in (files, files[::-1]):
            found = policy(order)
            assert found.thresholds == {"labor": 0.1}
            assert found.min_engagements == {"labor": 0.8}


def test_an_option_for_the_domain_goes_before_its_files():
    options = ThresholdOptions({"labor": 0.4, "elsewhere": 0.1})
    found = policy([(0.1, None)], thresholds=options)
    assert found.thresholds == {"labor": 0.4}


def test_the_gates_are_corrected_for_their_number_where_asked():
    assert not policy([(None, None)]).holm
    assert policy([(None, None)], holm=True).holm


def test_a_gate_is_decided_by_the_threshold_that_it_has():
    for files in (
        [(0.1, None), (0.9, None)],
        [(0.4, None), (None, None)],
        [(None, None)],
    ):
        for order in (files, files[::-1]):
            expected, config = run_of(order)
            rule = stop_rule(expected.pairs.values(), config)
            assert rule.thresholds["labor"] == policy(order).threshold_of("labor")


def test_no_gate_is_decided_where_any_file_asks_for_engagement():
    for files in ([(None, 0.5), (None, None)], [(None, None), (None, 0.5)]):
        expected, config = run_of(files)
        assert stop_rule(expected.pairs.values(), config).thresholds == {}
