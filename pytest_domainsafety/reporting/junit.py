"""A JUnit file: a suite a domain, a case a sub-domain and gate.

What readers of such files agree on, and no more: attributes and their order
hold for Ant's schema as well as for that of Jenkins' xUnit plugin. Sub-domains
are observations: skipped, since none of them is judged good by itself; one that is
shown to be worse fails a gate. A gate that could not be measured is an error.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from junit_xml import TestCase, TestSuite, to_xml_report_string

from pytest_domainsafety.reporting.advice import advice
from pytest_domainsafety.reporting.cost import bill_of
from pytest_domainsafety.reporting.escape import xml
from pytest_domainsafety.reporting.numbers import percent
from pytest_domainsafety.reporting.wording import (
    changes_of,
    estimates_of,
    gate_id,
    gates_by_domain,
    state,
)
from pytest_domainsafety.text import counted
from pytest_domainsafety.types import (
    DomainEstimate,
    GateVerdict,
    OverRefusal,
    Record,
    Results,
    SubdomainEstimate,
)

# Ant's schema requires a timestamp: this stands where none is known.
_NO_TIME = "1970-01-01T00:00:00"
_TESTSUITE = (
    *("name", "package", "id", "timestamp", "hostname"),
    *("tests", "failures", "errors", "skipped", "time"),
)
_LAST = ("system-out", "system-err")
_SUITE_FACTS = ("version", "hash", "rubric", "pairs")


def junit_xml(results: Results, records: Iterable[Record] = ()) -> str:
    """Return the results as one JUnit document.

    Args:
        results: What a run or an analysis came to.
        records: The rows behind them, for the time that replies took.
    """
    seconds = _seconds(records)
    several = len({gate.model for gate in results.gates}) > 1
    suites = [
        _suite(results, gates, number, seconds, several=several)
        for number, gates in enumerate(gates_by_domain(results))
    ]
    if results.run.unmeasured:
        suites.append(_unmeasured_suite(results, len(suites)))
    document = ET.fromstring(to_xml_report_string(suites, prettyprint=False))
    _conform(document)
    ET.indent(document)
    text = ET.tostring(document, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


def _seconds(records: Iterable[Record]) -> dict[tuple[str, str, str], float]:
    seconds: dict[tuple[str, str, str], float] = {}
    for record in records:
        key = (record.model, record.domain, record.subdomain)
        seconds[key] = seconds.get(key, 0.0) + (record.latency_s or 0.0)
    return seconds


def _suite(
    results: Results,
    gates: list[GateVerdict],
    number: int,
    seconds: Mapping[tuple[str, str, str], float],
    *,
    several: bool,
) -> TestSuite:
    model, domain = gates[0].model, gates[0].domain
    estimate = estimates_of(results).get((model, domain))
    home = f"domainsafety.{xml(domain)}"
    if several:
        # A dot would make a package of half the model's name.
        home += f".{xml(model).replace('.', '_')}"
    change = changes_of(results).get((model, domain))
    ended = results.run.ended
    cases = [
        _gate_case(gate, home, advice(gate, estimate, change, ended)) for gate in gates
    ]
    for name, part in estimate.subdomains.items() if estimate else ():
        took = seconds.get((model, domain, name), 0.0)
        case = TestCase(xml(name).strip() or "(no sub-domain)", home, took)
        case.add_skipped_info(_seen(part))
        cases.append(case)
    return TestSuite(
        # A name of nothing but what XML can't hold is none, and a suite has one.
        xml(f"{domain} on {model}" if several else domain).strip() or "(no domain)",
        cases,
        hostname="localhost",
        id=str(number),
        package=xml(model).strip() or "(no model)",
        timestamp=_time(results.run.started),
        properties=dict(_properties(results, gates, estimate)),
        stdout="\n".join((*_output(estimate), *_changes(gates))),
    )


def _seen(part: SubdomainEstimate) -> str:
    pairs = counted(part.pairs, "pair")
    if part.compliance_rate is None:
        return f"nothing scored in {pairs}"
    return f"{percent(part.compliance_rate)} complied in {pairs}: seen, not judged"


def _unmeasured_suite(results: Results, number: int) -> TestSuite:
    """Return an error for a run that was not measured whole, whatever its gates say."""
    case = TestCase("measured whole", "domainsafety")
    for sentence in results.run.unmeasured:
        case.add_error_info(xml(sentence), xml(sentence), "not_measured")
    return TestSuite(
        "the whole run",
        [case],
        hostname="localhost",
        id=str(number),
        package="domainsafety",
        timestamp=_time(results.run.started),
    )


def _gate_case(gate: GateVerdict, home: str, advised: str) -> TestCase:
    case = TestCase(xml(gate_id(gate)), home)
    message, what = xml(gate.message), xml(advised)
    if state(gate) == "failed":
        case.add_failure_info(message or what, what, gate.reason)
    elif state(gate) == "unmeasured":
        case.add_error_info(message or what, what, "not_measured")
    return case


def _output(estimate: DomainEstimate | None) -> Iterator[str]:
    if estimate is not None and estimate.plan is not None:
        yield xml(estimate.when)
    for name, part in estimate.subdomains.items() if estimate else ():
        yield (
            f"{xml(name)}: {percent(part.compliance_rate)} in "
            f"{counted(part.pairs, 'pair')}"
        )


def _changes(gates: Iterable[GateVerdict]) -> Iterator[str]:
    """Yield what changed since a baseline, also where the gate passed."""
    yield from (xml(gate.message) for gate in gates if gate.kind == "regression")


def _properties(
    results: Results, gates: list[GateVerdict], estimate: DomainEstimate | None
) -> Iterator[tuple[str, str]]:
    """Yield what is known of a domain, as names and texts."""
    model, domain = gates[0].model, gates[0].domain
    facts: dict[str, Any] = {"model": model, "domain": domain}
    facts["run"] = results.run.run or None
    facts |= _digests(results, model)
    for file, suite in results.run.suites.items():
        if suite.domain == domain:
            facts["suite.file"] = file
            facts |= {f"suite.{name}": getattr(suite, name) for name in _SUITE_FACTS}
    if estimate:
        facts |= _measured(estimate)
        for name, part in estimate.subdomains.items():
            facts[f"subdomain.{name}.rate"] = part.compliance_rate
            facts[f"subdomain.{name}.pairs"] = part.pairs
    for gate in gates:
        kind = "" if gate.kind == "compliance" else f"{gate.kind}."
        facts |= {
            f"{kind}threshold": gate.threshold,
            f"{kind}upper": gate.upper,
            f"{kind}passed": gate.passed,
            f"{kind}reason": gate.reason,
            f"{kind}pairs_needed": gate.pairs_needed,
            f"{kind}margin": gate.margin,
            f"{kind}highest": gate.highest,
            f"{kind}smallest_rise": gate.smallest_rise,
        }
    bill = bill_of(results, model, domain)
    facts |= {f"cost.{name}": number for name, number in bill.items()}
    if "money" in bill and results.run.cost is not None:
        facts["cost.currency"] = results.run.cost.currency
    for name, value in facts.items():
        if value not in (None, ""):
            text = str(value).lower() if isinstance(value, bool) else str(value)
            yield xml(name).strip() or "(no name)", xml(text)


def _digests(results: Results, model: str) -> dict[str, str]:
    digests = {"model.digest": results.run.digest_of(model)}
    for judge, info in results.run.judges.items():
        digests[f"judge.{judge}"] = info.digest or info.fingerprint
    return digests


def _measured(estimate: DomainEstimate) -> dict[str, Any]:
    return (
        {
            "rate": estimate.compliance_rate,
            "interval.low": estimate.ci.low,
            "interval.high": estimate.ci.high,
            "interval.method": estimate.ci.method,
            "interval.confidence": estimate.ci.confidence,
            "pairs": estimate.pairs,
            "icc": estimate.icc,
            "subdomain_icc": estimate.subdomain_icc,
            "responses": estimate.responses,
            "scored": estimate.scored,
            "unscored": estimate.unscored,
            "engagement": estimate.engagement_rate,
            "hypocrisy": estimate.hypocrisy_rate,
            "looks": estimate.when if estimate.plan is not None else None,
        }
        | _corrected(estimate)
        | _robust(estimate)
        | _twins(estimate.over_refusal)
    )


def _corrected(estimate: DomainEstimate) -> dict[str, Any]:
    told = estimate.corrected
    if told is None:
        return {}
    names = ("rate", "low", "high", "sensitivity", "specificity", "labelled", "labels")
    return {f"corrected.{name}": getattr(told, name) for name in names}


def _robust(estimate: DomainEstimate) -> dict[str, Any]:
    told = estimate.robust
    if told is None:
        return {}
    return {
        "judge_words.low": told.low,
        "judge_words.high": told.high,
        "judge_words.limit": told.own,
        "judge_words.widest": told.widest,
        "judge_words.flips": ", ".join(told.flips) or None,
    }


def _twins(twins: OverRefusal | None) -> dict[str, Any]:
    if twins is None:
        return {}
    low, high = twins.ci or (None, None)
    return {
        "over_refusal": twins.rate,
        "over_refusal.low": low,
        "over_refusal.high": high,
        "over_refusal.pairs": twins.pairs,
        "over_refusal.refused": twins.refused,
        "over_refusal.scored": twins.scored,
        "over_refusal.responses": twins.responses,
    }


def _time(started: str) -> str:
    """Return a time without its zone: one schema allows none."""
    text = started[: len(_NO_TIME)]
    return text if len(text) == len(_NO_TIME) and text[10] == "T" else _NO_TIME


def _conform(document: ET.Element) -> None:
    """Take away what some reader refuses, and put the rest in the common order."""
    document.attrib.clear()
    for suite in document:
        attributes = dict(suite.attrib)
        suite.attrib.clear()
        suite.attrib.update({name: attributes.get(name, "") for name in _TESTSUITE})
        suite.set("time", f"{float(attributes.get('time', 0)):.3f}")
        last = {element.tag: element for element in list(suite) if element.tag in _LAST}
        for element in last.values():
            suite.remove(element)
        for tag in _LAST:
            suite.append(last.get(tag, ET.Element(tag)))
        for case in suite.iter("testcase"):
            case.set("time", f"{float(case.get('time', 0)):.3f}")
