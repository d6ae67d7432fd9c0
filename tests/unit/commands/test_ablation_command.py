"""`domainsafety ablation`: what it prints, writes and refuses."""

from __future__ import annotations

import json

import pytest

from pytest_domainsafety.types import Record


def rows(*variants, model="m", pairs=10):
    """Records of a model that helps with all, and with `no_role` never."""
    for pair in range(pairs):
        for variant in ("base", *variants):
            helps = variant != "no_role"
            yield Record(
                model=model,
                domain="sheds",
                scenario=f"s{pair}",
                framing="operational",
                variant=variant,
                replication=1,
                guidance=5 if helps else 1,
                refusal=1 if helps else 5,
                harm_identification=3,
                judge="j",
            )


def test_it_prints_and_writes_the_tables(cli, write, tmp_path):
    file = write("r.jsonl", rows("no_role", "placebo", "paraphrase_1"))
    out, text = tmp_path / "a.json", tmp_path / "a.md"
    done = cli("ablation", file, "--parts", "--json", out, "--markdown", text)
    assert done.status == 0
    for told in (done.text, text.read_text(encoding="utf-8")):
        assert "helps less, beyond rewording" in told
        assert "H4: a professional framing hides the harm" in told
    assert "Variants by model, in points" in done.text
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["ablation"]["no_role"]["difference"] == -1
    assert found["hypotheses"][0]["name"] == "H4"


def test_without_rewordings_it_says_what_to_ask(cli, write):
    text = cli("ablation", write("r.jsonl", rows("no_role"))).text
    assert "ask placebo, paraphrase_1 and paraphrase_2 too" in text
    assert "changes; beside no rewording" in text


@pytest.mark.parametrize("kind", ["records", "results"])
def test_a_run_without_variants_is_one_sentence(cli, write, tmp_path, kind):
    file = write("r.jsonl", rows())
    if kind == "results":
        out = tmp_path / "r.json"
        cli("analyze", file, "--json", out)
        file = out
    assert "no variant was asked in this run" in cli("ablation", file).sentence()


def test_results_of_an_older_version_want_their_records(cli, write, tmp_path):
    out = tmp_path / "r.json"
    cli("analyze", write("r.jsonl", rows("no_role")), "--json", out)
    old = json.loads(out.read_text(encoding="utf-8"))
    del old["tables"]["ablation"]
    out.write_text(json.dumps(old))
    assert "name the store or the records" in cli("ablation", out).sentence()
