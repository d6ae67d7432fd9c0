"""`domainsafety compare`: stores, results and records, in any combination."""

import json

import pytest

from pytest_domainsafety.analysis import (
    AnalysisSettings,
    build_results,
    suite_differences,
)
from pytest_domainsafety.analysis.gate import GatePolicy
from pytest_domainsafety.store import Store
from pytest_domainsafety.types import Manifest

MANIFEST = {
    "started": "2026-01-01",
    "judges": {"offline": {"fingerprint": "f"}},
    "sampling": {"temperature": 0.7},
    "suites": {"a": {"domain": "labor", "rubric": "r", "hash": "h", "version": "1"}},
}


@pytest.fixture
def save(tmp_path, write):
    """Save a run as one of the three kinds; return the path."""

    def run(kind, name, rows, /, **changes):
        manifest = json.loads(json.dumps(MANIFEST)) | changes
        settings = AnalysisSettings(resamples=200)
        results = build_results(rows, settings, GatePolicy(), manifest)
        if kind == "records":
            return write(f"{name}.jsonl", rows)
        path = tmp_path / f"{name}.{kind}"
        if kind == "results":
            path.write_text(results.model_dump_json(by_alias=True))
            return path
        with Store(path) as store:
            store.begin_run("r", manifest)
            store.keep_records((row, "k") for row in rows)
            store.finish_run("r", results.model_dump(mode="json", by_alias=True))
        return path

    return run


WIDE = ("--margin", "0.5")
"""A rise that a dozen pairs can rule out."""
KINDS = ("store", "results", "records")


@pytest.mark.parametrize("old", KINDS)
@pytest.mark.parametrize("new", KINDS)
def test_any_two_kinds_say_the_same(cli, save, records, old, new):
    before = save(old, "a", records(), started="2025-12-31")
    after = save(new, "b", records(range(9)))
    done = cli("compare", before, after)
    assert done.status == 1
    flat = " ".join(done.text.split())
    assert (
        "m labor 12 0.0% 75.0% +75.0% +33.3% – +100.0% 0.00391 +5.0% REGRESSED" in flat
    )
    assert "now help: s0, s1, s2" in done.text
    assert ("records say nothing of judge" in flat) == ("records" in (old, new))
    assert cli("compare", after, before).status == 0


def test_as_json(cli, save, records, tmp_path):
    paths = save("results", "a", records()), save("results", "b", records({1}))
    cli("compare", *paths, "--json", tmp_path / "c.json")
    (change,) = json.loads((tmp_path / "c.json").read_text())["regression"]
    assert change["flipped"] == {"worse": ["s1"], "better": []}


def test_a_tolerated_rise(cli, save, records):
    paths = save("results", "a", records()), save("results", "b", records(range(9)))
    assert cli("compare", *paths, "--tolerance", "1").status == 0
    # So much is not shown, and not ruled out.
    assert cli("compare", *paths, "--tolerance", "0.8").status == 10


def test_runs_that_do_not_compare(cli, save, records):
    before = save("store", "a", records())
    after = save(
        "results",
        "b",
        records(),
        judges={"offline": {"fingerprint": "g"}},
        sampling={"temperature": 0.0, "system_prompt": "x"},
    )
    sentence = cli("compare", before, after).sentence()
    assert "judge offline" in sentence
    assert "temperature: 0.7 then, 0.0 now" in sentence
    assert "system_prompt" not in sentence
    done = cli("compare", before, after, "--anyway", *WIDE)
    assert done.status == 0
    assert "note: sampling setting temperature" in done.text


def test_another_system_prompt_is_said(cli, save, records):
    said = "m: told another system prompt then, so a change may be the prompt's"
    plain = save("store", "a", records())
    sampling = {"temperature": 0.7, "system_prompt": "x"}
    told = save("results", "b", records(), sampling=sampling)
    assert f"note: {said}" in cli("compare", plain, told, *WIDE).text
    assert said not in cli("compare", told, told, *WIDE).text
    # By the name of a second condition stands another text.
    under = [row.model_copy(update={"condition": "warn"}) for row in records()]
    sides = [
        save(
            "results",
            name,
            under,
            models={"m": {}},
            conditions=[{"name": "none"}, entry],
        )
        for name, entry in (
            ("c", {"name": "warn", "hash": "x"}),
            ("d", {"name": "warn", "hash": "y"}),
        )
    ]
    assert "told another system prompt" in cli("compare", *sides, *WIDE).text
    assert "told another system" not in cli("compare", sides[0], sides[0], *WIDE).text


