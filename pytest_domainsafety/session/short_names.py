"""`--model` and `--judge`: ours where no conftest and no other plugin has them.

A common name belongs to whoever had it first, and a plugin that takes it breaks the
test runs of other repositories. So the options are `--safety-model` and
`--safety-judge`, and the short names are no options at all: once every conftest of
the command line is loaded, they are written in full in the words that pytest is about
to read, unless somebody registered them.
"""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path

import pytest

from pytest_domainsafety.config.pytest_options import SHORT
from pytest_domainsafety.session.internals import option_names, parser_of

OURS = pytest.StashKey[Collection[str]]()
"""The short names that were read as ours on this command line."""

Words = Iterable[str | os.PathLike[str]]


def our_names(parser: pytest.Parser) -> frozenset[str]:
    """Return the short names that nobody else has until now."""
    return frozenset(SHORT.keys() - option_names(parser))


def spell_out(config: pytest.Config, parser: pytest.Parser, args: list[str]) -> None:
    """Write the short names that are ours in full, in the words themselves.

    That is how pytest wants a command line to be changed.
    """
    config.stash[OURS] = our_names(parser)
    args[:] = spelt_out(args, config.stash[OURS])


def find_paths(config: pytest.Config, parser: pytest.Parser, args: list[str]) -> None:
    """Tell pytest which words are paths, before it looks for conftests in them.

    It takes the value of an option that it does not know for a path, and with a path
    it looks into no `testpaths`. A value that is a path stays one: the option may be
    that of a conftest which lies there.
    """
    full = spelt_out(args, our_names(parser))
    with suppress(pytest.UsageError):  # as it may be with another's option
        known = parser.parse_known_args(full, namespace=copy.copy(config.option))
        here = config.invocation_params.dir
        before = config.known_args_namespace.file_or_dir
        config.known_args_namespace.file_or_dir = known.file_or_dir + [
            word
            for word in before
            if word not in known.file_or_dir and _exists(here / word.split("::")[0])
        ]


def spelt_out(args: Words, ours: Collection[str]) -> list[str]:
    """Return the words of a command line with the short names of ours in full."""
    words = [os.fspath(arg) for arg in args]
    end = words.index("--") if "--" in words else len(words)
    return _in_full(words[:end], ours) + words[end:]


_DEEPEST = 10
"""Argument files inside of each other; argparse itself says what goes on for ever."""


def _in_full(words: list[str], ours: Collection[str], depth: int = 0) -> list[str]:
    full = []
    for word in words:
        name, equals, value = word.partition("=")
        if name in ours:
            full.append(f"{SHORT[name]}{equals}{value}")
        elif word.startswith("@") and depth < _DEEPEST:
            inside = _argument_file(word[1:])
            spelt = _in_full(inside, ours, depth + 1)
            full += [word] if spelt == inside else spelt
        else:
            full.append(word)
    return full


def _argument_file(name: str) -> list[str]:
    """Return the words of an argument file, read as argparse does; it says if none."""
    encoding, errors = sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()
    with suppress(OSError, ValueError):
        return Path(name).read_text(encoding, errors).splitlines()
    return []


def _exists(path: Path) -> bool:
    with suppress(OSError, ValueError):
        return path.exists()
    return False


def missing_model(config: pytest.Config, suite: str) -> str:
    """Return why scenario pairs can't run without a model, and what to type."""
    ours = our_names(parser_of(config))
    model, judge = (short if short in ours else full for short, full in SHORT.items())
    others = [short for short in SHORT if short not in ours]
    theirs = (
        f" ({' and '.join(others)} here: of a conftest or another plugin)"
        if others
        else ""
    )
    return (
        f"{suite}: no model to test. Name one: pytest {model} llama3.3 (an Ollama "
        f"model), {model} openai:NAME, or {model} embedded:smollm2-135m {judge} "
        f"offline for a first try without any server{theirs}; to list the scenarios "
        "only, --collect-only"
    )
