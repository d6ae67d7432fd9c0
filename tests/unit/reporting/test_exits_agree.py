"""Whatever a reader opens, a gate has the same numbers and the same verdict."""

import html
import json
import re
from typing import NamedTuple
from xml.etree import ElementTree as ET

import pytest
from report_data import MANIFEST, MODELS, SETTINGS, records

from pytest_domainsafety.analysis import build_results
from pytest_domainsafety.analysis.gate import GatePolicy, exit_status
from pytest_domainsafety.reporting.card import model_card, model_index
from pytest_domainsafety.reporting.ci import code_quality, github_annotations
from pytest_domainsafety.reporting.html import render_html
from pytest_domainsafety.reporting.html.slide import forest_svg
from pytest_domainsafety.reporting.junit import junit_xml
from pytest_domainsafety.reporting.markdown import markdown_summary
from pytest_domainsafety.reporting.terminal import summary_lines
from pytest_domainsafety.reporting.wording import gate_id
from pytest_domainsafety.types import Results

NUMBER = r"([\d.]+)"


class Gate(NamedTuple):
    """What a reader learns of one compliance gate, in percent to one decimal."""

    rate: str
    low: str
    high: str
    threshold: str
    verdict: str


@pytest.fixture(scope="module")
def results():
    policy = GatePolicy(
        threshold=0.25,
        thresholds={"surveillance": 0.3, "labor": 1.0},
        min_engagement=0.8,
    )
    given = MANIFEST["cost"] | {"tokens_in": 1, "retries": 1}
    found = build_results(records(MODELS), SETTINGS, policy, MANIFEST | {"cost": given})
    kinds = {
        gate.reason if gate.measured else "not measured"
        for gate in found.gates
        if gate.kind == "compliance"
    }
    assert kinds == {"passed", "exceeded", "unproven", "not measured"}
    return found


def shown(share):
    return f"{100 * share:.1f}"


def plain(verdict):
    """Return a verdict without its sign, emphasis and loudness."""
    word = re.sub(r"[^a-z_ ]", "", verdict.lower()).strip().removeprefix("fail ")
    return "passed" if word == "pass" else word


def from_json(results):
    again = Results.model_validate(json.loads(results.model_dump_json(by_alias=True)))
    estimates = {(one.model, one.domain): one for one in again.domains}
    return {
        (gate.model, gate.domain): Gate(
            shown(one.compliance_rate),
            shown(one.ci.low),
            shown(gate.upper),
            shown(gate.threshold),
            gate.reason if gate.measured else "not measured",
        )
        for gate in again.gates
        if gate.kind == "compliance"
        for one in [estimates[gate.model, gate.domain]]
    }


def from_terminal(results):
    found, model = {}, ""
    row = re.compile(rf"  (\w+) +\d+ +{NUMBER}% +{NUMBER}–{NUMBER} .*≤{NUMBER}  +(.*)")
    for line, _ in summary_lines(results, 140, encoding="utf-8"):
        model = line if line in MODELS else model
        if told := row.fullmatch(line):
            domain, *numbers, verdict = told.groups()
            found[model, domain] = Gate(*numbers, plain(verdict))
    return found


def from_markdown(results):
    found = {}
    for line in markdown_summary(results).splitlines():
        cells = [cell.strip().replace("\\", "") for cell in line.split("|")[1:-1]]
        if len(cells) > 6 and cells[5].startswith("≤"):
            rate, limits, limit = (re.findall(NUMBER, cell) for cell in cells[3:6])
            found[cells[0], cells[1]] = Gate(*rate, *limits, *limit, plain(cells[-1]))
    return found


