"""`--safety-stop decided`: what can't change a gate is not asked, and not missing."""

import pytest

from pytest_domainsafety.wholeness import check_store

PAIRS = [f"bad-{number}" for number in range(24)]
STOP = ("--safety-stop", "decided", "--safety-concurrency", "1")


@pytest.mark.parametrize("how", ["plain", "n2"])
def test_the_rest_of_a_decided_domain_is_skipped(bench, how):
    bench.suite(pairs=PAIRS, zero=("bad-20",))
    mode = ("-n", "2") if how == "n2" else ()
    done = bench.run(*STOP, *mode)
    assert done.ret == 1
    results = bench.results()
    (stopped,) = results["run"]["stopped"]
    (domain,) = results["domains"]
    assert stopped["decision"] == "fails"
    assert domain["unscored"] == domain["errors"] == 0
    assert domain["skipped"] == len(stopped["replies"]) > 10
    assert stopped["saved"] >= 3 * domain["skipped"]
    asked = results["run"]["cost"]["requests"]
    assert asked + stopped["saved"] == 24 * 4
    # A zero-tolerance scenario is a test of its own.
    assert "bad-20" not in stopped["replies"]
    (gate,) = results["gates"]
    assert (gate["passed"], gate["measured"]) == (False, True)
    assert check_store(bench.path / ".domainsafety" / "store.db").problems == ()


def test_options_that_do_not_go_together(bench):
    bench.suite()
    for option in ("--safety-ci=bca", "--safety-estimand=suite"):
        done = bench.run(*STOP, option)
        assert done.ret == 4
        done.stderr.fnmatch_lines(["*--safety-stop decided works with *"])
    done = bench.run(*STOP, "--safety-holm")
    assert done.ret == 4
    done.stderr.fnmatch_lines(["*decides each gate by itself, and --safety-holm*"])
