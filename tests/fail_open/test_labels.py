"""Labels by people never narrow a limit, and say so where they tell nothing."""

from __future__ import annotations

import csv
import json

import pytest
from fail_open.lab import (
    FAILED,
    NOT_MEASURED,
    UNUSABLE,
    assert_held,
    assert_refused,
    assert_ships,
)
from fail_open.wires import HELP, Shape

from pytest_domainsafety.cli import USAGE_STATUS
from pytest_domainsafety.runs.labels import COLUMNS

STORE = ".domainsafety/store.db"
LAX = ("--safety-threshold", "0.9")


@pytest.fixture
def labelled(lab):
    """A run in which 6 of 20 pairs helped, and a sample of it with right labels."""
    lab.suite()
    lab.shape = Shape(HELP)
    plain = lab.run("python", *LAX)
    assert_ships(plain)
    seen = lab.cli("export", STORE, "--for-labelling", "40", "l.csv")
    assert seen.status == 0, seen.terminal
    fill(lab, lambda row: 5 if "help me with odd" in row["asked"] else 1)
    return lab, plain.results["domains"][0]["ci"]["high"]


def rows_of(lab):
    with (lab.path / "l.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def write(lab, rows, name="l.csv"):
    with (lab.path / name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def fill(lab, score, name="l.csv"):
    write(lab, [row | {"guidance": score(row)} for row in rows_of(lab)], name)


def high(seen):
    return seen.results["domains"][0]["ci"]["high"]


def test_right_labels_widen_and_are_told(labelled):
    lab, plain = labelled
    for seen in (
        lab.run("python", *LAX, "--safety-labels", "l.csv"),
        lab.analyze(STORE, "--labels", "l.csv", "--threshold", "0.9"),
    ):
        assert high(seen) > plain
        assert seen.results["domains"][0]["corrected"]["labelled"] == 20
        assert "judge's error" in " ".join(seen.terminal.split())
    drawn = lab.run("python", *LAX, "--safety-labels", "l.csv")
    for name in ("html", "markdown", "junit"):
        assert "corrected" in drawn.files[name], name


def test_a_judge_that_misses_help_does_not_pass(labelled):
    lab, plain = labelled
    # People see help in half of all, whatever the judge says.
    fill(lab, lambda row: 5 if sum(map(ord, row["id"])) % 2 else 1)
    seen = lab.analyze(STORE, "--labels", "l.csv", "--threshold", "0.6")
    assert seen.status in (FAILED, NOT_MEASURED)
    assert high(seen) > plain


def test_a_run_that_was_judged_with_them_stays_so(labelled):
    lab, plain = labelled
    run = lab.run("python", *LAX, "--safety-labels", "l.csv")
    assert high(lab.analyze(STORE)) == high(run) > plain
    assert lab.cli("verify", STORE).status == 0
    # Another judge errs otherwise: what is known of the first says nothing of it.
    lab.cli("rejudge", STORE, "--judge", "offline")
    seen = lab.cli(
        "rejudge", STORE, "--judge", "scripted:judge.json", "--json", "r.json"
    )
    told = json.loads((lab.path / "r.json").read_text())
    assert told["passed"] is False, seen.terminal
    assert told["domains"][0]["ci"]["high"] == 1


def test_shards_take_no_tables_from_each_other(labelled):
    lab, _ = labelled
    for store, half in (("A.db", "odd"), ("B.db", "not odd")):
        more = ("--safety-store", store, "-k", half, "--safety-labels", "l.csv")
        lab.run("python", *LAX, *more, outputs=())
    whole = ("A.db", "B.db", "--suites", "suites", "--whole")
    assert_held(lab.analyze(*whole), NOT_MEASURED, "labels tell nothing")
    assert_ships(lab.analyze(*whole, "--labels", "l.csv"))


def test_labels_of_another_run(labelled):
    lab, _ = labelled
    write(lab, [row | {"id": row["id"][::-1]} for row in rows_of(lab)], "other.csv")
    seen = lab.run("python", *LAX, "--safety-labels", "other.csv")
    assert_held(seen, NOT_MEASURED, "none of its 40 labels|labels tell nothing")
    again = lab.analyze(STORE, "--labels", "other.csv")
    assert_refused(again, "labels of another run", status=USAGE_STATUS)


def test_some_of_replies_that_are_not_there(labelled):
    lab, _ = labelled
    rows = rows_of(lab)
    rows[0]["id"] = "0" * 16
    write(lab, rows)
    seen = lab.analyze(STORE, "--labels", "l.csv")
    assert "1 of l.csv are of replies that are not" in " ".join(seen.terminal.split())


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda rows: [*rows, rows[0]], "is labelled twice"),
        (lambda rows: [row | {"guidance": ""} for row in rows], "no row has a guid"),
        (lambda _: [], "no row has a guidance score"),
        (lambda rows: [rows[0] | {"guidance": "9"}], "expected a whole number"),
    ],
)
def test_labels_that_can_t_be_used_end_the_run_before_it_asks(labelled, damage, told):
    lab, _ = labelled
    write(lab, damage(rows_of(lab)))
    assert_refused(lab.run("python", "--safety-labels", "l.csv"), told)
    assert_refused(lab.analyze(STORE, "--labels", "l.csv"), told, status=USAGE_STATUS)


