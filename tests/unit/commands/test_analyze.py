"""`domainsafety analyze` on records of any origin."""

import json
import os
import threading

import pytest

from pytest_domainsafety.analysis import (
    AnalysisSettings,
    agreement_within,
    build_results,
    traces_table,
)
from pytest_domainsafety.analysis.gate import GatePolicy
from pytest_domainsafety.store import Store
from pytest_domainsafety.types import Results, Scores

FEW = ("--resamples", "200")
SOME = (AnalysisSettings(resamples=200), GatePolicy(), {"run": "r"})


def test_a_table_gates_and_results(cli, write, tmp_path, records):
    path = write("r.jsonl", records({0, 1, 2}, domains=("labor", "elections")))
    out = tmp_path / "deep" / "out.json"
    done = cli("analyze", path, "--json", out, *FEW)
    assert done.status == 0
    assert "may not ship: 2 of 2 gates failed" in done.text
    results = Results.model_validate_json(out.read_text())
    assert [d.complied for d in results.domains] == [6, 6]
    assert results.run.analysis.resamples == 200
    shown = cli("analyze", path, "--json", "-", *FEW).text
    assert json.loads(shown[shown.index("{\n") :])["schema"] == 1


@pytest.mark.parametrize(("threshold", "status"), [("1", 0), ("0.3", 1)])
def test_it_can_be_a_gate(cli, write, threshold, status, records):
    path = write("r.jsonl", records({0, 1, 2}))
    args = ("analyze", path, "--threshold", threshold, "--gate", *FEW)
    assert cli(*args).status == status


def test_a_gate_that_hangs_on_missing_replies(cli, write, records):
    rows = records(pairs=60)
    lost = {"guidance": None, "refusal": None, "harm_identification": None}
    gone = [row.model_copy(update=lost | {"status": "error"}) for row in rows[-100:]]
    path = write("r.jsonl", [*rows[:-100], *gone])
    assert cli("analyze", path, "--gate", *FEW).status == 10


@pytest.mark.parametrize(
    ("by", "line"),
    [
        ("subdomain", "part0  6 12 0 50.0%"),
        ("tag", "F2 4 8 0 25.0%"),
        ("framing", "analytical 12 24 0 0.0%"),
        ("model,tag,framing", "m F1 operational 12 24 0 25.0%"),
        ("variant", "base 12 24 0 25.0%"),
        ("codification", "– 12 24 0 25.0%"),
    ],
)
def test_by_what_records_say_of_themselves(cli, write, by, line, records):
    done = cli("analyze", write("r.jsonl", records({0, 2, 4})), "--by", by, *FEW)
    rows = [" ".join(text.split()) for text in done.text.splitlines()]
    assert any(row.startswith(" ".join(line.split())) for row in rows), done.text


def test_by_codification_of_the_suites(cli, write, tmp_path, records):
    from pathlib import Path

    suites = Path(__file__).parents[3] / "suites"
    path = write("r.jsonl", records())
    done = cli("analyze", path, "--by", "codification", "--suites", suites, *FEW)
    assert any(line.startswith("mixed ") for line in done.text.splitlines())


def test_records_of_a_second_judge_stay_out_of_the_breakdown(cli, write, records):
    rows = [*records(), *records(range(12), judge="other", pairs=10)]
    done = cli("analyze", write("r.jsonl", rows), "--by", "domain", *FEW)
    assert "records of 2 judges" in done.text
    assert "labor 12 24 0 0.0%" in " ".join(done.text.split())


def test_csv(cli, tmp_path):
    path = tmp_path / "r.csv"
    lines = ["model,domain,scenario,framing,guidance"]
    lines += [f"m,labor,s{n},operational,{1 + 3 * (n < 3)}" for n in range(12)]
    path.write_text("\n".join(lines))
    assert "25.0%" in cli("analyze", path, *FEW).text


def test_a_pipe_is_read_once(cli, write, tmp_path, records):
    path = write("r.jsonl", records({0, 1, 2}))
    for by, said in (("model,domain", "labor"), ("tag", "is a pipe")):
        pipe = tmp_path / by
        os.mkfifo(pipe)
        writer = threading.Thread(
            target=lambda to=pipe: to.write_bytes(path.read_bytes())
        )
        writer.start()
        assert said in cli("analyze", pipe, "--by", by, *FEW).text
        writer.join()


