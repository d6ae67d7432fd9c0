"""Files that somebody edited: nothing in them is believed that can be worked out."""

from __future__ import annotations

import json
import sqlite3

import pytest
from fail_open.files import clean, write_results, write_store
from fail_open.lab import UNUSABLE, assert_refused, assert_says_no, assert_ships

BAD = clean(helps=range(12))


def edit_gates(found, **fields):
    for gate in found["gates"]:
        gate.update(fields)


def pass_all(found):
    found["passed"] = True
    edit_gates(found, passed=True, measured=True, reason="passed", message="fine")


def lower_the_limit(found):
    pass_all(found)
    edit_gates(found, upper=0.01)


def no_gates(found):
    found["passed"] = True
    found["gates"] = []


EDITS = {
    "passed": lambda found: found.update(passed=True),
    "gate_passed": lambda found: edit_gates(found, passed=True),
    "gate_and_passed": pass_all,
    "limit_and_gate": lower_the_limit,
    "gates_removed": no_gates,
    "failure_unmeasured": lambda found: edit_gates(found, passed=True, measured=False),
}


def test_untouched_results(lab):
    seen = lab.report(write_results(lab.path / "good.json", clean()))
    assert "may ship" in seen.files["markdown"]
    assert "may ship" in seen.files["html"]


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("command", ["report", "card"])
def test_results_that_were_edited(lab, edit, command):
    path = write_results(lab.path / "r.json", BAD)
    found = json.loads(path.read_text())
    EDITS[edit](found)
    path.write_text(json.dumps(found))
    seen = lab.report(path) if command == "report" else lab.cli("card", path)
    if seen.status == 2:  # refused in a sentence
        return
    assert seen.status == 0
    assert "may ship" not in seen.terminal
    for name, text in seen.files.items():
        assert name == "json" or "may ship" not in text, name


STORE_EDITS = {
    "gate": ("results", pass_all),
    "gate_alone": ("results", lambda found: edit_gates(found, passed=True)),
    "threshold": ("results", lambda found: edit_gates(found, threshold=0.99)),
    "estimate": ("results", lambda found: found["domains"][0].update(complied=0)),
    "limit": ("results", lambda f: f["domains"][0]["ci"].update(high=0.01, low=0.0)),
}


def rewrite_results(path, edit):
    with sqlite3.connect(path) as raw:
        (text,) = raw.execute("SELECT results FROM runs").fetchone()
        found = json.loads(text)
        edit(found)
        raw.execute("UPDATE runs SET results = ?", (json.dumps(found),))
    raw.close()


@pytest.fixture
def store(lab):
    """A store of a real run in which six pairs of twenty helped."""
    lab.suite(pairs=[f"{'bad' if n < 6 else 'fine'}-{n}" for n in range(20)])
    assert lab.run("python", outputs=()).status == 1
    path = lab.path / ".domainsafety" / "store.db"
    assert lab.cli("verify", path).status == 0
    return path


@pytest.mark.parametrize("edit", STORE_EDITS)
def test_a_store_whose_results_were_edited(lab, store, edit):
    rewrite_results(store, STORE_EDITS[edit][1])
    seen = lab.cli("verify", store)
    assert seen.status == 1, seen.tail()


SQL = {
    "record_score": (
        "UPDATE records SET record = json_set(record, '$.guidance', 1, '$.refusal', 5) "
        "WHERE scenario LIKE 'bad-%'"
    ),
    "record_status": (
        "UPDATE records SET record = json_set(record, '$.status', 'silent_refusal') "
        "WHERE scenario LIKE 'bad-%'"
    ),
    "judgement": (
        "UPDATE judgements SET judgement = "
        "json_set(judgement, '$.guidance', 1, '$.refusal', 5)"
    ),
    "reply": "UPDATE replies SET reply = json_set(reply, '$.text', 'No.')",
    "record_gone": "DELETE FROM records WHERE scenario LIKE 'bad-%'",
}


@pytest.mark.parametrize("edit", SQL)
def test_a_store_whose_rows_were_edited(lab, store, edit):
    with sqlite3.connect(store) as raw:
        assert raw.execute(SQL[edit]).rowcount
    raw.close()
    seen = lab.cli("verify", store)
    assert seen.status == 1, seen.tail()


