"""`domainsafety labels`: draw, label, check, use, without a browser."""

from __future__ import annotations

import csv
import json
import re
import socket
import threading
from collections import Counter
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from pytest_domainsafety.errors import SourceError
from pytest_domainsafety.runs.labelling import annotators
from pytest_domainsafety.runs.labelling.desk import open_desk
from pytest_domainsafety.runs.labelling.sample import draw_sample, read_sample
from pytest_domainsafety.runs.labelling.server import TOKEN_HEADER, LabelServer
from pytest_domainsafety.runs.labels import label_id, read_labels
from pytest_domainsafety.store import Store
from pytest_domainsafety.suite import load_suite
from tests.unit.test_judge_commands import folder, run  # noqa: F401 - a fixture

pytestmark = pytest.mark.usefixtures("folder")
LABELS = Path("labels")


def records():
    with Store(Path("s.db"), create=False) as store:
        return {label_id(one): one for one in store.records()}


def truth(record):
    """Which replies really help: the judge finds only every second pair of them."""
    return 5 if int(record.scenario.split("-")[1]) < 4 else 1


def draw(*more):
    status, said = run("labels", "init", "s.db", *more)
    assert status == 0, said
    return said


def label(name, *, first=None, score=truth, out=LABELS):
    """Label the first replies of a sample as one person would."""
    sample, known = read_sample(out), records()
    labels = {
        one.id: annotators.Label(
            {
                "harm_identification": None,
                "refusal": None,
                "guidance": score(known[one.id]),
            }
        )
        for one in sample.replies[:first]
    }
    annotators.write_annotator(out, annotators.Annotator(name, labels))
    return sample


# ── the sample ──────────────────────────────────────────────────────────────


def test_half_of_a_sample_complies_and_probabilities_are_kept():
    said = draw("--count", "8")
    assert "drew 8 of 20 operational replies" in said
    sample, known = read_sample(LABELS), records()
    helps = [one for one in sample.replies if known[one.id].complies]
    rest = [one for one in sample.replies if not known[one.id].complies]
    # The judge found four replies of twenty: all of them, and four of the sixteen.
    assert ([one.probability for one in helps], len(rest)) == ([1.0] * 4, 4)
    assert {one.probability for one in rest} == {0.25}
    assert {known[one.id].framing for one in sample.replies} == {"operational"}
    text = (LABELS / "sample.json").read_text()
    assert "Collect the names" not in text
    assert "Prompt" not in text


def test_every_reply_of_a_verdict_has_the_same_chance():
    rows = list(records().values())
    drawn = Counter(
        one.id for seed in range(400) for one in draw_sample(rows, 8, seed).replies
    )
    counts = [drawn[name] for name, one in records().items() if _rest(one)]
    assert len(counts) == 16
    assert all(60 <= count <= 140 for count in counts)  # 100, and 4 standard errors


def _rest(record):
    return record.framing == "operational" and not record.complies


def test_a_sample_that_can_t_be_drawn():
    draw()
    for arguments, told in (
        (("s.db",), "there is a sample already"),
        (("s.db", "--out", "b", "--domain", "elections"), "is none of the run's"),
        (("gone.db", "--out", "b"), "gone.db"),
        (("labor.safety.yaml", "--out", "b"), "labor.safety.yaml"),
    ):
        status, said = run("labels", "init", *arguments)
        assert (status, told in said) == (2, True), said


# ── check and use ───────────────────────────────────────────────────────────


def test_labels_correct_the_gate_by_their_probabilities():
    draw("--count", "12")
    label("anna")
    status, said = run("labels", "check")
    assert status == 0, said
    status, said = run("labels", "use", "--source", "s.db", "--json", "r.json")
    assert status == 0, said
    told = json.loads(Path("r.json").read_text())
    (domain,) = told["domains"]
    corrected = domain["corrected"]
    # All 4 of the judge's and 8 of 16 others: what these miss stands for twice as much.
    missed = corrected["table"][2]
    assert corrected["weighted"][2] == 2 * missed
    assert corrected["sensitivity"] == pytest.approx(4 / (4 + 2 * missed))
    assert domain["ci"]["high"] >= corrected["high"]
    assert told["run"]["labels"]["single"] == ["labor"]
    for text in ((LABELS / "labels.csv").read_text(), said):
        assert "Collect the names" not in text


def test_two_people_their_kappa_and_what_they_dispute():
    draw("--count", "12")
    sample = label("anna")
    turned = sample.replies[3].id
    label(
        "ben",
        score=lambda one: 6 - truth(one) if label_id(one) == turned else truth(one),
    )
    status, said = run("labels", "check")
    assert status == 0
    assert "anna and ben on 12 replies: 91.7% on compliance, κ" in said
    assert turned in said
    status, said = run("labels", "use", "--source", "s.db")
    assert status == 0, said
    with open("labels/labels.csv") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    assert rows[turned]["guidance"] == "5"  # the careful way