def test_a_store_keeps_the_thresholds_of_its_run(cli, tmp_path, records):
    from pytest_domainsafety.analysis import AnalysisSettings, build_results, counts_of
    from pytest_domainsafety.analysis.gate import GatePolicy

    path, rows = tmp_path / "store.db", records({0})
    with Store(path) as store:
        manifest = {"run": "r", "interval": {"resamples": 200}}
        store.begin_run("r", manifest)
        store.keep_records((row, "k") for row in rows)
        policy = GatePolicy(thresholds={"labor": 0.77})
        results = build_results(
            rows,
            AnalysisSettings(resamples=200),
            policy,
            manifest,
            baseline=counts_of(rows),
        )
        store.finish_run("r", results.model_dump(mode="json", by_alias=True))
    assert "≤77.0" in cli("analyze", path).text
    assert "≤66.0" in cli("analyze", path, "--threshold", "0.66").text
    assert "≤77.0" in cli("analyze", f"{path}#r", "--threshold", "labor=0.77").text


def test_gates_are_corrected_for_their_number_where_asked(cli, tmp_path, records):
    rows = [
        row.model_copy(update={"domain": name})
        for name in ("a", "b")
        for row in records(pairs=20)
    ]
    path, out = tmp_path / "records.jsonl", tmp_path / "out.json"
    path.write_text("".join(row.model_dump_json() + "\n" for row in rows))
    told = ("--threshold", "0.17", *FEW, "--json", out, "--gate")
    assert cli("analyze", path, *told).status == 0
    assert cli("analyze", path, *told, "--holm").status == 1
    found = json.loads(out.read_text())
    assert found["run"]["holm"] is True
    assert [gate["p_adjusted"] > 0.025 for gate in found["gates"]] == [True, True]


@pytest.mark.parametrize("name", ["r.jsonl", "r.csv", "store.db"])
def test_the_second_judge_in_the_records_is_compared_as_in_the_run(
    cli, tmp_path, records, name
):
    def told(judge, guidance, **fields):
        scores = {"guidance": guidance, "refusal": 1, "harm_identification": 5}
        return Scores(judge=judge, **scores, **fields)

    rows = records({0, 1, 2})
    for at in range(0, len(rows), 3):
        second = told("other", 4 if at % 2 else 1)
        rows[at] = rows[at].model_copy(update={"second": second})
    rows[1] = rows[1].model_copy(
        update={"second": Scores(judge="other", status="unscored", reason="cut off")}
    )
    rows[-1] = rows[-1].model_copy(update={"trace": told("offline", 5)})
    expected = agreement_within(rows, AnalysisSettings(resamples=200))
    path, out = tmp_path / "store.db", tmp_path / "out.json"
    with Store(path) as store:
        store.begin_run("r", {"run": "r"})
        store.keep_records((row, "k") for row in rows)
        store.finish_run("r", build_results(rows, *SOME).model_dump(by_alias=True))
    if name != path.name:
        assert cli("export", path, "--records", tmp_path / name).status == 0
    done = cli("analyze", tmp_path / name, "--json", out, *FEW)
    assert f"on {expected['overall']['n']} replies" in done.text
    found = json.loads(out.read_text())
    assert found["agreement"] == json.loads(json.dumps(expected))
    assert found["agreement"]["unscored"] == 1
    assert found["tables"]["reasoning_traces"] == traces_table(rows)


def test_a_second_judge_that_does_not_hold_is_a_sentence(cli, tmp_path, records):
    rows = [json.loads(row.model_dump_json()) for row in records()]
    rows[0]["second"] = {"judge": "other", "guidance": 9}
    path = tmp_path / "r.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = cli("analyze", path).sentence()
    assert "a record of labor/s0 does not hold what it should, at second" in said


def test_a_stopped_run_keeps_its_verdict(cli, tmp_path, records):
    from pytest_domainsafety.analysis import AnalysisSettings, Stopped, build_results
    from pytest_domainsafety.analysis.gate import GatePolicy

    path, rows = tmp_path / "store.db", records(pairs=20)[: 4 * 19]
    stopped = {("m", "labor"): Stopped("passes", {"s19": 2}, 20, 2)}
    told = {"model": "m", "domain": "labor"} | stopped["m", "labor"]._asdict()
    manifest = {"run": "r", "interval": {"resamples": 200}, "stopped": [told]}
    results = build_results(
        rows,
        AnalysisSettings(resamples=200),
        GatePolicy(threshold=0.3),
        manifest,
        stopped=stopped,
    )
    with Store(path) as store:
        store.begin_run("r", {"run": "r"})
        store.keep_records((row, "k") for row in rows)
        store.finish_run("r", results.model_dump(mode="json", by_alias=True))
    out = tmp_path / "out.json"
    done = cli("analyze", path, "--json", out)
    assert "1 of 20 pairs were not asked in full" in " ".join(done.text.split())
    (domain,) = Results.model_validate_json(out.read_text()).domains
    assert domain.ci == results.domains[0].ci
    cli("analyze", path, "--threshold", "0.2", "--json", out)
    (domain,) = Results.model_validate_json(out.read_text()).domains
    assert domain.decided is None


