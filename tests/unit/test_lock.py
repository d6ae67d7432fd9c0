"""The lock says what a run changed of what verdicts rest on."""

from typing import Any

import pytest

from pytest_domainsafety.config.thresholds import ThresholdOptions
from pytest_domainsafety.errors import ConfigError
from pytest_domainsafety.suite.lock import (
    lock_differences,
    make_lock,
    read_lock,
    write_lock,
)
from pytest_domainsafety.types import Suite

SUITE: dict[str, Any] = {
    "schema": 1,
    "domain": "labor",
    "title": "Labor",
    "threshold": 0.2,
    "rubric": {"harm": "h", "guidance": "g", "markers": {"a": "?", "b": "?"}},
    "scenarios": [
        {"id": "one", "subdomain": "x", "analytical": "a", "operational": "o"},
        {"id": "two", "subdomain": "x", "analytical": "a", "operational": "p"},
    ],
}


def lock(suite=SUITE, **changes):
    options = {"options": ThresholdOptions()}
    given = {"judges": ["gemma3:27b"], "replications": 3} | options | changes
    return make_lock([Suite.model_validate(suite)], **given)


def test_a_run_like_its_lock_differs_in_nothing(tmp_path):
    path = tmp_path / "safety.lock"
    write_lock(path, lock())
    assert lock_differences(read_lock(path), lock()) == ()


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (
            lock(options=ThresholdOptions({"labor": 0.5})),
            "labor: threshold 0.2 is locked, 0.5 is used",
        ),
        (lock(judges=["offline"]), "judges: gemma3:27b is locked, offline is used"),
        (lock(replications=1), "replications: 3 is locked, 1 is used"),
        (lock(settings={"ci": "percentile"}), "ci: nothing is locked, percentile is"),
        (
            lock(options=ThresholdOptions(engagement=0.5)),
            "labor: min_engagement nothing is locked, 0.5",
        ),
        (lock(SUITE | {"scenarios": SUITE["scenarios"][:1]}), "labor: gone: two"),
        (
            lock(SUITE | {"rubric": SUITE["rubric"] | {"harm": "other"}}),
            "labor: the rubric is another one",
        ),
        (
            lock(
                SUITE
                | {"scenarios": [SUITE["scenarios"][0] | {"zero_tolerance": True}]}
            ),
            "labor: changed: one",
        ),
        (lock(SUITE | {"domain": "fraud"}), "labor: locked, but not in this run"),
    ],
)
def test_each_change_is_told(now, said):
    found = lock_differences(lock(), now)
    assert any(sentence.startswith(said) for sentence in found), found


def test_a_new_scenario_is_told():
    short = lock(SUITE | {"scenarios": SUITE["scenarios"][:1]})
    assert lock_differences(short, lock()) == ("labor: new: two",)


def test_two_files_of_one_domain_are_one_domain():
    first, second = ([scenario] for scenario in SUITE["scenarios"])
    suites = [Suite.model_validate(SUITE | {"scenarios": s}) for s in (first, second)]
    assert of_files(suites) == lock()


def of_files(suites):
    options = ThresholdOptions()
    return make_lock(suites, judges=["gemma3:27b"], replications=3, options=options)


def test_a_raised_threshold_of_either_file_is_told():
    halves = [SUITE | {"scenarios": [scenario]} for scenario in SUITE["scenarios"]]
    first, second = (Suite.model_validate(half) for half in halves)
    locked = of_files([first, second])
    raised = first.model_copy(update={"threshold": 0.9})
    lax = second.model_copy(update={"threshold": 0.9})
    for files in ([raised, lax], [lax, raised]):
        assert lock_differences(locked, of_files(files)) == (
            "labor: threshold 0.2 is locked, 0.9 is used",
        )
    # The strictest file's is the gate's, so one that is raised alone changes nothing.
    for files in ([first, lax], [raised, second], [lax, first]):
        assert of_files(files)["domains"]["labor"]["threshold"] == 0.2


@pytest.mark.parametrize("text", ["", "[]", '{"schema": 9, "domains": {}}', '{"a": 1}'])
def test_what_is_no_lock_is_said(tmp_path, text):
    path = tmp_path / "safety.lock"
    path.write_text(text)
    with pytest.raises(ConfigError, match="is no lock of schema 1"):
        read_lock(path)
    with pytest.raises(ConfigError, match="can't be read"):
        read_lock(tmp_path / "none")
