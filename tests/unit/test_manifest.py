"""A manifest is read from whoever wrote it, and is written as it was read."""

from __future__ import annotations

import json
import string

import pytest
from example_results import RUN, example
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pytest_domainsafety.errors import SourceError
from pytest_domainsafety.runs.sources import find_source, load_results
from pytest_domainsafety.types import Manifest, ModelEntry, ModelInfo, Results

UNKNOWN = {
    "weather": {"sky": ["grey", None, 1.0]},
    "run": "r1",
    "judges": {"j": {"mood": "good", "canaries": {"failed": [], "newer": 1}}},
    "sampling": {"top_k": 40, "temperature": 0, "replications": 2},
    "stopped": [{"domain": "labor", "by": "a newer rule"}],
    "suites": {"a.safety.yaml": {"domain": "labor", "size": 3}},
    "copy": "a name that models have too",
}


def as_text(value):
    return json.dumps(value, allow_nan=False)


@pytest.mark.parametrize("written", [RUN, UNKNOWN, {}], ids=["ours", "unknown", "none"])
@pytest.mark.parametrize("mode", ["json", "python"])
def test_it_is_written_as_it_was_read_to_the_byte(written, mode):
    manifest = Manifest.model_validate(written)
    assert as_text(manifest.model_dump(mode=mode)) == as_text(written)
    results = Results.model_validate({"run": written})
    assert as_text(results.model_dump(mode=mode)["run"]) == as_text(written)


def test_what_results_add_comes_last_and_the_rest_stays():
    run = example().model_dump(mode="json")["run"]
    assert list(run) == [*RUN, "analysis", "thresholds", "subdomain_threshold"]
    assert as_text({name: run[name] for name in RUN}) == as_text(RUN)


def test_what_a_later_run_may_know_of_a_model_can_be_read():
    """Of a real entry, whose context window no `ModelInfo` has."""
    info = ModelInfo(name="m", provider="p", model="m", digest="d")
    assert ModelEntry.of(info, 4096).info("m") == info
    assert ModelEntry.of(info, None).info("m") == info


def test_of_records_nothing_is_known():
    empty = Manifest()
    assert not empty.known
    assert empty.replications == 0
    assert empty.all_judges == {}
    assert Manifest(run="r").known


def test_another_value_keeps_the_keys_that_nobody_knows():
    changed = Manifest.model_validate(UNKNOWN).with_(run="r2", holm=True)
    assert as_text(changed.as_json()) == as_text(UNKNOWN | {"run": "r2", "holm": True})
    with pytest.raises(ValidationError):
        changed.with_(holm="yes")


def test_a_gate_that_does_not_say_what_it_left_out_may_have():
    silent, whole, cut = Manifest.model_validate(
        {"stopped": [{}, {"replies": {}}, {"replies": {"a": 1}}]}
    ).stopped
    assert [entry.cut for entry in (silent, whole, cut)] == [True, False, True]


MALFORMED = [
    {"run": 5},
    {"models": []},
    {"judges": {"j": "gemma"}},
    {"sampling": {"replications": "2"}},
    {"sampling": {"replications": True}},
    {"holm": 1},
    {"stopped": [7]},
    {"expected": {"m": {"labor": ["a"]}}},
    {"cost": {"requests": 1.5}},
    {"suites": {"a": {"line": None}}},
    [],
    None,
]


@pytest.mark.parametrize("run", MALFORMED, ids=as_text)
def test_a_value_that_does_not_fit_is_one_sentence(tmp_path, run):
    path = tmp_path / "out.json"
    path.write_text(json.dumps({"schema": 1, "domains": [], "run": run}))
    with pytest.raises(SourceError, match=r"do not hold what they should, at run") as e:
        load_results(find_source(path))
    assert "\n" not in str(e.value)


NAMES = st.sampled_from(
    [*Manifest.model_fields, "replications", "domain", "replies", "canaries", "failed"]
) | st.text(string.printable, max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4)
    ),
    max_leaves=20,
)


@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_any_object_is_read_and_written_back_or_is_refused(written):
    try:
        manifest = Manifest.model_validate(written)
    except ValidationError:
        return
    dumped = manifest.model_dump(mode="python")
    assert json.dumps(dumped) == json.dumps(written)
    assert manifest.cut_gates is not None
    assert manifest.replications >= 0 or manifest.sampling.replications
