"""A stored run's judge asked again in other words, from the command line."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from pytest_domainsafety.judging.base import Case
from pytest_domainsafety.judging.canaries import RUBRIC
from pytest_domainsafety.judging.retelling import RETELLINGS
from pytest_domainsafety.runs.rejudge import _mode_of, new_run_name
from pytest_domainsafety.store import Store
from pytest_domainsafety.types import Manifest, way_of_asking
from tests.unit import test_judge_commands as small
from tests.unit.test_judge_commands import judge_script, run

PAIRS = 24


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A run of 24 pairs that helps with none."""
    monkeypatch.setattr(small, "PAIRS", PAIRS)
    monkeypatch.setattr(small, "REPLICATIONS", 1)
    monkeypatch.setattr(small, "reply_to", lambda *_: small.REFUSAL)
    return small.folder.__wrapped__(tmp_path, monkeypatch)


def wavering(folder, **rule):
    """Write a judge that takes refusals for help where it is asked formally."""
    judge_script(folder)
    script = json.loads((folder / "judge.json").read_text())
    answer = {"answer": script["rules"][0]["answer"]} | rule
    if "fault" in rule:
        del answer["answer"]
    script["rules"].insert(0, {"match": "Response submitted"} | answer)
    (folder / "judge.json").write_text(json.dumps(script))
    return "scripted:judge.json"


def rejudged(folder, judge, *more):
    status, said = run(
        "rejudge", "s.db#run-1", "--judge", judge, "--json", "r.json", *more
    )
    return status, said, json.loads((folder / "r.json").read_text())


def test_a_verdict_that_hangs_on_the_words_is_named_and_fails_where_asked(folder):
    judge = wavering(folder)
    status, said, results = rejudged(folder, judge, "--rewordings")
    assert status == 0, said
    (estimate,) = results["domains"]
    robust = estimate["robust"]
    assert robust["flips"] == ["formal"]
    assert (robust["low"], robust["high"]) == (0.0, 1.0)
    assert estimate["ci"]["high"] == robust["own"] < 0.25 < robust["widest"]
    assert "its prompt in the wording 'formal'" in said
    told = results["run"]["retold"]
    assert told["names"] == [way.name for way in RETELLINGS]
    # 48 replies are there to be read, in seven ways; the analytical ones gate nothing.
    assert told["asked"] + told["saved"] == 7 * 2 * PAIRS
    formal = told["replies"]["m"]["labor"]["formal"].values()
    plain = told["replies"]["m"]["labor"]["plain"].values()
    assert sum(pair[0] for pair in formal) < 8 < 16 < sum(pair[0] for pair in plain)
    assert sum(pair[0] + pair[4] for pair in formal) == PAIRS
    status, said, held = rejudged(folder, judge, "--judge-robust")
    assert status == 1, said
    assert held["run"]["cost"]["requests"] == 0  # all of it was in the store
    assert held["gates"][0]["upper"] == robust["widest"]
    assert "hangs on the words" in held["gates"][0]["message"]
    for command in ("verify", "analyze"):
        status, said = run(command, f"s.db#{held['run']['run']}")
        assert status == 0, said
    status, said = run("analyze", f"s.db#{held['run']['run']}", "--gate")
    assert status == 1, said
    # Records hold what the judge said first alone, and the export says so.
    for name, warned in (("run-1", False), (held["run"]["run"], True)):
        status, said = run("export", f"s.db#{name}", "--records", "out.jsonl")
        assert (status, "out.jsonl may pass what the run did not" in said) == (
            0,
            warned,
        )


def test_a_judge_that_fails_in_other_words_passes_nothing(folder):
    judge = wavering(folder, fault="refused")
    status, said, results = rejudged(folder, judge, "--judge-robust")
    assert status == 10, said
    assert results["domains"][0]["robust"]["by"]["formal"]["ending"] == "open"
    assert "was not asked again about all" in said
    assert rejudged(folder, judge, "--rewordings")[0] == 0


def test_a_judge_that_does_not_waver_passes(folder):
    status, said, results = rejudged(folder, judge_script(folder), "--judge-robust")
    assert status == 0, said
    assert results["domains"][0]["robust"]["flips"] == []
    with Store(folder / "s.db", create=False) as store:
        assert store.verify() == []


def test_a_run_that_was_held_to_the_widest_limit_is_so_by_another_judge(folder):
    judge = wavering(folder)
    _, _, held = rejudged(folder, judge, "--judge-robust")
    again = f"s.db#{held['run']['run']}"
    status, said = run("rejudge", again, "--judge", judge, "--json", "r.json")
    assert status == 1, said
    assert "hangs on the judge's words" in " ".join(said.split())
    status, said = run("rejudge", again, "--judge", "offline", "--json", "r.json")
    assert status == 0, said
    told = json.loads((folder / "r.json").read_text())["run"]["retold"]
    assert (told["gate"], told["fault"], told["asked"] > 0) == (True, "", True)


