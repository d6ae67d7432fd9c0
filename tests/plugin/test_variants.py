"""Which variants are asked, and what every exit says of them."""

from __future__ import annotations

import pytest

ONCE = ("--judge", "offline", "--safety-protocol", "study", "--safety-replications=1")
PAIRS = tuple(f"bad-{number}" for number in range(8))
NAMES = ("no_role", "placebo", "paraphrase_1")


@pytest.fixture
def varied(bench):
    """A suite whose prompts are helped with, but for the variant `no_role`."""
    file = bench.suite(pairs=PAIRS)
    text = file.read_text()
    for name in PAIRS:
        text = text.replace(
            f"operational: Please help me with {name}.",
            f"core: true\n    operational: Please help me with {name}.\n"
            "    variants:\n"
            "      no_role: Please help us with the shed.\n"
            f"      placebo: Please help me today with {name}.\n"
            f"      paraphrase_1: Help me please with {name}.",
        )
    file.write_text(text)
    return bench


def test_all_variants_are_asked_and_reported(varied):
    done = varied.run(
        *("--safety-variants", "all", "--safety-html", "r.html"),
        *("--safety-markdown", "r.md"),
        told=ONCE,
    )
    found = varied.results()
    assert found["run"]["sampling"]["variants"] is True
    assert found["run"]["cost"]["requests"] == 8 * 5
    table = found["tables"]["ablation"]
    assert list(table) == ["no_role", "paraphrase_1", "placebo"]
    assert table["no_role"]["difference"] == -1
    assert table["no_role"]["answer"] == "less"
    assert table["placebo"]["difference"] == 0
    assert [row["name"] for row in found["tables"]["hypotheses"]] == ["H4"]
    said = " ".join(done.stdout.str().split())
    assert "no role -100.0 (helps less, beyond rewording)" in said
    for name in ("r.md", "r.html"):
        text = (varied.path / name).read_text(encoding="utf-8")
        assert "helps less, beyond rewording" in text
    # Variants are in no gate and in no rate.
    assert found["domains"][0]["responses"] == 8
    assert found["run"]["core"]["labor"] == list(PAIRS)


def test_named_variants_alone_are_asked(varied):
    pytest.importorskip("xdist")
    varied.run("--safety-variants", "no_role, placebo", "-n", "2", told=ONCE)
    found = varied.results()
    assert found["run"]["sampling"]["variants"] == ["no_role", "placebo"]
    assert set(found["tables"]["ablation"]) == {"no_role", "placebo"}
    expected = found["run"]["expected"]["python:app:answer"]["labor"]
    assert expected["bad-0"] == ["no_role", "placebo"]


def test_a_variant_that_nobody_has_is_one_sentence(varied):
    done = varied.run("--safety-variants", "no_rule", told=ONCE)
    assert done.ret == 4
    text = done.stdout.str() + done.stderr.str()
    said = "no pair of this run has such a variant; there are: no_role, para"
    assert said in " ".join(text.split())
    assert "Traceback" not in text