def test_what_is_worth_a_note(cli, save, records):
    suites = {"a": MANIFEST["suites"]["a"] | {"hash": "i", "version": "2"}}
    before = save("results", "a", records(), started="2026-06-01")
    after = save("results", "b", records(), suites=suites)
    done = cli("compare", before, after)
    assert "is the order right?" in done.text
    assert "suite labor: version 1 then, 2 now" in done.text
    suite = {"domain": "labor", "version": "0"}
    assert suite_differences(
        *(Manifest(suites={"a": suite | {"hash": text}}) for text in "xy")
    ) == (
        "suite labor: changed under the same version; only unchanged pairs are "
        "compared",
    )


def test_two_models_of_one_run_each(cli, save, records):
    before = save("results", "a", records())
    after = save("results", "b", records({0}, model="m:q4"))
    assert cli("compare", before, after, *WIDE).status == 0
    two = save("results", "c", [*records(model="x"), *records(model="y")])
    assert "nothing to compare: models ['m'] and ['x', 'y']" in (
        cli("compare", before, two).sentence()
    )


def test_nothing_in_common(cli, save, records):
    before = save("results", "a", records())
    other = save("results", "b", records(domains=("elections",)))
    assert "0 domain(s) in common" in cli("compare", before, other).sentence()
    changed = [row.model_copy(update={"prompt_hash": "n"}) for row in records()]
    done = cli("compare", before, save("results", "c", changed))
    assert done.status == 10
    assert "12 prompts changed" in done.text


def test_a_comparison_that_hangs_on_missing_replies(cli, save, records):
    lost = {"guidance": None, "refusal": None, "harm_identification": None}
    gone = [
        row.model_copy(update=lost | {"status": "error"})
        if row.replication == 2
        else row
        for row in records()
    ]
    done = cli("compare", save("results", "a", records()), save("store", "b", gone))
    assert done.status == 10
    assert "not measured" in done.text


@pytest.mark.parametrize("kind", KINDS)
def test_pairs_and_domains_that_are_gone_are_named(cli, save, records, kind):
    both = records(domains=("fraud", "labor"))
    before = save(kind, "a", both, started="2025-12-31")
    few = save(kind, "few", records(pairs=9, domains=("fraud", "labor")))
    done = cli("compare", before, few)
    assert done.status == 10
    flat = " ".join(done.text.split())
    assert "labor on m: compliance 0.0% in the baseline, 0.0% now, over 9 pairs" in flat
    assert "3 pairs of the baseline are not scored here: s10, s11, s9" in flat
    assert "0 of 2 domains regressed, 2 not measured" in flat
    done = cli("compare", before, save(kind, "labor", records()))
    assert done.status == 10
    assert "fraud on m: not measured, 12 pairs of the baseline are not" in done.text
    assert cli("compare", before, save(kind, "b", both), *WIDE).status == 0


def test_a_part_is_held_against_its_part(cli, save, records):
    both = records(domains=("fraud", "labor"))
    before = save("results", "a", both, started="2025-12-31")
    ids = {f"s{n}": [] for n in range(9)}
    manifest = {"kind": "part", "expected": {"m": {"labor": ids}}}
    chosen = manifest | {"selection": {"part": ["suites/labor.safety.yaml"]}}
    part = save("results", "b", records(pairs=9), **chosen)
    done = cli("compare", before, part, *WIDE)
    assert done.status == 0
    assert "compared as a part of the suites (suites/labor.safety.yaml)" in done.text
    assert "0 of 1 domain regressed" in done.text
    # The part itself can lose pairs, and one that nobody chose is held to all.
    fewer = save("results", "c", records(pairs=8), **chosen)
    assert "1 pair of the baseline is not scored here: s8" in (
        cli("compare", before, fewer).text
    )
    divided = save("results", "d", records(pairs=9), **manifest)
    assert cli("compare", before, divided).status == 10
    done = cli("compare", part, save("results", "e", both, started="2026-02-01"))
    assert "the earlier run is none of the whole suites, but of the kind part" in (
        " ".join(done.text.split())
    )


def test_models_of_the_baseline_alone_are_a_note(cli, save, records):
    two = [*records(), *records(model="other")]
    paths = save("records", "a", two), save("records", "b", records())
    done = cli("compare", *paths, *WIDE)
    assert done.status == 0
    assert "note: of the baseline alone: other" in done.text


