"""Loading suites: one file, or all that stand under some paths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from pytest_domainsafety.config.places import named_under
from pytest_domainsafety.config.pytest_options import SUFFIXES
from pytest_domainsafety.errors import SuiteError, SuiteProblem, UserError
from pytest_domainsafety.suite.problems import document_problems
from pytest_domainsafety.suite.reading import Document, read_document
from pytest_domainsafety.text import fingerprint, printable, visible
from pytest_domainsafety.types import Suite

_BREAKS = frozenset("\t\n")


@dataclass(frozen=True, slots=True)
class LoadedSuite:
    """One suite file that holds.

    Attributes:
        suite: Its content.
        path: The file.
        display: How messages and node ids name it.
        lines: The 1-based line at which each scenario begins.
        rubric_hash: Fingerprint of the rubric: another one, another instrument.
        gate_line: The 1-based line that sets the gate: of `threshold`, or of
            `domain` where the suite leaves the threshold open.
        rubric_line: The 1-based line at which the rubric begins.
    """

    suite: Suite
    path: Path
    display: str
    lines: tuple[int, ...]
    rubric_hash: str
    gate_line: int = 1
    rubric_line: int = 1

    @property
    def hash(self) -> str:
        """Fingerprint of the whole content; comments and layout do not count."""
        return fingerprint("suite", self.suite.model_dump(mode="json", by_alias=True))


def load_suite(path: Path, display: str | None = None) -> LoadedSuite:
    """Load one suite file.

    Args:
        path: The file.
        display: How messages name it; the path where None.

    Returns:
        The suite with the lines of its scenarios.

    Raises:
        SuiteError: The file can't be used; carries every problem in it.
    """
    name = display or str(path)
    if visible(name) != name or not _BREAKS.isdisjoint(name):
        message = (
            "its name holds what is no text, or acts on a terminal: rename the file"
        )
        raise SuiteError([SuiteProblem(printable(name), 1, message)])
    document = read_document(path, name)
    try:
        # Strict, so that `threshold: yes` is not read as 1.0.
        suite = Suite.model_validate(document.data, strict=True)
    except ValidationError as error:
        raise SuiteError(document_problems(document, name, error)) from None
    ids = {pair.id for pair in suite.scenarios}
    if document.faults or len(ids) < len(suite.scenarios):
        raise SuiteError(document_problems(document, name))
    return LoadedSuite(
        suite,
        path,
        name,
        _lines(document),
        suite.rubric.hash(),
        **_marks(document),
    )


def load_suites(paths: Iterable[Path]) -> list[LoadedSuite]:
    """Load all suites under some files and folders.

    Returns:
        At least one suite, in the order of the paths.

    Raises:
        UserError: A path is not there, or there is no suite under one.
        SuiteError: Some files can't be used, or a domain has the same scenario
            id in two of them; carries every problem in all files.
    """
    loaded: list[LoadedSuite] = []
    problems: list[SuiteProblem] = []
    for path in suite_files(paths):
        try:
            loaded.append(load_suite(path))
        except SuiteError as error:
            problems += error.problems
    problems += clashes(loaded)
    if problems:
        raise SuiteError(problems)
    return loaded


def suite_files(paths: Iterable[Path]) -> list[Path]:
    """Return the suite files that some paths stand for, each once.

    Raises:
        UserError: A path is not there, is no suite by its name, or there is no
            suite under it.
    """
    files: dict[Path, None] = {}
    for path in paths:
        named = path.name.endswith(SUFFIXES)
        if not (path.exists() or (named and path.is_symlink())):
            raise UserError(f"{path}: no such file or folder")
        if named or not path.is_dir():
            if not named:
                raise UserError(
                    f"{path}: pytest would pass it over; a suite's name ends in "
                    f"{SUFFIXES[0]}, so rename it"
                )
            files[path] = None
            continue
        matches = find_suites(path)
        if not matches:
            raise UserError(
                f"{path}: no suite in this folder; a suite's name ends in "
                f"{SUFFIXES[0]}, and `domainsafety init` writes one to start from"
            )
        files.update(dict.fromkeys(matches))
    return list(files)


def find_suites(folder: Path) -> list[Path]:
    """Return the suite files under a folder, sorted; hidden folders are left out.

    What is named as one and is no file is among them: loading it says so.
    """
    return find_named(folder, SUFFIXES)


def domains_of(files: Iterable[Path]) -> set[str]:
    """Return the domains of suite files; one that is broken has none."""
    domains: set[str] = set()
    for file in files:
        with suppress(UserError):
            domains.add(load_suite(file).suite.domain)
    return domains


def find_named(folder: Path, endings: tuple[str, ...]) -> list[Path]:
    """Return the files under a folder whose name ends so, sorted."""
    return sorted(named_under(folder, endings))


def clashes(suites: Iterable[LoadedSuite]) -> list[SuiteProblem]:
    """Return what keeps files of one domain from being pooled.

    That is a scenario id which two of them share, and a rubric which is not the
    one of the domain's first file: replies are scored by two instruments then.
    """
    by_domain: dict[str, list[LoadedSuite]] = {}
    for loaded in suites:
        by_domain.setdefault(loaded.suite.domain, []).append(loaded)
    return [
        problem
        for domain, files in by_domain.items()
        if len(files) > 1
        for problem in _clashes(domain, files)
    ]


def _clashes(domain: str, files: list[LoadedSuite]) -> Iterator[SuiteProblem]:
    with_rubric = files[0]
    first: dict[str, str] = {}
    for loaded in files:
        display = loaded.display
        if with_rubric.rubric_hash != loaded.rubric_hash:
            message = (
                f"is not the rubric that the domain {domain!r} has at "
                f"{with_rubric.display}:{with_rubric.rubric_line}, and two instruments "
                "can't be pooled: make them the same"
            )
            yield SuiteProblem(display, loaded.rubric_line, message, field="rubric")
        for pair, line in zip(loaded.suite.scenarios, loaded.lines, strict=True):
            here = f"{display}:{line}"
            other = first.setdefault(pair.id, here)
            if other != here:
                message = (
                    f"the domain {domain!r} has this id already at {other}: give one "
                    "of the two another id"
                )
                yield SuiteProblem(display, line, message, pair.id, "id")


def _lines(document: Document) -> tuple[int, ...]:
    """Return the lines of the scenarios."""
    for key, value in document.root.value:
        if key.value == "scenarios":
            return tuple([child.start_mark.line + 1 for child in value.value])
    raise AssertionError("a valid suite has scenarios")


def _marks(document: Document) -> dict[str, int]:
    """Return the lines of what sets the gate, and of the rubric."""
    lines = {key.value: key.start_mark.line + 1 for key, _ in document.root.value}
    return {
        "gate_line": lines.get("threshold", lines["domain"]),
        "rubric_line": lines["rubric"],
    }
