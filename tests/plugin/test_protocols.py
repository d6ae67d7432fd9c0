"""What of the suites is asked: protocols and framings."""

from __future__ import annotations

import json
import sys

import pytest

ONCE = ("--judge", "offline")
OPERATIONAL = ("--safety-framings", "operational")
STUDY = ("--safety-protocol", "study")
CLI = (sys.executable, "-c", "from pytest_domainsafety.cli import main; main()")
SILENT = ("engag", "selectivity", "hypocri", "knows")
NAMES = tuple(f"pair-{number}" for number in range(7))


def mark_core(file, *names):
    text = file.read_text()
    for name in names:
        text = text.replace(f"- id: {name}\n", f"- id: {name}\n    core: true\n")
    file.write_text(text)


def asked(results):
    (domain,) = results["domains"]
    return domain["pairs"], domain["responses"]


def test_the_default_asks_every_pair_once(bench):
    mark_core(bench.suite(pairs=NAMES), "pair-1")
    bench.run(told=ONCE)
    found = bench.results()
    assert asked(found) == (7, 7)
    assert found["run"]["cost"]["requests"] == 14
    sampling = found["run"]["sampling"]
    assert sampling["protocol"] == "gate"
    assert (sampling["replications"], sampling["framings"]) == (1, "both")


@pytest.mark.parametrize(
    ("core", "came"), [(("pair-1", "pair-4"), (2, 6)), ((), (7, 21))]
)
def test_the_study_asks_core_pairs_three_times(bench, mode, core, came):
    mark_core(bench.suite(pairs=NAMES), *core)
    bench.run(*STUDY, *mode, told=ONCE)
    found = bench.results()
    assert asked(found) == came
    # What the protocol does not ask is no part that the user chose.
    assert found["run"]["kind"] == "full"
    assert [gate["selected"] for gate in found["gates"]] == [None]


def test_replications_say_otherwise(bench):
    bench.suite(pairs=NAMES)
    bench.run(*STUDY, "--safety-replications", "2", told=ONCE)
    assert asked(bench.results()) == (7, 14)


def test_no_report_speaks_of_what_was_not_asked(bench, mode):
    bench.suite(pairs=("bad-1", *NAMES))
    done = bench.run(
        *OPERATIONAL,
        *mode,
        *("--safety-html", "out.html", "--safety-junit", "out.xml"),
        *("--safety-markdown", "out.md", "-v", "--safety-threshold", "1"),
        told=ONCE,
    )
    found = bench.results()
    assert found["run"]["cost"]["requests"] == 8
    assert not any("missing" in warning for warning in found["warnings"])
    assert found["passed"]
    card = bench.pytester.run(*CLI, "card", "out.json").stdout.str()
    page = (bench.path / "out.html").read_text()
    body = page[page.index("<body") : page.rindex("<script>")]
    texts = {
        "terminal": done.stdout.str(),
        "card": card,
        "html": body,
        "json": (bench.path / "out.json").read_text(),
        "junit": (bench.path / "out.xml").read_text(),
        "markdown": (bench.path / "out.md").read_text(),
    }
    for name, text in texts.items():
        spoken = [word for word in SILENT if word in text.lower()]
        assert (name, spoken) == (name, [])
    told = "operational prompts alone"
    assert all(told in texts[name] for name in ("terminal", "html", "markdown"))
    again = bench.pytester.run(
        *CLI, "analyze", ".domainsafety/store.db", "--json", "again.json"
    )
    assert again.ret == 0
    later = json.loads((bench.path / "again.json").read_text())
    assert later["domains"] == found["domains"]
    assert bench.pytester.run(*CLI, "verify", ".domainsafety/store.db").ret == 0


@pytest.mark.parametrize("place", ["option", "suite", "analyze"])
def test_a_gate_on_engagement_is_refused_with_a_sentence(bench, place):
    file = bench.suite(pairs=NAMES)
    more = ()
    if place == "suite":
        file.write_text(
            file.read_text().replace("rubric:\n", "min_engagement: 0.5\nrubric:\n", 1)
        )
    elif place == "option":
        more = ("--safety-min-engagement", "0.5")
    done = bench.run(*OPERATIONAL, *more, told=ONCE)
    if place == "analyze":
        store = ".domainsafety/store.db"
        told = (*CLI, "analyze", store, "--min-engagement", "0.5")
        done = bench.pytester.run(*told)
        assert done.ret == 2
        done.stderr.fnmatch_lines(["*asked nothing analytical*leave the option out*"])
        return
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*asks nothing analytical, and labor is held to*"])
    assert not (bench.path / "out.json").exists()


@pytest.mark.parametrize("other", [STUDY, OPERATIONAL])
def test_another_protocol_is_another_run(bench, other):
    """Baselines, shards and the lock all say so."""
    mark_core(bench.suite(pairs=NAMES), "pair-1", "pair-2")
    run = bench.pytester.run
    assert run(*CLI, "lock", "--judge", "offline").ret == 0
    bench.run("--safety-locked", "--safety-store", "a.db", told=ONCE)
    assert bench.results()["run"]["sampling"]["protocol"] == "gate"
    done = bench.run("--safety-locked", *other, told=ONCE)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines([f"*{other[1]} is used*"])
    done = bench.run("--safety-baseline", "a.db", *other, told=ONCE)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines([f"*{other[0][9:].removesuffix('s')}*{other[1]} now*"])
    bench.run("--safety-store", "b.db", *other, told=ONCE)
    whole = ("--suites", "suites", "--whole")
    done = run(*CLI, "analyze", "a.db", "b.db", *whole)
    assert done.ret == 2
    done.stderr.fnmatch_lines(["*is not of one run with*"])


def test_a_pair_that_is_no_longer_core_breaks_the_lock_of_a_study(bench):
    file = bench.suite(pairs=NAMES)
    mark_core(file, "pair-1", "pair-2")
    run = bench.pytester.run
    told = (*CLI, "lock", "--judge", "offline", "--protocol", "study")
    assert run(*told).ret == 0
    file.write_text(file.read_text().replace("    core: true\n", "", 1))
    done = run(*told, "--check")
    assert done.ret == 1
    done.stdout.fnmatch_lines(["*labor: gone: pair-1*"])


def test_a_lock_that_is_older_than_protocols_asked_every_pair(bench):
    mark_core(bench.suite(pairs=NAMES), "pair-1")
    run = bench.pytester.run
    assert run(*CLI, "lock", "--judge", "offline").ret == 0
    path = bench.path / "suites" / "safety.lock"
    lock = json.loads(path.read_text())
    del lock["protocol"]
    path.write_text(json.dumps(lock))
    assert run(*CLI, "lock", "--judge", "offline", "--check").ret == 0
    study = ("--protocol", "study", "--replications", "1")
    done = run(*CLI, "lock", "--judge", "offline", *study, "--check")
    assert done.ret == 1
    done.stdout.fnmatch_lines(["*protocol: gate is locked, study is now*"])


def test_analyze_holds_a_study_to_its_core_pairs(bench):
    mark_core(bench.suite(pairs=NAMES), "pair-1", "pair-2")
    bench.run(*STUDY, told=ONCE)
    whole = ("--suites", "suites", "--whole", "--json", "again.json")
    bench.pytester.run(*CLI, "analyze", ".domainsafety/store.db", *whole)
    later = json.loads((bench.path / "again.json").read_text())
    assert asked(later) == (2, 6)
    assert later["domains"][0]["errors"] == 0
