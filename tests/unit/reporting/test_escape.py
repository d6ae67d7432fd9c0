"""Each escape, against every hostile text."""

from __future__ import annotations

import csv
import html
import io
import json
import xml.etree.ElementTree as ET
from functools import wraps

from payloads import MOVES_THE_CURSOR, PAYLOADS

from pytest_domainsafety.reporting import escape


def on_every_payload(check):
    """Make one test of a check: a test for each would cost more than it does."""

    @wraps(check)
    def test():
        for payload in PAYLOADS:
            try:
                check(payload.text)
            except Exception as error:
                error.add_note(f"payload {payload.name}")
                raise

    del test.__wrapped__  # pytest would ask for a fixture named text
    return test


@on_every_payload
def test_json_reads_back_and_is_quiet(text):
    written = escape.json_text({text: [text]})
    assert not MOVES_THE_CURSOR.search(written)
    expected = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert json.loads(written) == {expected: [expected]}
    written.encode("utf-8")


@on_every_payload
def test_a_cell_is_text(text):
    out = io.StringIO(newline="")
    csv.writer(out).writerow([escape.cell(text)[:100_000], "last"])
    (row,) = csv.reader(io.StringIO(out.getvalue(), newline=""))
    assert len(row) == 2
    assert not row[0].lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


@on_every_payload
def test_xml_holds_it(text):
    node = ET.Element("x", {"name": escape.xml(text)})
    node.text = escape.xml(text)
    back = ET.fromstring(ET.tostring(node, encoding="unicode"))
    assert back.text == (escape.xml(text) or None)
    assert back.get("name") == escape.xml(text)


@on_every_payload
def test_markdown_is_one_quiet_line_without_markup(text):
    line = escape.markdown(text)
    assert not MOVES_THE_CURSOR.search(line)
    assert "\n" not in line
    assert "<" not in line
    assert ">" not in line
    assert "://" not in line.replace("\\://", "")
    # Nothing is lost but the backslashes.
    assert html.unescape(line).replace("\\", "") == escape.xml(text).replace("\\", "")


@on_every_payload
def test_a_workflow_command_stays_one(text):
    said = f"::error title={escape.workflow(text, value=True)}::{escape.workflow(text)}"
    assert "\n" not in said
    assert not MOVES_THE_CURSOR.search(said)
    _, properties, _ = said.split("::", 2)
    assert "," not in properties
    assert properties.count(":") == 0
