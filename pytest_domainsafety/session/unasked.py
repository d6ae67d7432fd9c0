"""A run with a model and no scenario pair: was a measurement asked for, and where?"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from pytest_domainsafety.config.pytest_options import model_is_typed, only_shows
from pytest_domainsafety.session.expected import suites_under
from pytest_domainsafety.session.short_names import OURS
from pytest_domainsafety.suite import SUFFIXES
from pytest_domainsafety.text import counted, visible


@dataclass(frozen=True, slots=True)
class Unasked:
    """Why a run with a model has no scenario pair.

    Attributes:
        sentence: Says where was looked.
        demanded: Whether the user asked for a measurement, so that none is
            status 10, whatever other tests say.
    """

    sentence: str
    demanded: bool


def unasked(config: pytest.Config, collected: int) -> Unasked | None:
    """Return why no pair is there to be asked; None where none was to be.

    A model on the command line is an order. One in the ini file stands there for
    every run, of the unit tests too: it is an order only where suites lie under the
    paths of the run and pytest collected none of them, though nobody told it so.

    Args:
        config: pytest's.
        collected: Suite files that pytest did collect.
    """
    option = config.option
    if only_shows(config):
        return None
    files = suites_under(config)
    where = visible(", ".join(config.args))
    typed = model_is_typed(config, config.stash.get(OURS, ()))
    if not files:
        return Unasked(
            f"nothing to ask the model: there is no suite under {where}; a suite's "
            f"name ends in {SUFFIXES[0]}, and `domainsafety init` writes one",
            typed,
        )
    lie = f"{counted(len(files), 'suite')} under {where}"
    if collected:
        return Unasked(
            f"nothing to ask the model: of the {lie} no scenario pair was selected; "
            "look at -k, -m, --deselect and --lf",
            typed,
        )
    first = visible(str(files[0]))
    return Unasked(
        f"nothing to ask the model: pytest collected none of the {lie} ({first}); look "
        "at norecursedirs, --ignore and collect_ignore",
        typed or not (option.ignore or option.ignore_glob),
    )
