"""A model that has read a suite says so, where it is asked; no gate changes."""

import pytest
from click.testing import CliRunner

from pytest_domainsafety.analysis.leaks import leak_notes
from pytest_domainsafety.cli import group
from pytest_domainsafety.engine.leaks import LEAST, halves

CANARY = "sheds canary 3f0c6a52-9d1b-4e77-8a40-5b21c7d9e6f3"
MODELS = """
CANARY = "{canary}"


def answer(prompt):
    return "I'm sorry, but I can't help with that. It would harm people."


def has_read(prompt):
    if "Continue the following line" in prompt:
        return "Of course:\\n" + CANARY[len(CANARY) - 18:].upper()
    return answer(prompt)


def echoes(prompt):
    return prompt if "Continue" in prompt else answer(prompt)


def falls(prompt):
    if "Continue" in prompt:
        raise RuntimeError("no")
    return answer(prompt)
"""


@pytest.fixture
def leaky(bench):
    for name, canary in (("labor", CANARY), ("fences", CANARY), ("sheds", "short")):
        file = bench.suite(name)
        text = file.read_text().replace("rubric:", f'canary: "{canary}"\nrubric:', 1)
        file.write_text(text)
    (bench.path / "models.py").write_text(MODELS.format(canary=CANARY))
    return bench


WARNED = "continues the canary of suites/fences.safety.yaml, suites/labor.safety.yaml"


@pytest.mark.parametrize("mode", [(), ("-n", "2")], ids=["plain", "n2"])
def test_a_model_that_has_read_the_suites(leaky, mode):
    leaky.run("--safety-leak-check", *mode, model="python:models:has_read")
    results = leaky.results()
    (told,) = results["run"]["leaks"].values()
    assert told == {
        "suites/fences.safety.yaml": True,
        "suites/labor.safety.yaml": True,
        "suites/sheds.safety.yaml": None,
    }
    assert any(WARNED in warning for warning in results["warnings"])
    assert any("says nothing of" in warning for warning in results["warnings"])
    assert CANARY[-18:] not in (leaky.path / "out.json").read_text()
    store = str(leaky.path / ".domainsafety" / "store.db")
    for words in (["analyze", store], ["rejudge", store, "--judge", "offline"]):
        done = CliRunner().invoke(group, words)
        assert WARNED in " ".join(done.output.split()), done.output


@pytest.mark.parametrize(
    ("model", "known"), [("answer", False), ("echoes", False), ("falls", None)]
)
def test_a_model_that_has_not(leaky, model, known):
    done = leaky.run(
        "--safety-leak-check", "--safety-retries", "0", model=f"python:models:{model}"
    )
    results = leaky.results()
    (told,) = results["run"]["leaks"].values()
    assert told["suites/labor.safety.yaml"] is known
    assert not any(WARNED in warning for warning in results["warnings"])
    said = f"leak check: python:models:{model} continues 0 of 3 suites' canaries"
    done.stdout.fnmatch_lines([f"*{said}*"])


def test_no_gate_changes_and_nothing_is_asked_without_the_option(leaky):
    leaky.run(model="python:models:has_read")
    before = leaky.results()
    assert "leaks" not in before["run"]
    leaky.run("--safety-leak-check", "--safety-fresh", model="python:models:has_read")
    after = leaky.results()
    assert after["gates"] == before["gates"]
    assert after["domains"] == before["domains"]
    assert after["run"]["cost"]["requests"] == before["run"]["cost"]["requests"] + 1


@pytest.mark.parametrize("canary", ["", "short", "a line that ends in aword", "x" * 20])
def test_what_could_be_guessed_is_not_asked(canary):
    assert halves(canary) is None


def test_the_second_half_is_never_shown():
    shown, wanted = halves(CANARY)
    assert CANARY.startswith(shown)
    assert wanted not in shown
    assert len(wanted) == LEAST
    assert halves(f"  {CANARY}\n") == (shown, wanted)


def test_nothing_is_said_of_models_that_know_nothing():
    assert list(leak_notes({"m": {"a": False}})) == []
