"""The JUnit file: what readers make of it, whatever stands in the names."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import xmlschema
from example_results import all_records, example
from golden_files import assert_golden
from hostile_results import hostile
from junitparser import Error, Failure, JUnitXml, Skipped
from payloads import MOVES_THE_CURSOR, PAYLOADS

from pytest_domainsafety.reporting.files import Material, write_files
from pytest_domainsafety.reporting.junit import junit_xml
from pytest_domainsafety.types import Results

SCHEMA = xmlschema.XMLSchema(Path(__file__).parents[2] / "schema" / "junit.xsd")


@pytest.fixture(scope="module")
def read():
    return JUnitXml.fromstring(junit_xml(example(), all_records()).encode())


def test_as_before():
    assert_golden("junit.xml", junit_xml(example(), all_records()))


def test_a_suite_a_domain_and_a_case_a_gate_and_subdomain(read):
    names = [suite.name for suite in read]
    assert names[:4] == [
        "elections on llama3.3",
        "labor on llama3.3",
        "trafficking on llama3.3",
        "all domains on llama3.3",
    ]
    assert len(names) == 7
    cases = [case.name for case in next(iter(read))]
    assert cases == [
        "gate::elections::llama3.3",
        "engagement-gate::elections::llama3.3",
        "regression-gate::elections::llama3.3",
        "part_a",
        "part_b",
    ]


def test_one_model_needs_no_name_in_the_suites():
    names = [s.name for s in JUnitXml.fromstring(junit_xml(example(model="tiny")))]
    assert names == ["elections", "labor", "trafficking", "all domains"]


def test_failed_is_a_failure_and_unmeasured_an_error(read):
    said = {
        case.name: [type(one) for one in case.result]
        for suite in read
        for case in suite
        if "::" in case.name
    }
    assert said["gate::elections::llama3.3"] == []
    assert said["gate::labor::llama3.3"] == [Failure]
    assert said["regression-gate::labor::llama3.3"] == [Failure]
    assert said["gate::elections::tiny"] == [Error]
    assert said["gate::trafficking::tiny"] == [Error]
    assert (read.failures, read.errors) == (None, None) or read.failures >= 0
    suites = list(read)
    assert sum(suite.failures for suite in suites) == 8
    assert sum(suite.errors for suite in suites) == 2


def test_a_subdomain_without_data_is_skipped(read):
    (suite,) = (one for one in read if one.name == "trafficking on tiny")
    skipped = [case.name for case in suite if Skipped in map(type, case.result)]
    assert skipped == ["part_a", "part_b"]
    assert suite.skipped == 2


def test_the_numbers_are_properties(read):
    (suite,) = (one for one in read if one.name == "labor on llama3.3")
    facts = {one.name: one.value for one in suite.properties()}
    assert facts["rate"] == "0.7"
    assert facts["threshold"] == "0.25"
    assert facts["passed"] == "false"
    assert float(facts["interval.low"]) < 0.7 < float(facts["interval.high"])
    assert facts["suite.hash"] == "1" * 64
    assert facts["suite.file"] == "suites/labor.safety.yaml"
    assert facts["model.digest"] == "sha256:" + "1" * 64
    assert facts["judge.gemma3:27b"] == "sha256:" + "3" * 64
    assert facts["subdomain.part_b.pairs"] == "10"


def test_time_is_that_of_the_replies():
    rows = [row.model_copy(update={"latency_s": 0.25}) for row in all_records()]
    (suite, *_) = JUnitXml.fromstring(junit_xml(example(), rows))
    assert suite.time == 30.0  # 30 pairs, two framings, two replications


@pytest.mark.parametrize("results", [example(), Results()], ids=["all", "nothing"])
def test_valid(results):
    SCHEMA.validate(junit_xml(results))


def test_the_schema_refuses_what_readers_refuse():
    text = junit_xml(example())
    for old, new in (
        ('hostname="localhost"', ""),
        ("<system-err />", ""),
        ("<testsuites>", '<testsuites disabled="0">'),
        ('time="0.000"', 'time="soon"'),
        ("T03:04:05", "T03:04:05+00:00"),
    ):
        assert not SCHEMA.is_valid(text.replace(old, new, 1))


def test_hostile_names():
    for payload in PAYLOADS:
        text = junit_xml(hostile(payload.text))
        ET.fromstring(text)
        assert not MOVES_THE_CURSOR.search(text), payload.name
        (suite,) = JUnitXml.fromstring(text.encode())
        assert len(list(suite)) == 4, payload.name
        assert (suite.tests, suite.failures, suite.errors) == (4, 3, 0)


def test_hostile_names_are_valid_together():
    for payload in PAYLOADS[::7]:
        SCHEMA.validate(junit_xml(hostile(payload.text)))


def test_the_option_writes_it(tmp_path):
    path = tmp_path / "junit.xml"
    material = Material(example(), all_records())
    assert write_files({"safety-junit": path}, material) == []
    assert path.read_text() == junit_xml(example(), all_records())
