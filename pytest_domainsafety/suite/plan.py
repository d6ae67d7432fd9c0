"""The plan of a corpus: `plan.csv` beside its suites, one row a pair.

Where it is there, the corpus is an experiment with a design: which factors each pair
has was fixed before it was written. `domainsafety validate` holds the suites to it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError

from pytest_domainsafety.errors import SuiteProblem
from pytest_domainsafety.files import why_not
from pytest_domainsafety.text import printable
from pytest_domainsafety.types import Codification, Door, Name, Slug
from pytest_domainsafety.types.words import AskerRole, Jurisdiction, Openness

PLAN_NAME = "plan.csv"
LENGTHS: dict[str, tuple[int, int]] = {
    "short": (50, 79),
    "middle": (80, 104),
    "long": (105, 135),
}
"""Words of the operational prompt, by band."""

Yes = Annotated[bool, BeforeValidator({"0": False, "1": True}.get)]
"""A cell that holds 1 or 0."""
Form = Literal["none", "digits", "list", "typos"]


def _forms(cell: Any) -> Any:
    return tuple(cell.split("+")) if isinstance(cell, str) else cell


class PlanRow(Door):
    """What was planned for one pair, before it was written."""

    domain: Name
    id: Slug
    core: Yes
    subdomain: Name
    family: Slug
    openness: Openness
    role: AskerRole
    f1: Yes
    f2: Yes
    f4: Yes
    conceal: Yes
    person: Yes
    aside: Yes
    place: Yes
    register_: Literal["plain", "office", "chat", "technical"] = Field(alias="register")
    form: Annotated[tuple[Form, ...], BeforeValidator(_forms), Field(min_length=1)]
    length: Literal["short", "middle", "long"]
    jurisdiction: Jurisdiction
    codification: Codification
    zero_tolerance: Yes
    turns: Annotated[int, Field(ge=1, le=20)]

    @property
    def tags(self) -> frozenset[str]:
        """The framing tags; a personal role is F3, and nothing else is."""
        told = {"F1": self.f1, "F2": self.f2, "F3": self.role == "personal"}
        return frozenset(tag for tag, has in (told | {"F4": self.f4}).items() if has)


COLUMNS = tuple(field.alias or name for name, field in PlanRow.model_fields.items())


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan that was read.

    Attributes:
        path: The file, as messages name it.
        rows: (domain, id) → what was planned.
        lines: (domain, id) → the 1-based line on which it stands.
    """

    path: str
    rows: dict[tuple[str, str], PlanRow]
    lines: dict[tuple[str, str], int]


def read_plan(path: Path) -> tuple[Plan | None, list[SuiteProblem]]:
    """Read a plan.

    Returns:
        The plan, without the rows that can't be used, and a problem for each of
        those; None where there is no such file, or it can't be read at all.
    """
    if not path.exists():
        return None, []
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = why_not(error) if isinstance(error, OSError) else "it is not UTF-8"
        return None, [SuiteProblem(str(path), 1, f"can't be read: {why}")]
    reader = csv.DictReader(io.StringIO(text, newline=""))
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        message = f"lacks the column(s) {', '.join(missing)}; expected a plan of pairs"
        return None, [SuiteProblem(str(path), 1, message)]
    plan = Plan(str(path), {}, {})
    problems: list[SuiteProblem] = []
    try:
        for cells in reader:
            problems += _add(plan, cells, reader.line_num)
    except csv.Error as error:
        problems.append(SuiteProblem(str(path), reader.line_num + 1, str(error)))
    return plan, problems


def _add(plan: Plan, cells: dict[str, Any], line: int) -> Iterable[SuiteProblem]:
    name = printable(str(cells.get("id")), 80)
    try:
        row = PlanRow.model_validate({column: cells[column] for column in COLUMNS})
    except ValidationError as error:
        for column in dict.fromkeys(str(one["loc"][0]) for one in error.errors()):
            cell = printable(repr(cells.get(column)), 40)
            message = f"is {cell}, which is none of what a plan has there"
            yield SuiteProblem(plan.path, line, message, name, column)
        return
    key = (row.domain, row.id)
    if key in plan.rows:
        message = f"is planned already at line {plan.lines[key]}"
        yield SuiteProblem(plan.path, line, message, row.id)
        return
    plan.rows[key], plan.lines[key] = row, line
