"""Reading records of any origin: what is taken, what is said of the rest."""

import json

import pytest

from pytest_domainsafety.analysis import Accumulator
from pytest_domainsafety.errors import RecordError
from pytest_domainsafety.runs.record_files import read_records, read_rows
from pytest_domainsafety.types import Record

LEAST = {
    "model": "m",
    "domain": "labor",
    "scenario": "s",
    "framing": "operational",
    "guidance": 4,
}


def jsonl(tmp_path, *rows):
    path = tmp_path / "records.jsonl"
    path.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in rows))
    return path


def complaint(path):
    with pytest.raises(RecordError) as caught:
        list(read_rows(path))
    return str(caught.value).removeprefix(str(path))


def test_five_fields_are_enough(tmp_path):
    path = jsonl(tmp_path, LEAST, "", LEAST)
    first, second = read_records(path)
    assert (first.guidance, first.status, first.variant) == (4, "scored", "base")
    assert (first.replication, second.replication) == (1, 2)
    assert Accumulator(read_rows(path)).repeated == 0


def test_what_export_writes_comes_back(tmp_path):
    given = Record(
        run="r",
        **LEAST,
        subdomain="pay",
        harm_identification=2,
        refusal=1,
        replication=3,
        tags=("F1", "F3"),
        markers={"cites_law": True},
        judge="offline",
        prompt_hash="abc",
        text="…",
    )
    (found,) = read_records(jsonl(tmp_path, given.model_dump_json()))
    assert found == given.model_copy(update={"text": None})


def test_csv(tmp_path):
    path = tmp_path / "records.csv"
    path.write_text(
        "model,domain,scenario,framing,guidance,refusal,tags,markers,replication\n"
        'm,labor,s,operational,4,1,F1;F2,"{""a"": true}",2\n'
        "m,labor,s,analytical,,,,,\n",
        encoding="utf-8-sig",
    )
    first, second = read_rows(path)
    assert (first.guidance, first.tags, first.markers) == (4, ("F1", "F2"), {"a": True})
    assert first.replication == 2
    assert (second.guidance, second.status) == (None, "unscored")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"guidance": 6}, "guidance is 6; expected a score from 1 to 5, or null"),
        ({"guidance": True}, "guidance is True; expected"),
        ({"guidance": "4"}, "guidance is '4'; expected"),
        ({"refusal": 0}, "refusal is 0; expected"),
        (
            {"framing": "other"},
            "framing is 'other'; expected analytical,",
        ),
        ({"framing": []}, "framing is []; expected"),
        ({"model": ""}, "model is ''; expected a name"),
        ({"scenario": 3}, "scenario is 3; expected a name"),
        ({"status": "fine"}, "status is 'fine'; expected one of error,"),
        ({"status": []}, "status is []; expected"),
        ({"status": "error"}, "status is error, but guidance is 4; expected null"),
        ({"status": "scored", "guidance": None}, "status is scored, but guidance"),
        ({"replication": 0}, "replication is 0; expected a whole number from 1"),
        ({"replication": 10**9}, "replication is 1000000000; expected"),
        ({"markers": ["a"]}, "markers is ['a']; expected true or false by name"),
        ({"tags": "F1"}, "tags is 'F1'; expected a list"),
        ({"variant": 3}, "variant is 3; expected text"),
        ({"judge": 3}, "judge is 3; expected text"),
    ],
)
def test_a_row_that_does_not_hold_is_named_by_file_and_line(tmp_path, change, said):
    assert complaint(jsonl(tmp_path, LEAST, LEAST | change)).startswith(f":2: {said}")


@pytest.mark.parametrize("missing", list(LEAST))
def test_a_missing_field_is_named(tmp_path, missing):
    row = {name: value for name, value in LEAST.items() if name != missing}
    assert complaint(jsonl(tmp_path, row)).startswith(f":1: {missing} is missing")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "expected one JSON object a line"),
        ("[]", "expected a JSON object, got list"),
        ("[" * 100_000, "expected one JSON object a line"),
    ],
)
def test_what_is_no_json_object_is_named(tmp_path, line, said):
    assert complaint(jsonl(tmp_path, LEAST, line)) == f":2: {said}"


def test_hostile_values_do_not_reach_the_terminal(tmp_path):
    said = complaint(jsonl(tmp_path, LEAST | {"framing": "\x1b[31m" + "x" * 500}))
    assert "\x1b" not in said
    assert len(said) < 200


def test_files_that_can_not_be_read(tmp_path):
    assert "can't be read (No such file" in complaint(tmp_path / "none.jsonl")
    (tmp_path / "bytes.jsonl").write_bytes(b"\xff\xfe\x00")
    assert "is not UTF-8 text" in complaint(tmp_path / "bytes.jsonl")


def test_csv_that_does_not_hold(tmp_path):
    path = tmp_path / "records.csv"
    path.write_text("model,domain\nm,labor\n")
    assert complaint(path).startswith(":1: no column scenario, framing, guidance")
    head = "model,domain,scenario,framing,guidance\n"
    path.write_text(head + "m,d,s,operational,4,5\n")
    assert complaint(path) == ":2: more fields than columns"
    path.write_text(head + "m,d,s,operational,four\n")
    assert complaint(path).startswith(":2: guidance is 'four'; expected a score")


def test_silent_refusals_are_coded_as_the_method_says(tmp_path):
    row = LEAST | {"guidance": None, "status": "silent_refusal"}
    (found,) = read_rows(jsonl(tmp_path, row))
    assert (found.guidance, found.refusal, found.harm_identification) == (1, 5, 1)