def test_mistakes_are_one_sentence(cli, write, tmp_path, records):
    path = write("r.jsonl", records())
    empty, binary = tmp_path / "empty.jsonl", tmp_path / "x.bin"
    folder = tmp_path / "folder"
    folder.mkdir()
    empty.write_text("")
    binary.write_bytes(b"\x7fELF\x00\x00")
    bad = write("bad.jsonl", records())
    bad.write_text(bad.read_text().replace('"guidance":1', '"guidance":7', 1))
    lacking = tmp_path / "lacking.csv"
    lacking.write_text("model,domain\nm,labor\n")
    header = tmp_path / "header.csv"
    header.write_text("model,domain,scenario,framing,guidance\n")
    for args, said in (
        ((tmp_path / "gone.jsonl",), "no such file"),
        ((folder,), "is a folder"),
        ((tmp_path / "gone-*.jsonl",), "no file fits this"),
        ((empty,), "is empty"),
        ((binary,), "is binary"),
        ((bad,), ":1: guidance is 7; expected a score from 1 to 5"),
        ((lacking,), "no column scenario, framing, guidance"),
        ((header,), "no record to be found"),
        ((path, "--by", "colour"), "--by colour: expected some of model"),
        ((path, "--threshold", "labour=0.1"), "there is no domain 'labour'"),
        ((path, "--threshold", "2"), "expected 0.0 to 1.0"),
        ((path, "--ci", "magic"), "--ci: expected one of guarded"),
        ((path, "--json", tmp_path), "can't be written"),
        ((path, "--run", "other"), "#other: no record to be found"),
    ):
        assert said in cli("analyze", *args).text.splitlines()[-1], args
        assert cli("analyze", *args).status == 2
    few = write("few.jsonl", records(pairs=4))
    assert "4 pairs are fewer than 5" in cli("analyze", few, *FEW).text


def test_a_threshold_of_the_options_says_in_what_it_is_not_the_runs_own(
    cli, tmp_path, records
):
    from pytest_domainsafety.analysis import AnalysisSettings, build_results
    from pytest_domainsafety.analysis.gate import GatePolicy

    path, rows = tmp_path / "store.db", records({0})
    interval = {"resamples": 200, "confidence": 0.95}
    manifest = {"run": "r", "interval": interval}
    policy = GatePolicy(thresholds={"labor": 0.1}, min_engagements={"labor": 0.7})
    results = build_results(rows, AnalysisSettings(resamples=200), policy, manifest)
    with Store(path) as store:
        store.begin_run("r", manifest)
        store.keep_records((row, "k") for row in rows)
        store.finish_run("r", results.model_dump(mode="json", by_alias=True))
    out = tmp_path / "out.json"
    done = cli("analyze", path, "--threshold", "0.9", "--json", out)
    gates = json.loads(out.read_text())["gates"]
    assert {gate["kind"]: gate["threshold"] for gate in gates} == {
        "compliance": 0.9,
        "engagement": 0.7,
    }
    sentence = "labor: judged by the threshold 0.9 (command line for all), and the run"
    assert sentence in " ".join(done.text.split())
    assert "judged" not in cli("analyze", path).text
    done = cli("analyze", path, "--confidence", "0.8")
    assert "judged with confidence 0.8, and the run itself with 0.95" in (
        " ".join(done.text.split())
    )
    twice = ("--threshold", "labor=0.1", "--threshold", "labor=0.9")
    assert "two thresholds for labor" in cli("analyze", path, *twice).sentence()


def test_a_folder_or_a_pattern_is_all_its_files(cli, write, tmp_path, records):
    """A part of them would be another verdict, and a store beside them is refused."""
    folder = tmp_path / "runs"
    (folder / "later").mkdir(parents=True)
    rows = records()
    whole = write("all.jsonl", rows)
    lines = whole.read_text().splitlines(keepends=True)
    (folder / "a.jsonl").write_text("".join(lines[::2]))
    (folder / "later" / "b.jsonl").write_text("".join(lines[1::2]))
    (folder / "_SUCCESS").write_text("")
    (folder / ".a.jsonl.crc").write_text("x")
    said = cli("analyze", whole).text
    assert cli("analyze", folder).text == said
    assert cli("analyze", folder / "**" / "*.jsonl").text == said
    (folder / "store.db").write_text("")
    assert "perhaps" in cli("analyze", folder).text


def test_a_large_file_without_the_engine_says_what_makes_it_fast(
    cli, write, records, monkeypatch
):
    from pytest_domainsafety.runs import record_blocks

    path = write("all.jsonl", records())
    plain = cli("analyze", path)
    monkeypatch.setattr(record_blocks, "TOLD_FROM", 1)
    monkeypatch.setattr(record_blocks, "FAST_FROM", 1)
    monkeypatch.setattr(record_blocks, "find_spec", lambda _: None)
    told = cli("analyze", path)
    assert "pip install 'pytest-domainsafety[fast]'" in told.text
    assert plain.text in told.text
    assert told.status == plain.status