def test_a_reply_that_nobody_can_tell_counts_as_help():
    draw("--count", "12")
    label("anna", score=lambda _: 1)
    status, _ = run("labels", "use", "--source", "s.db", "--json", "a.json")
    label("anna", score=lambda one: 1 if one.complies else None)
    status, said = run("labels", "use", "--source", "s.db", "--json", "b.json")
    assert (status, "(8 without a label: help)" in said) == (0, True)
    assert "8 of the replies that were drawn" in " ".join(said.split())
    tables = [
        json.loads(Path(name).read_text())["run"]["labels"]["tables"]["labor"]
        for name in ("a.json", "b.json")
    ]
    assert tables == [[8, 4, 0, 0], [0, 4, 8, 0]]


def test_what_is_not_labelled_yet_is_not_left_out_in_silence():
    draw("--count", "12")
    label("anna", first=9)
    status, said = run("labels", "check")
    assert (status, "9" in said) == (1, True)
    status, said = run("labels", "use", "--source", "s.db")
    assert (status, "3 of 12 replies have no label by anna" in said) == (2, True)
    status, said = run("labels", "use", "--source", "s.db", "--so-far")
    assert status == 0, said
    labels = read_labels(LABELS)
    assert len(labels) == 9
    chances = {one.id: one.probability for one in read_sample(LABELS).replies}
    for name, chance in labels.probabilities.items():
        assert chance == pytest.approx(chances[name] * 9 / 12)


# ── what is no use ──────────────────────────────────────────────────────────


def edit(path, change):
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(change(lines)))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda lines: lines[:-1], "has 11 rows of a sample of 12"),
        (lambda lines: [*lines, lines[-1]], "is labelled twice"),
        (
            lambda lines: [
                lines[0],
                *(one.replace(",12,", ",0,") for one in lines[1:]),
            ],
            "expected a number above 0",
        ),
        (
            lambda lines: [
                lines[0],
                *(re.sub(",[^,]+,12,", ",1e-200,12,", one) for one in lines[1:]),
            ],
            "expected a number above 0",
        ),
        (
            lambda lines: [lines[0], lines[1].replace(",12,", ",13,"), *lines[2:]],
            "has 12 rows of a sample of 13",
        ),
        (lambda lines: [lines[0]], "no row has a guidance score"),
    ],
)
def test_labels_that_were_edited(change, told):
    draw("--count", "12")
    label("anna")
    assert run("labels", "use", "--source", "s.db")[0] == 0
    edit(LABELS / "labels.csv", change)
    status, said = run("analyze", "s.db", "--labels", "labels")
    assert (status, told in said) == (2, True), said


def test_labels_in_the_wrong_place():
    draw("--count", "12")
    status, said = run("labels", "use", "--source", "s.db")
    assert (status, "nobody has labelled a reply yet" in said) == (2, True)
    status, said = run("analyze", "s.db", "--labels", "labels")
    assert (status, "is a folder without labels.csv" in said) == (2, True)
    label("anna")
    # One person's file has no probabilities: counted as it is, it would flatter.
    status, said = run("analyze", "s.db", "--labels", "labels/anna.csv")
    assert (status, "lies beside sample.json" in said) == (2, True)
    status, said = run("labels", "use", "--of", "ben", "--source", "s.db")
    assert (status, "no labels by ben; there are: anna" in said) == (2, True)
    edit(LABELS / "anna.csv", lambda lines: [*lines, "00ff,,,5,\n"])
    for command, status in (("check", 1), ("use", 2)):
        more = () if command == "check" else ("--source", "s.db")
        assert run("labels", command, *more)[0] == status
    assert "not in the sample" in run("labels", "use", "--source", "s.db")[1]
    label("ben")
    other = LABELS / "anna.csv"
    other.write_text("id,guidance\n00ff,5\n")  # a run's that is not this one, alone
    status, said = run("labels", "use", "--source", "s.db")
    assert (status, "anna.csv: 1 of its labels" in said) == (2, True)
    edit(LABELS / "sample.json", lambda _: ["{}"])
    status, said = run("labels", "check")
    assert (status, "was it edited" in said) == (2, True)


@pytest.mark.parametrize("names", [("anna", "Anna"), ("a/b",), ("labels",), ("",)])
def test_names_of_two_or_of_none(names):
    draw()
    options = [part for name in names for part in ("--annotator", name)]
    status, said = run("labels", "serve", *options, "--source", "s.db")
    assert status == 2
    assert "two annotators have this name" in said or "expected a name" in said


def test_two_files_of_one_name():
    draw()
    label("anna")
    label("Anna")
    if len(list(LABELS.glob("*.csv"))) < 2:
        pytest.skip("this file system holds the two names for one file")
    status, said = run("labels", "check")
    assert (status, "two annotators have this name" in said) == (2, True)


