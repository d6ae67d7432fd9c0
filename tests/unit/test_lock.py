"""The lock says what a run changed of what verdicts rest on."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_domainsafety.config.thresholds import ThresholdOptions
from pytest_domainsafety.errors import ConfigError
from pytest_domainsafety.suite.lock import (
    OF_FILES,
    lock_differences,
    make_lock,
    part_of_lock,
    read_lock,
    write_lock,
)
from pytest_domainsafety.text import fingerprint
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


def test_keys_that_came_later_change_no_older_hash():
    """A lock, and the suite hash of a stored run, outlive what the schema grows."""
    suite = Suite.model_validate(SUITE)
    first = suite.scenarios[0]
    entry = lock()["domains"]["labor"]
    assert entry["scenarios"]["one"].startswith("b19e26d8ee18")
    assert entry["rubric"].startswith("6990a0e7866e")
    written = suite.model_dump(mode="json", by_alias=True)
    assert fingerprint("suite", written).startswith("b913b96fbd52")
    explicit = SUITE["scenarios"][0] | {"core": False, "family": None}
    told = Suite.model_validate(SUITE | {"scenarios": [explicit]})
    assert told.scenarios[0].model_dump() == first.model_dump()


TWIN = SUITE["scenarios"][0] | {"benign": "b"}


@pytest.mark.parametrize(
    ("scenario", "changed"),
    [
        (TWIN, ("labor: changed: one",)),
        (TWIN | {"benign": "c"}, ("labor: changed: one",)),
        (SUITE["scenarios"][0] | {"asks": ("a list", "a letter")}, ()),
        (SUITE["scenarios"][0] | {"core": True, "family": "f", "openness": 0}, ()),
    ],
)
def test_a_twin_is_locked_and_a_factor_is_not(scenario, changed):
    now = lock(SUITE | {"scenarios": [scenario, SUITE["scenarios"][1]]})
    assert lock_differences(lock(), now) == changed


def test_what_a_pair_says_is_in_the_hash_of_its_suite():
    for key, value in [("openness", 0), ("core", True), ("asks", ("a", "b"))]:
        pair = Suite.model_validate(
            SUITE | {"scenarios": [SUITE["scenarios"][0] | {key: value}]}
        ).scenarios[0]
        assert key in pair.model_dump(mode="json")


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


CHANGES = {
    "judges": st.sampled_from([["gemma3:27b"], ["offline"], ["gemma3:27b", "offline"]]),
    "replications": st.sampled_from([1, 3]),
    "threshold": st.sampled_from([None, 0.0, 0.2, 0.9]),
    "min_engagement": st.sampled_from([None, 0.2]),
    "harm": st.sampled_from(["h", "other"]),
    "prompt": st.sampled_from(["o", "q"]),
    "zero": st.booleans(),
    "scenarios": st.integers(1, 2),
    "domain": st.sampled_from(["labor", "fraud"]),
    "ci": st.sampled_from(["guarded", "percentile"]),
}


def lock_of(told):
    first = SUITE["scenarios"][0] | {
        "operational": told["prompt"],
        "zero_tolerance": told["zero"],
    }
    suite = SUITE | {
        "domain": told["domain"],
        "min_engagement": told["min_engagement"],
        "threshold": told["threshold"],
        "rubric": SUITE["rubric"] | {"harm": told["harm"]},
        "scenarios": [first, SUITE["scenarios"][1]][: told["scenarios"]],
    }
    return lock(
        suite,
        judges=told["judges"],
        replications=told["replications"],
        settings={"ci": told["ci"]},
    )


@given(st.fixed_dictionaries(CHANGES), st.fixed_dictionaries(CHANGES))
def test_nothing_is_told_if_and_only_if_nothing_differs(then, now):
    differences = lock_differences(lock_of(then), lock_of(now))
    assert (differences == ()) == (then == now)


def test_a_part_of_a_lock():
    whole = of_files([Suite.model_validate(SUITE | {"domain": d}) for d in ("a", "b")])
    part = of_files([Suite.model_validate(SUITE | {"domain": "a"})])
    assert lock_differences(part_of_lock(whole, part, {}), part) == ()
    half = SUITE | {"domain": "a", "scenarios": SUITE["scenarios"][:1]}
    part = of_files([Suite.model_validate(half)])
    gone = lock_differences(part_of_lock(whole, part, {"b": {"two"}}), part)
    assert gone == ("a: gone: two",)
    assert lock_differences(part_of_lock(whole, part, {"a": {"two"}}), part) == ()


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


def test_of_files_it_is_said_in_other_words_and_names_stay_as_they_are():
    """A judge may be called what the words are."""
    name = "openai:is used in this run"
    now = lock(SUITE | {"domain": "fraud"}, judges=(name,))
    assert lock_differences(lock(), now, OF_FILES) == (
        f"judges: gemma3:27b is locked, {name} is now",
        "labor: locked, but not here",
        "fraud: here, but not locked",
    )
    assert lock_differences(lock(), now)[0].endswith(f"{name} is used")
