"""What is written at the end of a run: one table, one way to write a file.

Every file is written whole or not at all, and whatever goes wrong is one
sentence: the run is over and paid for, so no file may take the others along.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from pytest_domainsafety.errors import ConfigError, DomainSafetyError
from pytest_domainsafety.types import Record, Results

if TYPE_CHECKING:
    from pytest_domainsafety.reporting.html.trend import TrendPoint


@dataclass(frozen=True, slots=True)
class Material:
    """All that a report may be drawn from.

    Attributes:
        results: What the run came to.
        records: The rows behind them, without any text.
        store: Where prompts and replies are, for reports that may show them.
        show_text: Whether the user asked for prompts and replies
            (``--safety-show-text``).
        folder: Where the suite files' paths start, seen from the repository's root.
        trend: One point a domain and run, oldest first, of this run and earlier ones.
    """

    results: Results
    records: Sequence[Record] = ()
    store: Path | None = None
    show_text: bool = False
    folder: str = ""
    trend: Sequence[TrendPoint] = ()


class Format(NamedTuple):
    """One file that a run can write.

    Attributes:
        option: The option that names its path, without dashes.
        field: Its field of the run's configuration.
        render: Draws it; imports what it needs when it is called.
    """

    option: str
    field: str
    render: Callable[[Material], str]


def _json(material: Material) -> str:
    from pytest_domainsafety.reporting.escape import json_text

    # Not dumped for JSON: that stops at a lone surrogate, which `json_text` mends.
    return json_text(material.results.model_dump(by_alias=True)) + "\n"


def _html(material: Material) -> str:
    from pytest_domainsafety.reporting.html import render_html

    if not material.show_text or material.store is None:
        return render_html(material.results, trend=material.trend)
    from pytest_domainsafety.store import Store

    with Store(material.store, create=False) as store:
        texts = store.exchanges(material.results.run.get("run"))
        return render_html(material.results, texts=texts, trend=material.trend)


def _junit(material: Material) -> str:
    from pytest_domainsafety.reporting.junit import junit_xml

    return junit_xml(material.results, material.records)


def _markdown(material: Material) -> str:
    from pytest_domainsafety.reporting.markdown import markdown_summary

    return markdown_summary(material.results)


def _code_quality(material: Material) -> str:
    from pytest_domainsafety.reporting.ci import code_quality

    return code_quality(material.results, material.folder)


FORMATS: tuple[Format, ...] = (
    Format("safety-json", "json", _json),
    Format("safety-html", "html", _html),
    Format("safety-junit", "junit", _junit),
    Format("safety-markdown", "markdown", _markdown),
    Format("safety-codequality", "codequality", _code_quality),
)
"""Every file, in the order in which they are written."""


def write_files(paths: Mapping[str, Path], material: Material) -> list[str]:
    """Write all files that were asked for.

    Args:
        paths: By option, without dashes.
        material: What to draw.

    Returns:
        A sentence for each file that could not be written.
    """
    trouble = []
    for form in FORMATS:
        if form.option in paths:
            try:
                write_file(paths[form.option], form.render(material))
            except (DomainSafetyError, OSError) as error:
                trouble.append(_sentence(f"--{form.option}", paths[form.option], error))
    return trouble


def _sentence(option: str, path: Path, error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{option} {path}: could not be written: {error.strerror or error}"
    return f"{option} {path}: could not be written: {error}"


def write_file(path: Path, text: str) -> None:
    """Write a text file whole or not at all; its folder is made if need be.

    What is no plain file (``/dev/stdout``, a pipe) is written to directly.

    Raises:
        OSError: It can't be written; an older file is as it was.
    """
    write_bytes(path, text.encode("utf-8", "replace"))


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file as :func:`write_file` does, of any content.

    Raises:
        OSError: It can't be written; an older file is as it was.
    """
    with replacing(path) as file:
        file.write(data)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file that takes an older one's place once it is whole.

    Raises:
        OSError: It can't be written; an older file is as it was.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder; name a file in it")
    if _is_stream(path):
        with path.open("ab") as file:
            yield file
        return
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    number, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            yield file
        os.chmod(name, _mode(path))
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _mode(path: Path) -> int:
    """Return the older file's permissions, or those of any new file."""
    with suppress(OSError):
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def check_paths(paths: Iterable[tuple[str, Path]]) -> None:
    """Find out before a long run what could not be written after it.

    Args:
        paths: Options, with their dashes, and what they were given.

    Raises:
        ConfigError: A path is a folder, or lies where nothing can be written.
    """
    taken: dict[Path, str] = {}
    for option, path in paths:
        problem = _problem(path)
        if problem:
            raise ConfigError(f"{option} {path}: {problem}")
        place = path.resolve()
        if place in taken and not _is_stream(path):
            raise ConfigError(
                f"{option} {path}: {taken[place]} writes this file already; name "
                "another one"
            )
        taken[place] = option


def _is_stream(path: Path) -> bool:
    """Whether it is a pipe or device; /dev/stdout may well be a plain file's name."""
    device = path.is_absolute() and path.parts[1:2] in (("dev",), ("proc",))
    return device or (path.exists() and not path.is_file())


def _problem(path: Path) -> str | None:
    if path.is_dir():
        return "is a folder; name a file in it"
    folder = next((one for one in path.resolve().parents if one.exists()), None)
    if folder is None or not folder.is_dir():
        return f"{folder} is no folder; name another path"
    if _is_stream(path):
        return None if path.exists() else "is no device that is here; name another path"
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"nothing can be written in the folder {folder}; name another path"
    return None