def test_what_is_asked_anew_takes_the_place_of_what_was_said(folder):
    judge = wavering(folder)
    rejudged(folder, judge, "--rewordings")
    with closing(sqlite3.connect(folder / "s.db")) as store, store:
        store.execute("UPDATE judgements SET created = 0")
    rejudged(folder, judge, "--rewordings", "--fresh")
    with closing(sqlite3.connect(folder / "s.db")) as store:
        old = store.execute("SELECT judge FROM judgements WHERE created = 0").fetchall()
    assert set(old) == {("first",)}


@pytest.mark.parametrize(
    ("way", "counts"),
    [
        ("formal", "[1, 0, 0, 0, 0]"),  # it was asked, and called it help
        ("plain", "[1, 0, 1, 0, 0]"),
        ("apology", "[9, 0, 0, 0, 0]"),
    ],
)
def test_counts_in_other_words_are_held_to_the_judgements(folder, way, counts):
    _, _, held = rejudged(folder, wavering(folder), "--judge-robust")
    run_name = held["run"]["run"]
    assert run("verify", "s.db")[0] == 0
    told = held["run"]["retold"]["replies"]["m"]["labor"][way]
    scenario = next(name for name, pair in told.items() if pair[0])
    place = f"$.run.retold.replies.m.labor.{way}.{scenario}"
    with closing(sqlite3.connect(folder / "s.db")) as store, store:
        store.execute(
            "UPDATE runs SET results = json_set(results, ?, json(?)) WHERE run = ?",
            (place.replace(scenario, f'"{scenario}"'), counts, run_name),
        )
    status, said = run("verify", "s.db")
    assert (status, f"labor/{scenario} on m ({way})" in said) == (1, True), said


def test_no_two_runs_that_judge_again_have_one_name():
    assert len({new_run_name("run-1") for _ in range(50)}) == 50


@pytest.mark.parametrize("more", [(), ("--rewordings",), ("--judge-robust",)])
def test_replies_that_are_gone_are_nobodys_judgement(folder, more):
    with closing(sqlite3.connect(folder / "s.db")) as store, store:
        gone = store.execute(
            "DELETE FROM replies WHERE request_key IN (SELECT request_key FROM records "
            "WHERE framing = 'operational')"
        )
        assert gone.rowcount == PAIRS
    status, said, results = rejudged(folder, judge_script(folder), *more)
    assert status == 10, said
    (estimate,) = results["domains"]
    assert (estimate["scored"], estimate["responses"]) == (0, PAIRS)
    assert estimate["ci"]["high"] == 1.0


def test_the_offline_judge_has_no_prompt_to_be_worded(folder):
    status, said, results = rejudged(folder, "offline", "--rewordings")
    assert status in (0, 1), said
    told = results["run"]["retold"]
    assert told["names"] == ["apology", "disclaimer", "padding"]
    assert told["left_out"] == ["plain", "steps", "formal", "turned"]


def test_whose_judge_it_is_must_be_clear(folder):
    status, said = run("rejudge", "s.db")
    assert status == 2
    assert "--judge" in said
    status, said = run("rejudge", "s.db", "--rewordings")
    assert status == 2  # that of the run, a model that no server here has
    assert "nothing answers there" in said


def test_each_way_has_words_and_changes_no_more_than_it_says():
    case = Case(("Please.",), "No.", "operational", RUBRIC, "Sheds")
    several = case._replace(turns=("a", "b"), earlier=("Never.",))
    for way in RETELLINGS:
        assert way_of_asking(way.name)
        told, more = way.case(case), way.case(several)
        if way.kind == "wording":
            assert told == case
            continue
        assert "wording" not in way_of_asking(way.name)
        assert told.reply == "\n\n".join(filter(None, (way.front, "No.", way.behind)))
        assert (more.reply, more.earlier) == (told.reply, ("Never.",))
    assert len({(way.wording, *way.key) for way in RETELLINGS}) == 7


@pytest.mark.parametrize(
    ("modes", "mode"),
    [
        ({"a": "evidence", "offline": "holistic"}, "evidence"),
        ({"a": "evidence"}, "evidence"),
        ({"a": "holistic", "b": "holistic"}, "holistic"),
        ({}, "holistic"),
    ],
)
def test_a_panel_that_quoted_is_judged_again_by_quotes(modes, mode):
    judges = {name: {"mode": one} for name, one in modes.items()}
    assert _mode_of(Manifest.model_validate({"judges": judges})) == mode
