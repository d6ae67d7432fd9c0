"""What every pytest with the plugin installed loads: options, markers, one check.

So it imports next to nothing; what a run was told is read by `config.run`.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

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
    return bool(config.option.safety_model or ini_value(config, "safety_model"))


def ini_value(config: pytest.Config, name: str) -> Any:
    """Return what the ini file says of one of our options; None where nothing.

    pytest ≥ 9 holds TOML's own types against an option's, and has no type that takes a
    number as well as text: so a share as a number, one threshold without a list and a
    model as plain text are taken from what it read.

    Returns:
        A text, or texts where an option may be repeated; of a flag True, False or a
        text that is neither.
    """
    option = next(option for option in OPTIONS if option.dest == name)
    try:
        value: Any = config.getini(name)
    except Exception:  # noqa: BLE001 - TypeError, ValueError or UsageError, by version
        held = (getattr(config, "_inicfg", None) or config.inicfg).get(name)
        value = getattr(held, "value", held)
        # Before pytest 9 what `-o` says is not among what the file says.
        for line in config.option.override_ini or ():
            key, _, text = line.partition("=")
            value = text if key == name else value
    if value is None or value in ("", []):
        return None
    if option.flag:
        return value if isinstance(value, bool) else str(value)
    if option.repeat:
        return [str(line) for line in (value if isinstance(value, list) else [value])]
    return str(value)


SHORT = {f"--{option.short}": f"--{option.name}" for option in OPTIONS if option.short}
"""Names that anybody may have: `--model` → `--safety-model`."""


def may_have_short_names(args: Iterable[str | os.PathLike[str]]) -> bool:
    """Whether a command line may have short names, also in an argument file."""
    return any(os.fspath(arg).startswith((*SHORT, "@")) for arg in args)


def model_is_typed(config: pytest.Config, ours: Collection[str]) -> bool:
    """Whether a model was named for this very run, and not in its ini alone.

    `addopts` is a part of the ini; an argument file and PYTEST_ADDOPTS are not.

    Args:
        config: pytest's.
        ours: The short names that are ours in this run.
    """
    names = [f"--{option.name}" for option in OPTIONS if option.dest == "safety_model"]
    names += [short for short in ours if SHORT[short] in names]
    assigned = tuple(f"{name}=" for name in names)
    addopts: list[str] = config.getini("addopts")
    standing = [word in names or word.startswith(assigned) for word in addopts]
    return len(config.option.safety_model or ()) > sum(standing)


_SHOW = (
    ("collectonly", "--collect-only"),
    ("setupplan", "--setup-plan"),
    ("setuponly", "--setup-only"),
    ("showfixtures", "--fixtures"),
    ("show_fixtures_per_test", "--fixtures-per-test"),
    ("cacheshow", "--cache-show"),
)


def only_shows(config: pytest.Config) -> str | None:
    """Return the option with which pytest shows something and runs no test."""
    shown = (typed for name, typed in _SHOW if getattr(config.option, name, False))
    return next(shown, None)


def may_have_suites(config: pytest.Config) -> bool:
    """Whether a suite lies under the paths of a run; no more of it is read."""
    from pytest_domainsafety.config.places import named_under

    for arg in config.args:
        path = Path(config.invocation_params.dir, arg.partition("::")[0])
        if path.name.endswith(SUFFIXES) or any(named_under(path, SUFFIXES)):
            return True
    return False


def suite_to_run(config: pytest.Config, nodeids: Iterable[str]) -> str | None:
    """Return the first suite file of a run; None where pairs are only listed."""
    worker = hasattr(config, "workerinput")
    if worker or only_shows(config):
        return None
    paths = (nodeid.partition("::")[0] for nodeid in nodeids)
    return next((path for path in paths if path.endswith(SUFFIXES)), None)


def add_options(parser: pytest.Parser) -> None:
    """Put the table on the command line and into the ini file."""
    group = parser.getgroup(GROUP, "safety regression testing (domainsafety)")
    for option in OPTIONS:
        names: dict[str, Any] = {"dest": option.dest, "help": option.help}
        if option.flag:
            group.addoption(f"--{option.name}", action="store_true", **names)
        else:
            action = "append" if option.repeat else "store"
            metavar: str | tuple[str, ...] | None = option.metavar
            if option.words > 1:
                names["nargs"] = option.words
                metavar = tuple((option.metavar or "").split())
            group.addoption(f"--{option.name}", action=action, metavar=metavar, **names)
        kind: Literal["bool", "linelist", "string"] = "string"
        if option.flag or option.repeat:
            kind = "bool" if option.flag else "linelist"
        parser.addini(option.dest, f"As --{option.name}.", type=kind, default=None)