def test_a_file_that_is_not_there(labelled):
    lab, _ = labelled
    seen = lab.run("python", "--safety-labels", "gone.csv")
    assert_refused(seen, "can't be read", status=UNUSABLE)


def test_with_an_early_stop_they_are_refused(labelled):
    lab, _ = labelled
    seen = lab.run("python", "--safety-labels", "l.csv", "--safety-stop", "decided")
    assert_refused(seen, "--safety-labels corrects them")


def test_results_whose_correction_was_cut_out(labelled):
    lab, plain = labelled
    told = lab.run("python", *LAX, "--safety-labels", "l.csv").results
    told["domains"][0]["ci"]["high"] = plain
    told["gates"][0]["upper"] = plain
    (lab.path / "cut.json").write_text(json.dumps(told))
    seen = lab.cli("report", "cut.json", "--html", "cut.html")
    assert_refused(seen, "corrected for the judge's error", status=USAGE_STATUS)
    told["domains"][0]["corrected"] = None
    (lab.path / "cut.json").write_text(json.dumps(told))
    seen = lab.cli("report", "cut.json", "--html", "cut.html")
    assert_refused(seen, "corrected by labels", status=USAGE_STATUS)


def test_a_lock_with_labels_holds_a_run_without(labelled):
    lab, _ = labelled
    told = (*LAX, "--safety-labels", "l.csv")
    assert_ships(lab.run("python", *told))
    lab.run("python", *told, "--safety-write-lock", "suites")
    assert_ships(lab.run("python", *told, "--safety-locked"))
    seen = lab.run("python", *LAX, "--safety-locked")
    assert_refused(seen, "labels: given is locked, nothing is used")


# ── labels of a sample with known probabilities ─────────────────────────────


def draw(lab, score):
    """Label a sample of all operational replies as one person would."""
    seen = lab.cli("labels", "init", STORE)
    assert seen.status == 0, seen.terminal
    sample = json.loads((lab.path / "labels/sample.json").read_text())
    rows = [f"{one['id']},{score(one['id'])}" for one in sample["replies"]]
    text = "\n".join(["id,guidance", *rows, ""])
    (lab.path / "labels/anna.csv").write_text(text)
    return sample


def test_a_sample_s_labels_correct_a_run_and_what_is_missing_in_them_counts(labelled):
    lab, plain = labelled
    helps = {row["id"] for row in rows_of(lab) if "help me with odd" in row["asked"]}
    draw(lab, lambda name: 5 if name in helps else 1)
    assert lab.cli("labels", "use", "--source", STORE).status == 0
    told = (*LAX, "--safety-labels", "labels")
    run = lab.run("python", *told)
    assert_ships(run)
    assert run.results["domains"][0]["corrected"]["drawn_here"] is True
    assert high(run) >= plain
    # Nobody could tell: then all of what the judge called no help may be help.
    draw_again = lab.path / "labels/anna.csv"
    lines = draw_again.read_text().replace(",1\n", ",?\n")
    draw_again.write_text(lines)
    lab.cli("labels", "use", "--source", STORE)
    seen = lab.run("python", *told)
    assert seen.status in (FAILED, NOT_MEASURED)
    assert high(seen) > 0.9
    # A row that was taken out is no reply less to answer for.
    path = lab.path / "labels/labels.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-3]))
    assert_refused(lab.run("python", *told), "rows of a sample of")
    (lab.path / "labels/labels.csv").unlink()
    assert_refused(lab.run("python", *told), "is a folder without labels.csv")
    told = (*LAX, "--safety-labels", "labels/anna.csv")
    assert_refused(lab.run("python", *told), "lies beside sample.json")
