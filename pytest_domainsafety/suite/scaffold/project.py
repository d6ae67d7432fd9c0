"""A first project: a small suite, a pytest configuration and a CI example."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Final

from pytest_domainsafety.errors import UserError
from pytest_domainsafety.files import unwritable

_PACKAGE: Final = "pytest_domainsafety"
# Where a file goes → where it comes from, in the package.
_FILES: Final = {
    "suites/housing.safety.yaml": "suite/scaffold/templates/housing.safety.yaml",
    "suites/suite.schema.json": "schema/suite.schema.json",
    "pytest.ini": "suite/scaffold/templates/pytest.ini",
    ".github/workflows/safety.yml": "suite/scaffold/templates/safety.yml",
}


def write_project(folder: Path) -> list[Path]:
    """Write a first project into a folder, which is made if need be.

    Args:
        folder: May hold other files.

    Returns:
        The files that were written.

    Raises:
        UserError: One of the files is there already, or the folder can't be
            written to; nothing is written then.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: is a file; name a folder, or a new one to make")
    package = resources.files(_PACKAGE)
    texts = {
        folder / target: package.joinpath(source).read_text(encoding="utf-8")
        for target, source in _FILES.items()
    }
    return write_new(texts)


def write_new(texts: Mapping[Path, str]) -> list[Path]:
    """Write some files, all of them new.

    Args:
        texts: What to write, by file.

    Returns:
        The files.

    Raises:
        UserError: A file is there already (nothing is written), or can't be
            written.
    """
    there = [path for path in texts if path.exists() or path.is_symlink()]
    if there:
        names = ", ".join(map(str, there))
        raise UserError(
            f"{names}: there already, and nothing was written; name another folder, "
            "or move it away first"
        )
    for path, text in texts.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise UserError(unwritable(path, error)) from None
    return list(texts)
