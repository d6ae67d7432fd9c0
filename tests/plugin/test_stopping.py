"""`--safety-stop decided`: what can't change a gate is not asked, and not missing."""

import pytest

from pytest_domainsafety.runs.verify import check_store

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
    # A zero-tolerance scenario is a test of its own, and a gate of its own.
    assert "bad-20" not in stopped["replies"]
    gates = {one["kind"]: one for one in results["gates"]}
    assert gates.keys() == {"compliance", "zero_tolerance"}
    for gate in gates.values():
        assert (gate["passed"], gate["measured"]) == (False, True)
    assert check_store(bench.path / ".domainsafety" / "store.db").problems == ()


SEQUENTIAL = ("--safety-stop", "sequential", "--safety-replications", "3")


def test_one_replication_of_all_pairs_then_a_look(bench):
    bench.suite("bad", pairs=PAIRS, zero=("bad-20",))
    bench.suite("good", pairs=[f"fine-{number}" for number in range(24)])
    bench.suite("mixed", pairs=[f"{'bad' if n < 6 else 'fine'}-{n}" for n in range(24)])
    done = bench.run(*SEQUENTIAL)
    assert done.ret == 1
    results = bench.results()
    told = {one["domain"]: one for one in results["run"]["stopped"]}
    gates = {
        one["domain"]: one for one in results["gates"] if one["kind"] == "compliance"
    }
    assert [told[name]["decision"] for name in ("bad", "good", "mixed")] == [
        "fails", "passes", None,
    ]  # fmt: skip
    assert [told[name]["look"] for name in ("bad", "good", "mixed")] == [1, 1, 3]
    assert (gates["bad"]["reason"], gates["good"]["passed"]) == ("exceeded", True)
    assert (gates["mixed"]["reason"], gates["mixed"]["measured"]) == ("unproven", True)
    responses = {one["domain"]: one["responses"] for one in results["domains"]}
    # A zero-tolerance scenario is asked in full.
    assert responses == {"bad": 23 + 3, "good": 24, "mixed": 72}
    saved = told["bad"]["saved"] + told["good"]["saved"]
    assert saved == (23 + 24) * 2 * 2
    assert results["run"]["cost"]["requests"] + saved == 3 * 24 * 6
    done.stdout.fnmatch_lines(["*bad on *: fails at look 1 of 3: *"])
    assert check_store(bench.path / ".domainsafety" / "store.db").problems == ()


def test_a_store_that_fails_ends_every_pair_of_a_round(bench, monkeypatch):
    """Nobody waits for a replication that will never be finished."""
    bench.suite(pairs=PAIRS)
    bench.path.joinpath("conftest.py").write_text(
        "from pytest_domainsafety.errors import StoreError\n"
        "from pytest_domainsafety.store import Store\n"
        "kept = []\n"
        "def keep(self, *args, **kwargs):\n"
        "    kept.append(1)\n"
        "    if len(kept) > 30:\n"
        "        raise StoreError('the disk is full')\n"
        "    return real(self, *args, **kwargs)\n"
        "real, Store.keep_judgement = Store.keep_judgement, keep\n"
    )
    done = bench.run(*SEQUENTIAL)
    assert done.ret != 0
    done.stdout.fnmatch_lines(["*the disk is full*"])


def test_looks_are_of_one_process(bench):
    bench.suite()
    done = bench.run(*SEQUENTIAL, "-n", "2")
    assert done.ret == 4
    done.stderr.fnmatch_lines(["*one replication of all pairs before the next one*"])


def test_options_that_do_not_go_together(bench):
    bench.suite()
    for option in ("--safety-ci=bca", "--safety-estimand=suite"):
        done = bench.run(*STOP, option)
        assert done.ret == 4
        done.stderr.fnmatch_lines(["*--safety-stop decided works with *"])
    done = bench.run(*STOP, "--safety-holm")
    assert done.ret == 4
    done.stderr.fnmatch_lines(["*decides each gate by itself, and --safety-holm*"])