def test_mistakes_are_one_sentence(cli, save, records, tmp_path):
    good = save("results", "a", records())
    old = json.loads(good.read_text())
    for domain in old["domains"]:
        del domain["by_pair"]
    (tmp_path / "old.json").write_text(json.dumps(old))
    (tmp_path / "new.json").write_text(json.dumps(old | {"schema": 2}))
    two = save("records", "two", [*records(), *records(judge="other")])
    for args, said in (
        ((good, tmp_path / "gone"), "no such file"),
        ((tmp_path, good), "is a folder"),
        ((tmp_path / "old.json", good), "no counts by scenario pair"),
        ((tmp_path / "new.json", good), "results of schema 2"),
        ((two, good), "records of 2 judges"),
        ((good, good, "--tolerance", "-1"), "--tolerance: expected 0.0 to 1.0"),
    ):
        assert said in cli("compare", *args).sentence()


@pytest.mark.parametrize("which", [0, 1])
def test_a_run_that_was_stopped_early_compares_with_nothing(cli, save, records, which):
    early = {"stopped": [{"model": "m", "domain": "labor"}]}
    sides = [{}, {}]
    sides[which] = early
    paths = [
        save("results", name, records(), **more)
        for name, more in zip("ab", sides, strict=True)
    ]
    done = cli("compare", *paths)
    assert done.status == 2
    assert "asked no more about labor" in done.text
    assert cli("compare", "--anyway", *paths, *WIDE).status == 0


@pytest.mark.parametrize(("pairs", "said"), [(5, True), (6, False)])
def test_too_few_pairs_for_any_rise_are_told(cli, save, records, pairs, said):
    some = [row for row in records(range(9)) if int(row.scenario[1:]) < pairs]
    path = save("results", "a", some)
    done = cli("compare", path, path)
    assert ("no rise could have been significant" in done.text) == said


def test_a_ladder_is_one_table_and_one_verdict(cli, save, records, tmp_path):
    models = {"m:f16": "F16", "m:q8": "Q8_0", "m:q4": "Q4_K_M"}
    facts = {"family": "f", "parameters": "1B", "template_hash": "t"}
    runs = [
        save(
            "results",
            f"run{number}",
            records(range(9) if name == "m:q4" else (), model=name),
            started=f"2026-01-0{number + 1}",
            models={name: facts | {"quantisation": word}},
        )
        for number, (name, word) in enumerate(models.items())
    ]
    done = cli("compare", *runs, *WIDE, "--json", tmp_path / "ladder.json")
    assert done.status == 1
    flat = " ".join(done.text.split())
    assert "m:f16 and m:q8: they differ in quantisation only (F16 then, Q8_0" in flat
    assert "B m:q8 labor 12 0.0% 0.0% +0.0%" in flat
    assert "C m:q4 labor 12 0.0% 75.0% +75.0%" in flat
    assert "B run1.results: not worse: 0 of 1 domain regressed" in flat
    assert "the ladder: C is worse" in flat
    told = json.loads((tmp_path / "ladder.json").read_text())
    assert [row["model"] for row in told["regression"]] == ["m:q8", "m:q4"]
    assert [len(step["regression"]) for step in told["ladder"]] == [1, 1]
    assert cli("compare", *runs[:2], *WIDE).status == 0
    # Corrected for both rungs: each alone could have been a false alarm.
    assert told["regression"][1]["p_adjusted"] >= told["regression"][1]["p"]


def test_models_that_differ_in_more_than_quantisation(cli, save, records):
    facts = {"family": "f", "parameters": "1B", "template_hash": "t"}
    others = [facts | {"quantisation": "F16"}, facts | {"quantisation": "Q4_0"}]
    for change, said in (
        ({"template_hash": "u"}, "and they differ in more: chat template"),
        ({"family": None}, "and they differ in more: family"),
        ({}, "they differ in quantisation only"),
    ):
        paths = [
            save("results", name, records(), models={"m": entry})
            for name, entry in zip("ab", (others[0], others[1] | change), strict=True)
        ]
        assert said in " ".join(cli("compare", *paths).text.split())


@pytest.mark.parametrize("count", [0, 1])
def test_a_ladder_of_one_is_a_sentence(cli, save, records, count):
    paths = [save("results", "a", records())][:count]
    assert f"a ladder of {count} has nothing" in cli("compare", *paths).sentence()


def test_a_margin_that_nothing_can_rule_out_is_a_sentence(cli, save, records):
    path = save("results", "a", records())
    for value in ("0", "labor=0"):
        said = cli("compare", path, path, "--margin", value).sentence()
        assert "--margin: expected a rise above 0" in said
    said = cli("compare", path, path, "--margin", "0.1", "--margin", "0.2").sentence()
    assert "two margins for all domains" in said
