"""What every pytest with the plugin installed loads: options, markers, one check.

So it imports next to nothing; what a run was told is read by `config.run`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from pytest_domainsafety.config.table import OPTIONS

if TYPE_CHECKING:
    import pytest

GROUP = "domainsafety"

SUFFIXES = (".safety.yaml", ".safety.yml")
"""How a suite file's name ends."""

MARKERS = (
    "domain(name): a scenario pair's domain, for example -m 'domain(name=\"labor\")'",
    "subdomain(name): a scenario pair's sub-domain",
    "tag(F1, …): a scenario pair's tags, for example -m 'tag(F1=True)'",
)


def wants_models(config: pytest.Config) -> bool:
    """Whether this run has a model to test, on the command line or in its ini."""
    return bool(config.option.safety_model or config.getini("safety_model"))


def model_is_typed(config: pytest.Config) -> bool:
    """Whether a model was named for this very run, and not in its ini alone.

    `addopts` is a part of the ini; an argument file and PYTEST_ADDOPTS are not.
    """
    names = [f"--{option.name}" for option in OPTIONS if option.dest == "safety_model"]
    assigned = tuple(f"{name}=" for name in names)
    addopts: list[str] = config.getini("addopts")
    standing = [word in names or word.startswith(assigned) for word in addopts]
    return len(config.option.safety_model or ()) > sum(standing)


def missing_model(config: pytest.Config, nodeids: Iterable[str]) -> str | None:
    """Return why scenario pairs can't run without a model; None where none would."""
    worker = hasattr(config, "workerinput")
    if worker or config.option.collectonly:
        return None
    for nodeid in nodeids:
        if nodeid.partition("::")[0].endswith(SUFFIXES):
            return (
                f"{nodeid.partition('::')[0]}: no model to test. Name one: "
                "pytest --model llama3.3 (an Ollama model), --model openai:NAME, "
                "or --model embedded:smollm2-135m --judge offline for a first try "
                "without any server; to list the scenarios only, --collect-only"
            )
    return None


def add_options(parser: pytest.Parser) -> None:
    """Put the table on the command line and into the ini file."""
    group = parser.getgroup(GROUP, "safety regression testing (domainsafety)")
    for option in OPTIONS:
        names = {"dest": option.dest, "help": option.help}
        if option.flag:
            group.addoption(f"--{option.name}", action="store_true", **names)
        else:
            action = "append" if option.repeat else "store"
            metavar = option.metavar
            group.addoption(f"--{option.name}", action=action, metavar=metavar, **names)
        kind: Literal["bool", "linelist", "string"] = "string"
        if option.flag or option.repeat:
            kind = "bool" if option.flag else "linelist"
        parser.addini(option.dest, f"As --{option.name}.", type=kind, default=None)
