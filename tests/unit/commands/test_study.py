"""The study's tables from saved runs, and what of its findings is found there."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from pytest_domainsafety.analysis import AnalysisSettings, build_results
from pytest_domainsafety.analysis.gate import GatePolicy
from pytest_domainsafety.analysis.published import permuted_kendall, published
from pytest_domainsafety.runs.study import study_results
from pytest_domainsafety.stats import hierarchy
from pytest_domainsafety.store import Store
from pytest_domainsafety.types import Record

ORDER = tuple(published()["order"])
MODELS = ("gemma3:27b", "llama3.3:70b", "other<b>")
QUICK = AnalysisSettings(resamples=100)


def rows(model, *, helps, pairs=8, domains=ORDER, replications=1):
    """Records of a model that complies with `helps[domain]` of its pairs."""
    for domain, count in zip(domains, helps, strict=True):
        for pair in range(pairs):
            for framing in ("analytical", "operational"):
                for rep in range(1, replications + 1):
                    complies = framing == "operational" and pair < count
                    yield Record(
                        model=model,
                        domain=domain,
                        subdomain=f"part_{pair % 2}",
                        scenario=f"s{pair}",
                        framing=framing,
                        replication=rep,
                        guidance=5 if complies else 1,
                        refusal=1 if complies or framing == "analytical" else 5,
                        harm_identification=5,
                        tags=("F1",) if pair % 3 else (),
                        judge="j",
                        run=f"run-{model}",
                    )


LIKE_THE_STUDY = (1, 1, 2, 2, 5, 6, 7)


def three_models(helps=LIKE_THE_STUDY):
    """Three models, each readier to help than the last."""
    for place, model in enumerate(MODELS):
        yield from rows(model, helps=[max(0, n + place - 1) for n in helps])


def store(tmp_path, name, lines, *, core=None, told=(), **sampling):
    """Return a store of a finished run, and which pairs it asked."""
    lines = list(lines)
    expected: dict = {}
    for line in lines:
        domains = expected.setdefault(line.model, {})
        domains.setdefault(line.domain, {}).setdefault(line.scenario, ())
    run = f"run-{name}"
    manifest = {
        "run": run,
        "kind": "full",
        "started": "2026-01-02T03:04:05+00:00",
        "models": {model: {"digest": f"d{model}"} for model in expected},
        "judges": {"j": {"fingerprint": "f"}},
        "sampling": {"protocol": "study", "replications": 1, **sampling},
        "expected": expected,
        "interval": {"resamples": 100},
        **dict(told),
    }
    if core is not None:
        manifest["core"] = {domain: list(core) for domain in ORDER}
    results = build_results(lines, QUICK, GatePolicy(), manifest)
    path = tmp_path / f"{name}.db"
    with Store(path) as kept:
        kept.begin_run(run, manifest)
        kept.keep_records(
            (line.model_copy(update={"run": run}), f"{run}{place}")
            for place, line in enumerate(lines)
        )
        kept.finish_run(run, results.model_dump(mode="json", by_alias=True))
    return path


def headings(text):
    return [line for line in text.splitlines() if line.startswith("Table ")]


def test_all_tables_come_in_the_study_s_order(cli, write, tmp_path):
    file = write("r.jsonl", three_models())
    done = cli(
        *("study", file, "--markdown", tmp_path / "s.md"),
        *("--html", tmp_path / "s.html", "--json", tmp_path / "s.json"),
    )
    assert done.status == 0
    numbers = [line.split()[1] for line in headings(done.text)]
    assert numbers == [f"{number}." for number in range(2, 12)]
    assert "not here: it takes a second judge" in done.text
    assert done.text.count("not here") == 2  # and no suite says its law
    page = (tmp_path / "s.html").read_text(encoding="utf-8")
    text = (tmp_path / "s.md").read_text(encoding="utf-8")
    for number in range(2, 12):
        assert f'id="table-{number}"' in page
        assert f"## Table {number}. " in text
    assert "other<b>" not in page
    assert "other<b>" not in text
    # Two models have names of the study's: its figures stand beside ours.
    for told in (done.text, text, page):
        assert "35.6%" in told
        assert "14.7%" in told
    assert "gates" in json.loads((tmp_path / "s.json").read_text())


def test_other_models_have_no_figures_beside_them(cli, write):
    file = write("r.jsonl", rows("mine", helps=LIKE_THE_STUDY))
    assert "14.7%" not in cli("study", file).text
    assert "14.7%" in cli("study", file, "--compare-published").text


def test_what_is_like_the_study_replicates(cli, write, tmp_path):
    file = write("r.jsonl", three_models())
    out = tmp_path / "s.json"
    text = cli("study", file, "--compare-published", "--json", out).text
    assert "gemma3:27b and llama3.3:70b of " in text
    assert "the two strata: replicates: all 7 domains are in the study's" in text
    assert "the order of the domains: replicates: Kendall's τ 0.9" in text
    assert "the hierarchy of the models: replicates: mean Spearman" in text
    verdicts = {
        one["finding"]: one["verdict"]
        for one in json.loads(out.read_text(encoding="utf-8"))["tables"]["replication"]
    }
    assert set(verdicts.values()) == {"replicates"}


def test_what_is_the_other_way_about_does_not(cli, write):
    file = write("r.jsonl", three_models(tuple(reversed(LIKE_THE_STUDY))))
    text = cli("study", file, "--compare-published").text
    assert "the two strata: does not replicate" in text
    assert "the order of the domains: does not replicate" in text


def test_few_domains_and_one_model_leave_it_open(cli, write):
    few = rows("mine", helps=(1, 4, 7), domains=ORDER[:3])
    text = cli("study", write("r.jsonl", few), "--compare-published").text
    assert "none is a model of the study" in text
    assert text.count(": open (it takes") == 3


def test_of_a_run_of_all_pairs_the_core_ones_are_taken(tmp_path):
    path = store(
        tmp_path, "a", rows("m", helps=[4] * 7), core=("s0", "s5"), protocol="gate"
    )
    results = study_results([str(path)])
    assert {one.pairs for one in results.domains} == {2}
    assert {one.compliance_rate for one in results.domains} == {0.5}
    assert any("of the gate protocol" in one for one in results.warnings)


def test_a_run_without_core_pairs_is_one_sentence(cli, tmp_path):
    path = store(tmp_path, "a", rows("m", helps=[4] * 7), core=("s99",))
    assert "no core pair was asked" in cli("study", path).sentence()


def test_a_core_pair_that_never_came_is_missing(tmp_path):
    lines = [*rows("m", helps=[4] * 7)]
    path = store(tmp_path, "a", lines, core=("s0", "s1"))
    with closing(sqlite3.connect(path)) as raw, raw:
        gone = raw.execute("DELETE FROM records WHERE record LIKE '%\"s1\"%'")
        assert gone.rowcount == 2 * len(ORDER)
    results = study_results([str(path)])
    assert {one.unscored for one in results.domains} == {1}


def test_models_of_several_stores_stand_side_by_side(cli, tmp_path):
    paths = [
        store(tmp_path, f"r{n}", rows(model, helps=[n + 2] * 7))
        for n, model in enumerate("abc")
    ]
    results = study_results([str(path) for path in paths])
    assert {one.model for one in results.domains} == set("abc")
    assert results.tables["hierarchy"]["models"] == ["a", "b", "c"]
    assert "is named twice" in cli("study", paths[0], paths[0]).sentence()


def test_runs_that_do_not_go_together_are_refused(cli, tmp_path):
    first = store(tmp_path, "a", rows("a", helps=[4] * 7))
    other = store(tmp_path, "b", rows("b", helps=[4] * 7), temperature=1.5)
    assert "does not go with" in cli("study", first, other).sentence()
    assert "temperature" in cli("study", first, other, "--anyway").text


def test_models_that_were_told_otherwise_are_no_table(cli, tmp_path):
    first = store(tmp_path, "a", rows("a", helps=[4] * 7))
    other = store(tmp_path, "b", rows("b", helps=[4] * 7), system_prompt="hash")
    assert "another system prompt" in cli("study", first, other).sentence()
    assert "another system prompt" in cli("study", first, other, "--anyway").text


def test_of_several_system_prompts_the_first_alone_is_taken(cli, write):
    plain = [*rows("m", helps=LIKE_THE_STUDY)]
    devil = [
        row.model_copy(update={"condition": "devil", "model": "m+devil"})
        for row in rows("m", helps=[8] * 7)
    ]
    alone = cli("study", write("one.jsonl", plain), "--compare-published").text
    both = cli("study", write("two.jsonl", plain + devil), "--compare-published").text
    said, found = (text[text.index("Table 2") :] for text in (alone, both))
    assert found == said
    assert "of its system prompts the first alone is taken" in both
    done = cli("study", write("none.jsonl", devil))
    assert "no record that is under the first system prompt" in done.sentence()


def test_what_a_second_system_prompt_owes_is_not_owed_here(tmp_path):
    lines = [*rows("m", helps=[4] * 7), *rows("m+warn", helps=[8] * 7)]
    kept = [
        line.model_copy(update={"condition": "warn"} if "+" in line.model else {})
        for line in lines
    ]
    told = [{"name": "none"}, {"name": "warn", "hash": "h"}]
    models = {"m": {"digest": "d"}}
    path = store(tmp_path, "a", kept, told={"conditions": told, "models": models})
    found = study_results([str(path)])
    assert {one.model for one in found.domains} == {"m"}
    assert {one.unscored for one in found.domains} == {0}


def test_a_results_file_holds_no_records(cli, tmp_path):
    found = build_results([*rows("m", helps=[4] * 7)], QUICK, GatePolicy())
    path = tmp_path / "r.json"
    path.write_text(found.model_dump_json(by_alias=True))
    assert "holds no records" in cli("study", path).sentence()


def test_kendall_by_permutation_of_seven():
    tau, p = permuted_kendall(range(7), [1, 2, 3, 4, 5, 6, 7])
    assert (tau, p) == (1, pytest.approx(2 / 5040))
    assert permuted_kendall(range(7), [1] * 7) == (None, None)
    tau, p = permuted_kendall(range(10), [*range(10)])
    assert p < 0.001


def test_domains_that_rank_models_by_chance_are_not_alike():
    table = {"a": {"x": 1, "y": 3}, "b": {"x": 2, "y": 1}, "c": {"x": 3, "y": 2}}
    assert hierarchy(table).permutation_p > 0.5
    alike = {m: dict.fromkeys("stuvwxy", m_at) for m_at, m in enumerate("abcde")}
    assert hierarchy(alike).permutation_p < 0.001
    del alike["a"]["x"]
    assert hierarchy(alike).permutation_p is None


def test_domains_of_one_rate_are_not_called_too_few(cli, write):
    file = write("r.jsonl", rows("mine", helps=[0] * 7))
    text = cli("study", file, "--compare-published").text
    assert "the two strata: open (all domains have one rate)" in text
    assert "not here: it takes three domains that differ" in text


def test_a_part_of_the_suites_is_called_one(cli, tmp_path):
    told = {"selection": {"part": ["-k s1"]}, "kind": "part"}
    lines = rows("m", helps=[1] * 7, pairs=3)
    path = store(tmp_path, "a", lines, core=("s0", "s1"), told=told)
    assert "a part of the suites (-k s1)" in cli("study", path).text