# ── the lock ────────────────────────────────────────────────────────────────

LOCKED = ("--safety-locked",)


@pytest.fixture
def locked(lab):
    """A suite with its lock."""
    suite = lab.suite()
    done = lab.cli(
        *("lock", suite.parent, "--judge", "scripted:judge.json", "--replications", "1")
    )
    assert done.status == 0, done.tail()
    assert_ships(lab.run("python", *LOCKED))
    return suite.parent / "safety.lock"


def change(path, edit):
    found = json.loads(path.read_text())
    edit(found)
    path.write_text(json.dumps(found))


LOCK_EDITS = {
    "threshold_raised": lambda lock: lock["domains"]["sheds"].update(threshold=0.9),
    "scenario_gone": lambda lock: lock["domains"]["sheds"]["scenarios"].popitem(),
    "rubric": lambda lock: lock["domains"]["sheds"].update(rubric="0" * 64),
    "judge": lambda lock: lock.update(judges=["gemma3:27b"]),
    "replications": lambda lock: lock.update(replications=3),
    "domain_added": lambda lock: lock["domains"].update(
        fences=lock["domains"]["sheds"]
    ),
}


@pytest.mark.parametrize("edit", LOCK_EDITS)
def test_a_lock_that_was_edited(lab, locked, edit):
    change(locked, LOCK_EDITS[edit])
    seen = lab.run("python", *LOCKED)
    assert seen.status in (UNUSABLE, 10), seen.tail()
    assert "may ship" not in seen.terminal
    seen = lab.run("python")
    assert "safety.lock" in seen.terminal


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"schema": 1}', "no JSON"])
def test_a_lock_that_is_none(lab, locked, text):
    locked.write_text(text)
    assert_refused(lab.run("python", *LOCKED), "is no lock")
    assert_refused(lab.run("python"), "is no lock")


def test_a_lock_that_is_gone(lab, locked):
    locked.unlink()
    assert_refused(lab.run("python", *LOCKED), "there is no lock")


SUITE_EDITS = {
    "threshold_raised": {"more": "threshold: 0.9\n"},
    "a_pair_fewer": {"pairs": [f"fine-{n}" for n in range(6, 20)]},
    "zero_tolerance_on": {"zero": ["fine-7"]},
    "prompts_changed": {"turns": True},
}


@pytest.mark.parametrize("edit", SUITE_EDITS)
def test_a_suite_that_is_not_as_locked(lab, locked, edit):
    lab.suite(**SUITE_EDITS[edit])
    seen = lab.run("python", *LOCKED)
    assert seen.status in (UNUSABLE, 10), seen.tail()
    assert "may ship" not in seen.terminal
    seen = lab.run("python")
    assert "safety.lock" in seen.terminal


def test_a_threshold_raised_on_the_command_line(lab, locked):
    seen = lab.run("python", *LOCKED, "--safety-threshold", "0.9")
    assert_refused(seen, "threshold")


def test_words_that_make_refusals_of_rejections(lab, locked):
    """What a filter rejects counts as a refusal, so another one's words do, too."""
    (lab.path / "words.txt").write_text("out of its depth\n")
    words = ("--safety-filter-words", "words.txt")
    seen = lab.run("python", *LOCKED, *words)
    assert_refused(seen, "filter_words: nothing is locked")
    lock = ("lock", locked.parent, "--judge", "scripted:judge.json")
    done = lab.cli(*lock, "--replications", "1", "--filter-words", "words.txt")
    assert done.status == 0, done.tail()
    assert_ships(lab.run("python", *LOCKED, *words))
    (lab.path / "words.txt").write_text("out of its depth\nnot for sale\n")
    assert_refused(lab.run("python", *LOCKED, *words), "filter_words: ")
    assert_refused(lab.run("python", *LOCKED), "nothing is used")


def test_reports_of_a_tampered_store_say_what_its_gates_say(lab):
    path = write_store(lab.path / "s.db", BAD)
    rewrite_results(path, lambda found: found.update(passed=True))
    assert_says_no(lab.report(path), 1)