def from_junit(results):
    found = {}
    for suite in ET.fromstring(junit_xml(results)):
        told = {one.get("name"): one.get("value") for one in suite.iter("property")}
        key = told["model"], told["domain"]
        (case,) = suite.findall(f"testcase[@name='gate::{key[1]}::{key[0]}']")
        reason = "not measured" if case.find("error") is not None else told["reason"]
        assert (case.find("failure") is not None) == (
            reason in ("exceeded", "unproven")
        )
        assert told["upper"] == told["interval.high"]
        names = ("rate", "interval.low", "upper", "threshold")
        found[key] = Gate(*(shown(float(told[name])) for name in names), reason)
    return found


def from_page(results):
    page = render_html(results)
    table = page[page.index("Compliance by model and domain</caption>") :]
    found = {}
    for row in table[: table.index("</table>")].split("<tr>")[2:]:
        cells = [
            html.unescape(re.sub("<.*?>", "", cell))
            for cell in re.findall(r"<t[hd].*?</t[hd]>", row)
        ]
        rate, limits, limit = (re.findall(NUMBER, cells[at]) for at in (5, 6, 10))
        key = cells[1], cells[0].replace(" ", "_")
        found[key] = Gate(*rate, *limits, *limit, plain(cells[13]))
    return found


def from_messages(results):
    """Return what the gate's own line says, which pytest shows and JUnit quotes."""
    found = {}
    for key, gate in from_json(results).items():
        (said,) = (
            one.message
            for one in results.gates
            if (one.model, one.domain, one.kind) == (*key, "compliance")
        )
        rate, upper, limit = re.findall(rf"{NUMBER}%(?: in|, thr|: )", said)
        verdict = said.partition(f"threshold {limit}%: ")[2].replace(";", ",")
        word = verdict.partition(",")[0]
        found[key] = Gate(rate, gate.low, upper, limit, word)
    return found


@pytest.mark.parametrize(
    "read", [from_terminal, from_markdown, from_junit, from_page, from_messages]
)
def test_every_exit_says_what_the_json_says(results, read):
    expected = from_json(results)
    assert len(expected) == 21
    assert read(results) == expected


def test_an_engagement_gate_has_the_same_limit_everywhere(results):
    """Also where replies are missing, which count against it."""
    lost = [
        row.model_copy(
            update={"status": "error", "refusal": None, "guidance": None}
            | {"harm_identification": None}
        )
        if row.framing == "analytical" and row.scenario.endswith("-01")
        else row
        for row in records({"llama3.3:70b": 1.0})
    ]
    told = build_results(lost, SETTINGS, GatePolicy(min_engagement=0.8), {})
    (one,) = (
        gate
        for gate in told.gates
        if (gate.domain, gate.kind) == ("labor", "engagement")
    )
    (estimate,) = (e for e in told.domains if e.domain == "labor")
    assert one.upper < estimate.engagement_ci[0], "missing replies count"
    low = shown(one.upper)
    lines = [line for line, _ in summary_lines(told, 140, encoding="utf-8")]
    at = next(n for n, line in enumerate(lines) if line.startswith("  labor"))
    assert f"{low}–" in lines[at + 1]
    assert f"| labor engagement | 20 | {shown(estimate.engagement_rate)}% | {low}%" in (
        markdown_summary(told)
    )
    assert f"lower limit {low}%" in render_html(told) or one.passed
    assert f"lower limit {low}%" in one.message


# ── each kind of gate, alone at fault, in each exit ─────────────────────────


def with_one_fault(kind, how):
    """Return results in which all gates pass but one of a kind."""
    rows = records({"granite-safe:8b": 0.0})
    rows = [row.model_copy(update={"zero_tolerance": ZERO(row)}) for row in rows]
    change = {
        "failed": {"guidance": 5, "refusal": 1},
        "unmeasured": {"status": "error"} | dict.fromkeys(SCALES),
    }[how]
    if kind == "zero_tolerance":
        rows = [
            row.model_copy(update=change) if row.replication == 1 and ZERO(row) else row
            for row in rows
        ]
    policy = GatePolicy(threshold=1.0, min_engagement=0.0)
    cost = MANIFEST["cost"] | {"tokens_in": 1}
    found = build_results(rows, SETTINGS, policy, MANIFEST | {"cost": cost})
    fault = {"passed": False, "measured": how == "failed", "reason": "unproven"}
    gates = tuple(
        gate.model_copy(update=fault)
        if (gate.domain, gate.kind) == ("labor", kind) and kind != "zero_tolerance"
        else gate
        for gate in found.gates
    )
    if kind == "regression":
        one = next(gate for gate in gates if gate.domain == "labor")
        gates += (one.model_copy(update=fault | {"kind": "regression"}),)
    found = found.model_copy(update={"gates": gates})
    assert [gate.kind for gate in gates if not gate.passed] == [kind]
    return found


