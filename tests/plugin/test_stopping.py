"""`--safety-stop`: what can't change a gate is not asked, and not missing."""

import json
import sqlite3

import pytest
from click.testing import CliRunner

from pytest_domainsafety.cli import group
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


SEQUENTIAL = ("--safety-stop", "sequential")
ANYTIME = ("--safety-stop", "anytime", "--safety-concurrency", "1")
LAX = ("--safety-threshold", "0.3")
STORE = ".domainsafety/store.db"


def three_domains(bench):
    bench.suite("bad", pairs=PAIRS, zero=("bad-20",))
    bench.suite("good", pairs=[f"fine-{number}" for number in range(24)])
    bench.suite("mixed", pairs=[f"{'bad' if n < 6 else 'fine'}-{n}" for n in range(24)])


def told(results):
    return {one["domain"]: one for one in results["run"]["stopped"]}


def verdicts(results):
    return {
        one["domain"]: (one["reason"], one["measured"], one["upper"])
        for one in results["gates"]
        if one["kind"] == "compliance"
    }


def test_a_look_after_a_third_two_thirds_and_all(bench, mode):
    three_domains(bench)
    done = bench.run(*SEQUENTIAL, *LAX, *mode)
    assert done.ret == 1
    results = bench.results()
    looks = told(results)
    assert {n: one["decision"] for n, one in looks.items()} == {
        "bad": "fails", "good": "passes", "mixed": None,
    }  # fmt: skip
    assert {n: one["look"] for n, one in looks.items()} == {
        "bad": 1, "good": 2, "mixed": 3,
    }  # fmt: skip
    assert {n: len(one["pairs"]) for n, one in looks.items()} == {
        "bad": 8, "good": 16, "mixed": 24,
    }  # fmt: skip
    gates = verdicts(results)
    assert (gates["bad"][0], gates["good"][0]) == ("exceeded", "passed")
    assert gates["mixed"][:2] == ("unproven", True)
    responses = {one["domain"]: one["responses"] for one in results["domains"]}
    # A zero-tolerance scenario is asked in full, wherever it comes in the order.
    late = "bad-20" not in looks["bad"]["pairs"]
    assert responses == {"bad": 2 * (8 + late), "good": 2 * 16, "mixed": 2 * 24}
    assert results["run"]["cost"]["requests"] + sum(
        one["saved"] for one in looks.values()
    ) == (3 * 24 * 4)
    assert not any("missing" in one for one in results["warnings"])
    done.stdout.fnmatch_lines(["good on *: decided at look 2 of 3, 16 of 24 pairs"])
    assert check_store(bench.path / ".domainsafety" / "store.db").problems == ()


def test_an_open_end_is_looked_at_after_every_pair(bench, mode):
    three_domains(bench)
    bench.run(*ANYTIME, *LAX, *mode)
    results = bench.results()
    looks = told(results)
    assert {n: one["decision"] for n, one in looks.items()} == {
        "bad": "fails", "good": "passes", "mixed": None,
    }  # fmt: skip
    assert len(looks["good"]["pairs"]) < 16
    assert len(looks["bad"]["pairs"]) < 16
    assert len(looks["mixed"]["pairs"]) == 24
    assert check_store(bench.path / ".domainsafety" / "store.db").problems == ()


@pytest.mark.parametrize("how", [SEQUENTIAL, ANYTIME])
def test_who_analyses_the_store_finds_what_the_run_found(bench, how):
    three_domains(bench)
    bench.run(*how, *LAX)
    found = bench.results()
    again = bench.path / "again.json"
    done = CliRunner().invoke(group, ["analyze", STORE, "--gate", "--json", str(again)])
    assert done.exit_code == 1
    later = json.loads(again.read_text())
    assert verdicts(later) == verdicts(found)
    assert later["domains"] == found["domains"]
    # Other thresholds decide nothing: what was not asked is missing, and no pass.
    other = ["analyze", STORE, "--gate", "--threshold", "0.29", "--json", str(again)]
    assert CliRunner().invoke(group, other).exit_code != 0
    later = json.loads(again.read_text())
    assert not any(gate["passed"] for gate in later["gates"])


@pytest.mark.parametrize("how", [SEQUENTIAL, ANYTIME])
def test_a_run_again_asks_nothing_and_decides_the_same(bench, how):
    three_domains(bench)
    model = {"model": "python:app:safe"}
    bench.run(*how, *LAX, **model)
    first = bench.results()
    assert first["passed"]
    (bench.path / "again.json").unlink(missing_ok=True)
    rejudged = CliRunner().invoke(
        group,
        ["rejudge", STORE, "--judge", "offline", "--suite", "suites"],
    )
    assert rejudged.exit_code == 0, rejudged.output
    assert "decided" in rejudged.output


