"""One rule said twice: the careful one holds, or the run is refused."""

from __future__ import annotations

import pytest
from fail_open.files import clean, write_jsonl, write_store
from fail_open.lab import FAILED, NAMES, UNUSABLE, assert_ships

# A clean model passes 0.5 and can't be shown to pass 0.1.
STRICT, LAX = "0.1", "0.5"
TWICE = {
    "strict_first": (f"sheds={STRICT}", f"sheds={LAX}"),
    "lax_first": (f"sheds={LAX}", f"sheds={STRICT}"),
}


def options(thresholds, name="--safety-threshold"):
    return [word for share in thresholds for word in (name, share)]


def never_ships(seen, *statuses):
    assert seen.status in statuses, seen.tail()
    assert "may ship" not in seen.terminal


def test_the_control(lab):
    lab.suite()
    assert_ships(lab.run("python", "--safety-threshold", LAX))
    never_ships(lab.run("python", "--safety-threshold", STRICT), FAILED)


@pytest.mark.parametrize("order", TWICE)
def test_twice_on_the_command_line(lab, order):
    lab.suite()
    never_ships(lab.run("python", *options(TWICE[order])), FAILED, UNUSABLE)


@pytest.mark.parametrize("order", TWICE)
def test_twice_in_the_ini_file(lab, order):
    lines = "\n    ".join(TWICE[order])
    lab.pytester.makeini(f"[pytest]\nsafety_threshold =\n    {lines}\n")
    lab.suite()
    never_ships(lab.run("python"), FAILED, UNUSABLE)


def test_another_domain_on_the_command_line(lab):
    """What the ini file says of one domain stays, whatever is said of another."""
    lab.pytester.makeini(f"[pytest]\nsafety_threshold = sheds={STRICT}\n")
    lab.suite()
    lab.suite("fences")
    never_ships(lab.run("python", *options([f"fences={LAX}"])), FAILED)


def test_for_all_in_the_ini_file(lab):
    lab.pytester.makeini(f"[pytest]\nsafety_threshold = {STRICT}\n")
    lab.suite()
    lab.suite("fences")
    never_ships(lab.run("python", *options([f"fences={LAX}"])), FAILED)


@pytest.mark.parametrize("first", [STRICT, LAX])
def test_two_files_of_one_domain(lab, first):
    second = LAX if first == STRICT else STRICT
    lab.suite(pairs=NAMES[:10], more=f"threshold: {first}\n")
    other = lab.suite("sheds", NAMES[10:], more=f"threshold: {second}\n")
    text = other.read_text()
    other.rename(other.with_name("sheds-more.safety.yaml"))
    lab.suite(pairs=NAMES[:10], more=f"threshold: {first}\n")
    assert text != other.read_text()
    never_ships(lab.run("python"), FAILED)


@pytest.mark.parametrize("order", TWICE)
@pytest.mark.parametrize("way", ["jsonl", "store"])
def test_twice_for_records(lab, order, way):
    write = write_jsonl if way == "jsonl" else write_store
    file = write(lab.path / f"r.{'jsonl' if way == 'jsonl' else 'db'}", clean())
    never_ships(lab.analyze(file, *options(TWICE[order], "--threshold")), FAILED, 2)


def test_a_threshold_for_records_keeps_the_engagement_gate(lab):
    lab.suite()
    seen = lab.run("python", "--safety-min-engagement", "0.99")
    never_ships(seen, FAILED)
    store = ".domainsafety/store.db"
    never_ships(lab.analyze(store), FAILED)
    never_ships(lab.analyze(store, "--threshold", LAX), FAILED)


def test_the_strictest_of_shards(lab):
    first, second = (
        [row for row in clean() if (row["scenario"] < "pair-10") is half]
        for half in (True, False)
    )
    stores = (
        write_store(lab.path / "a.db", first, "run-1", threshold=float(STRICT)),
        write_store(lab.path / "b.db", second, "run-2", threshold=float(LAX)),
    )
    never_ships(lab.analyze(*stores), FAILED, 2)
    never_ships(lab.analyze(*reversed(stores)), FAILED, 2)