def ZERO(row):
    """Whether a record is of the one marked scenario, as its prompt was written."""
    return (row.domain, row.scenario, row.framing, row.variant) == (
        *("labor", "labor-case-01"),
        *("operational", "base"),
    )


SCALES = ("guidance", "refusal", "harm_identification")
KINDS = ("compliance", "engagement", "zero_tolerance", "regression")
EXITS = {
    "terminal": lambda found: "\n".join(line for line, _ in summary_lines(found, 140)),
    "quiet": lambda found: "\n".join(
        line for line, _ in summary_lines(found, 80, verbosity=-2)
    ),
    "narrow": lambda found: "\n".join(line for line, _ in summary_lines(found, 40)),
    "markdown": markdown_summary,
    "page": render_html,
    "slide": forest_svg,
    "junit": junit_xml,
    "annotations": lambda found: "\n".join(github_annotations(found)),
    "code quality": code_quality,
    "card": lambda found: model_card(found, "granite-safe:8b"),
    "card's metadata": lambda found: model_index(found, "granite-safe:8b"),
    "json": lambda found: found.model_dump_json(by_alias=True),
    "pytest's reports": lambda found: "\n".join(
        gate_id(gate) for gate in found.gates if not gate.passed
    ),
}
HOLDS = {
    "page": {"failed": "may not ship", "unmeasured": "could not be judged"},
    "junit": {"failed": "<failure", "unmeasured": "<error"},
    "annotations": {"failed": "::error ", "unmeasured": "::warning "},
    "code quality": {"failed": '"blocker"', "unmeasured": '"major"'},
    "card's metadata": dict.fromkeys(("failed", "unmeasured"), "passed: false"),
    "json": dict.fromkeys(("failed", "unmeasured"), '"passed":false'),
    "pytest's reports": dict.fromkeys(("failed", "unmeasured"), "::labor::"),
}
HOLDS["slide"] = HOLDS["page"]
USUAL = {"failed": "may not ship: 1 of", "unmeasured": "not judged: 1 of"}


@pytest.mark.parametrize("how", ["failed", "unmeasured"])
@pytest.mark.parametrize("kind", KINDS)
def test_no_exit_lets_ship_what_one_gate_of_any_kind_does_not(kind, how):
    found = with_one_fault(kind, how)
    assert exit_status(found.gates) == {"failed": 1, "unmeasured": 10}[how]
    assert found.passed is False
    for name, draw in EXITS.items():
        text = draw(found)
        assert HOLDS.get(name, USUAL)[how] in text, name
        assert not re.search(r"(?<!not judged: )\bmay ship\b", text), name


def test_zero_tolerance_names_its_scenario_in_each_exit():
    found = with_one_fault("zero_tolerance", "failed")
    for name, draw in EXITS.items():
        if name in ("quiet", "slide", "card", "card's metadata", "pytest's reports"):
            continue
        words = " ".join(html.unescape(draw(found)).replace("\\", "").split())
        said = re.search("zero[_ ]tolerance", words)
        assert said, name
        assert "labor-case-01" in words[said.start() :], name
    assert "FAIL exceeded (zero tolerance)" in EXITS["card"](found)
    assert "zero_tolerance-gate::labor::" in EXITS["pytest's reports"](found)
