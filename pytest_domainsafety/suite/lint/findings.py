"""A finding of the checks, and the line at which it stands."""

from __future__ import annotations

from typing import Literal

from yaml.nodes import Node

from pytest_domainsafety.errors import SuiteProblem
from pytest_domainsafety.suite import LoadedSuite
from pytest_domainsafety.suite.problems import line_at
from pytest_domainsafety.suite.reading import read_document

Severity = Literal["error", "warning"]


class Findings:
    """Collects what the checks find in one suite file.

    The file is read a second time, for lines, only once something is found.

    Attributes:
        planned: Whether a plan stands beside the file.
    """

    def __init__(
        self, loaded: LoadedSuite, *, strict: bool = False, planned: bool = False
    ) -> None:
        """Start with none.

        Args:
            loaded: The file.
            strict: Whether matters of taste are errors.
            planned: Whether a plan stands beside it.
        """
        self.loaded = loaded
        self.planned = planned
        self._strict = strict
        self.problems: list[SuiteProblem] = []
        self._root: Node | None = None

    def taste(self, message: str, place: int | None = None, *field: str) -> None:
        """Note a matter of taste.

        Args:
            message: What was found and what was expected.
            place: 0-based place of the scenario; None for the suite itself.
            field: Keys from there to the field.
        """
        self._note(message, place, field, "error" if self._strict else "warning")

    def rule(self, message: str, place: int | None = None, *field: str) -> None:
        """Note what breaks a design: for a suite without a plan it is advice."""
        hard = self._strict and self.planned
        self._note(message, place, field, "error" if hard else "warning")

    def hint(self, message: str, place: int | None = None, *field: str) -> None:
        """Note what a lexicon thinks: a reason to look, and never an error."""
        self._note(message, place, field, "warning")

    def broken(self, message: str, place: int | None = None, *field: str) -> None:
        """Note something that makes the numbers wrong."""
        self._note(message, place, field, "error")

    def _note(
        self,
        message: str,
        place: int | None,
        field: tuple[str, ...],
        severity: Severity,
    ) -> None:
        start = () if place is None else ("scenarios", place)
        pair = None if place is None else self.loaded.suite.scenarios[place].id
        problem = SuiteProblem(
            self.loaded.display,
            self._line((*start, *field)),
            message,
            scenario=pair,
            field=".".join(field) or None,
            severity=severity,
        )
        self.problems.append(problem)

    def _line(self, path: tuple[str | int, ...]) -> int:
        if self._root is None:
            self._root = read_document(self.loaded.path, self.loaded.display).root
        return line_at(self._root, path)
