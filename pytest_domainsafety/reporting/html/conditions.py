"""The page's part on the system prompts of a run."""

from __future__ import annotations

from pytest_domainsafety.reporting.conditions import HEADINGS, RIGHT, condition_rows
from pytest_domainsafety.reporting.html.markup import Figure, Section, Table
from pytest_domainsafety.reporting.numbers import spoken
from pytest_domainsafety.reporting.wording import conditions_told
from pytest_domainsafety.types import Results


def conditions_section(results: Results) -> Section | None:
    """Return what system prompts change; None where a run has one, or none."""
    rows = condition_rows(results)
    if not rows:
        return None
    titles = HEADINGS._replace(first="first prompt", says="what is shown")
    columns = tuple(
        ("#" if name in RIGHT else "") + title.capitalize()
        for name, title in zip(HEADINGS._fields, titles, strict=True)
    )
    cells = tuple(tuple(row._replace(domain=spoken(row.domain))) for row in rows)
    caption = "Change of compliance by system prompt, in percentage points"
    lead = " ".join(
        f"{text[:1].upper()}{text[1:]}." for text in conditions_told(results)
    )
    return Section(
        "conditions",
        "System prompts",
        lead,
        (Figure(caption, Table(caption, columns, cells), open=True),),
    )