def test_every_report_says_when_it_was_decided(bench):
    three_domains(bench)
    bench.run(
        *(*SEQUENTIAL, *LAX, "--safety-html", "o.html", "--safety-junit", "o.xml"),
        *("--safety-markdown", "o.md"),
    )
    card = CliRunner().invoke(group, ["card", "out.json"]).output
    texts = [(bench.path / name).read_text() for name in ("o.html", "o.xml", "o.md")]
    for text in (card, *texts):
        assert "decided at look 2 of 3, 16 of 24 pairs" in text
        assert "open at look 3 of 3, 24 of 24 pairs" in text


@pytest.mark.parametrize("dist", ["loadscope", "worksteal"])
def test_other_ways_to_share_out_the_items_are_refused(bench, dist):
    pytest.importorskip("xdist")
    bench.suite()
    done = bench.run(*SEQUENTIAL, "-n", "2", f"--dist={dist}")
    assert done.ret == 4
    done.stderr.fnmatch_lines(["*keeps all pairs of a domain with one worker*"])


def test_a_store_that_fails_ends_every_pair_of_a_round(bench, monkeypatch):
    """Nobody waits for a look that never comes."""
    bench.suite(pairs=PAIRS)
    bench.path.joinpath("conftest.py").write_text(
        "from pytest_domainsafety.errors import StoreError\n"
        "from pytest_domainsafety.store import Store\n"
        "kept = []\n"
        "def keep(self, *args, **kwargs):\n"
        "    kept.append(1)\n"
        "    if len(kept) > 15:\n"
        "        raise StoreError('the disk is full')\n"
        "    return real(self, *args, **kwargs)\n"
        "real, Store.keep_judgement = Store.keep_judgement, keep\n"
    )
    done = bench.run(*SEQUENTIAL)
    assert done.ret != 0
    done.stdout.fnmatch_lines(["*the disk is full*"])


def test_anytime_needs_judgements_on_the_way(bench):
    bench.suite()
    done = bench.run(*ANYTIME, "--safety-phases", "split")
    assert done.ret == 4
    done.stderr.fnmatch_lines(["*looks after each pair that is judged*"])


def test_options_that_do_not_go_together(bench):
    bench.suite()
    for option in ("--safety-ci=bca", "--safety-estimand=suite"):
        done = bench.run(*STOP, option)
        assert done.ret == 4
        done.stderr.fnmatch_lines(["*--safety-stop decided works with *"])
    done = bench.run(*STOP, "--safety-holm")
    assert done.ret == 4
    done.stderr.fnmatch_lines(["*decides each gate by itself, and --safety-holm*"])


@pytest.mark.parametrize("workers", ["0", "2"])
def test_what_failed_last_is_asked_first(bench, workers):
    bench.suite("good", pairs=[f"fine-{number}" for number in range(6)])
    bench.suite("worse", pairs=[f"bad-{number}" for number in range(6)])
    told = ("--safety-stop", "decided", "-n", workers)
    first = bench.run(*told, "-v")
    verdicts_then = verdicts(bench.results())
    again = bench.run(*told, "-v")
    assert first.ret == again.ret == 1
    assert verdicts(bench.results()) == verdicts_then

    def order(done):
        lines = [line for line in done.stdout.lines if ".safety.yaml::" in line]
        return "".join("w" if "worse.safety" in line else "g" for line in lines)

    if workers == "0":
        assert order(first).startswith("gggggg")
        assert order(again).startswith("wwwwww")
    # Without an early end nothing is moved, whatever the store says.
    assert order(bench.run("-n", "0", "-v")).startswith("gggggg")


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" * 9])
def test_a_store_that_says_nothing_moves_nothing(bench, content):
    bench.suite("good", pairs=["fine-1", "fine-2"])
    (bench.path / ".domainsafety").mkdir()
    (bench.path / STORE).write_bytes(content)
    done = bench.run("--safety-stop", "decided")
    assert "INTERNALERROR" not in done.stdout.str() + done.stderr.str()


ODD_GATES = {
    "no domain": lambda gate: gate.pop("domain"),
    "a domain that is none": lambda gate: gate.update(domain=["bad"]),
    "a limit that no float holds": lambda gate: gate.update(upper=10**400),
}


@pytest.mark.parametrize("what", ODD_GATES)
def test_a_stored_gate_that_is_odd_moves_nothing(bench, what):
    bench.suite("bad", pairs=PAIRS[:6])
    first = bench.run(*STOP)
    with sqlite3.connect(bench.path / STORE) as raw:
        (text,) = raw.execute("SELECT results FROM runs").fetchone()
        results = json.loads(text)
        for gate in results["gates"]:
            ODD_GATES[what](gate)
        raw.execute("UPDATE runs SET results = ?", (json.dumps(results),))
    raw.close()
    again = bench.run(*STOP)
    assert first.ret == again.ret == 1