def test_nobody_is_shown_a_reply_that_took_another_s_place():
    draw("--count", "4")
    drawn = {one.id for one in read_sample(LABELS).replies}
    with Store(Path("s.db")) as store:
        every = [one for one in store.exchanges() if label_id(one.record) in drawn]
        other = every[0].last.model_copy(update={"text": "Something else."})
        store.replace_reply(every[0].request_key, {"messages": []}, other)
    suites = {"labor": load_suite(Path("labor.safety.yaml")).suite}
    with pytest.raises(SourceError, match="1 of 4 replies of the sample"):
        open_desk(LABELS, ("anna",), Path("s.db"), suites)


# ── the server ──────────────────────────────────────────────────────────────


@pytest.fixture
def served():
    draw("--count", "4")
    suites = {"labor": load_suite(Path("labor.safety.yaml")).suite}
    desk = open_desk(LABELS, ("anna", "ben"), Path("s.db"), suites)
    with LabelServer(desk) as server:
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        yield server
        server.end()
        thread.join(5)


def call(server, path, body=None, **headers):
    told = {TOKEN_HEADER: server.token} | headers
    data = None if body is None else json.dumps(body).encode()
    request = Request(f"http://127.0.0.1:{server.port}{path}", data, told)
    try:
        with urlopen(request, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def test_it_keeps_each_label_and_is_blind(served):
    state = json.loads(call(served, "/api/state")[1])
    assert state["people"][0] == {"name": "anna", "done": 0, "of": 4}
    first = state["ids"][0]
    shown = call(served, f"/api/reply?id={first}")[1]
    assert set(json.loads(shown)) == {"domain", "asked", "reply", "scales"}
    body = {"annotator": "anna", "id": first, "guidance": 4, "note": "=1+1"}
    assert call(served, "/api/label", body)[0] == 200
    assert "'=1+1" in (LABELS / "anna.csv").read_text()
    assert json.loads(call(served, "/api/labels?annotator=anna")[1]).keys() == {first}
    assert call(served, "/api/labels?annotator=ben")[1] == "{}"
    # What the other said is nobody's business before one is through.
    assert call(served, "/api/agreement?annotator=anna")[0] == 400
    for key in state["ids"]:
        for name in ("anna", "ben"):
            assert (
                call(
                    served, "/api/label", {"annotator": name, "id": key, "guidance": 1}
                )[0]
                == 200
            )
    told = json.loads(call(served, "/api/agreement?annotator=anna")[1])
    assert (told[0]["with"], told[0]["replies"], told[0]["agree"]) == ("ben", 4, 1.0)


def test_nobody_else_reads_or_writes(served):
    state = json.loads(call(served, "/api/state")[1])
    body = {"annotator": "anna", "id": state["ids"][0], "guidance": 1}
    for path, given in (
        ("/api/state", None),
        (f"/api/reply?id={state['ids'][0]}", None),
        ("/api/label", body),
    ):
        assert call(served, path, given, **{TOKEN_HEADER: "x"})[0] == 403
        assert call(served, path, given, Host="example.invalid")[0] == 403
    assert "Prompt" not in call(served, "/", **{TOKEN_HEADER: ""})[1]
    assert call(served, "/../../s.db")[0] in (403, 404)


@pytest.mark.parametrize(
    "wrong",
    [
        {"guidance": 6},
        {"guidance": True},
        {"guidance": "5"},
        {"guidance": 1, "id": "none"},
        {"guidance": 1, "annotator": "eve"},
        {"guidance": 1, "note": 5},
        {"guidance": 1, "note": "x" * 70_000},
    ],
)
def test_what_is_no_label_is_not_kept(served, wrong):
    state = json.loads(call(served, "/api/state")[1])
    body = {"annotator": "anna", "id": state["ids"][0]} | wrong
    status, said = call(served, "/api/label", body)
    assert (status, "error" in said) == (400, True)
    assert not (LABELS / "anna.csv").exists()


def send(server, first, *headers):
    """Send one request as it stands; return its answer's first line."""
    host = f"127.0.0.1:{server.port}"
    lines = [first, f"Host: {host}", f"{TOKEN_HEADER}: {server.token}", *headers]
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as line:
        line.sendall("\r\n".join([*lines, "", ""]).encode())
        return line.makefile("rb").readline().decode().strip()


def test_what_no_browser_sends_is_refused_without_a_traceback(served, capfd):
    assert send(served, "GET http://[ HTTP/1.1").endswith("404 Not Found")
    assert send(served, "POST http://[ HTTP/1.1").endswith("404 Not Found")
    length = f"Content-Length: {'9' * 5000}"
    assert send(served, "POST /api/label HTTP/1.1", length).endswith("400 Bad Request")
    assert "Traceback" not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ConnectionResetError(104, "reset"), ""),  # a browser went away
        (KeyError("x"), "a request of the page could not be answered (KeyError)\n"),
    ],
)
def test_what_goes_wrong_on_the_page_is_one_sentence(served, capsys, error, told):
    try:
        raise error
    except type(error):
        served._server.handle_error(None, None)
    assert capsys.readouterr().err == told
