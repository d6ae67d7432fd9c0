"""What may be used from outside stays: names, parameters, entry points.

All else in the package is private and may move (`pytest_domainsafety.__doc__`).
`tests/schema/public_api.json` holds it; ``DOMAINSAFETY_GOLDEN=write`` writes it anew,
where something was added on purpose. The JSON that is written: `test_json_schemas.py`.
"""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

import pytest

PINNED = Path(__file__).parents[1] / "schema" / "public_api.json"
MODULES = (
    "errors",
    "judging.base",
    "judging.offline",
    "providers.base",
    "runs",
    "stats",
    "suite",
    "types",
)


CALLED = "()"


def surface(module):
    """Return name → parameters (of a function), members (of a class) or `value`."""
    found = import_module(f"pytest_domainsafety.{module}")
    return {name: described(getattr(found, name)) for name in sorted(found.__all__)}


def described(value):
    if inspect.isfunction(value):
        return parameters(value)
    if inspect.isclass(value):
        return sorted(members(value))
    return "value"


def parameters(function):
    """Return `()`, and each parameter: `name`, `*, name` by name alone, `name=`."""
    return [
        CALLED,
        *(
            ("*, " if one.kind is one.KEYWORD_ONLY else "")
            + name
            + ("" if one.default is one.empty else "=")
            for name, one in inspect.signature(function).parameters.items()
        ),
    ]


def members(cls):
    """Return fields, methods and properties of our own."""
    ours = [base for base in cls.__mro__ if base.__module__.startswith("pytest_domain")]
    for base in ours:
        for name in (*vars(base), *getattr(base, "__annotations__", ())):
            if not name.startswith("_") and name != "model_config":
                yield name


def today():
    return {module: surface(module) for module in MODULES}


@pytest.fixture(scope="module")
def pinned():
    if os.environ.get("DOMAINSAFETY_GOLDEN") == "write":
        text = json.dumps(today(), indent=1, sort_keys=True)
        PINNED.write_text(text + "\n", encoding="utf-8")
    return json.loads(PINNED.read_text(encoding="utf-8"))


@pytest.mark.parametrize("module", MODULES)
def test_nothing_that_is_public_goes_or_changes(module, pinned):
    now = surface(module)
    assert sorted(pinned[module].keys() - now.keys()) == []
    for name, before in pinned[module].items():
        problem = incompatible(before, now[name])
        assert problem is None, f"{module}.{name}: {problem}"


def incompatible(before, now):
    """Say what a caller of before would stumble over; None where there is nothing."""
    if type(before) is not type(now):
        return f"was {before}, is {now}"
    if isinstance(before, str):
        return None
    lost = [one for one in before if one not in now and f"{one}=" not in now]
    if lost:
        return f"{', '.join(lost)} is gone"
    if before[0:1] != [CALLED]:
        return None
    more = {*now} - {*before, *(one.removesuffix("=") for one in before)}
    if any(not one.endswith("=") for one in more):
        return f"asks for {', '.join(sorted(more))}"
    placed = [one.removesuffix("=") for one in before if "*" not in one]
    if [one.removesuffix("=") for one in now][: len(placed)] != placed:
        return "the order has changed"
    return None


@pytest.mark.parametrize(
    ("before", "now", "says"),
    [
        ([CALLED, "a", "*, b="], [CALLED, "a", "*, b=", "*, c="], None),
        ([CALLED, "a"], [CALLED, "a="], None),
        ([CALLED, "a", "b"], [CALLED, "a"], "b is gone"),
        ([CALLED, "a="], [CALLED, "a"], "a= is gone"),
        ([CALLED, "a"], [CALLED, "a", "b"], "asks for b"),
        ([CALLED, "a", "b="], [CALLED, "b=", "a"], "the order has changed"),
        (["field"], ["field", "another"], None),
        (["field"], ["another"], "field is gone"),
        (["a"], "value", "was ['a'], is value"),
    ],
)
def test_what_is_incompatible(before, now, says):
    assert incompatible(before, now) == says


@pytest.mark.parametrize("module", ["runs", "suite", "judging.base", "providers.base"])
def test_nothing_becomes_public_by_the_way(module, pinned):
    assert sorted(surface(module)) == sorted(pinned[module])


def test_what_the_plan_names_is_there(pinned):
    named = {
        "suite": {"load_suite", "load_suites"},
        "runs": {"find_source", "load_results", "open_records"},
        "judging.offline": {"OfflineJudge"},
        "judging.base": {"Judge", "Case", "Ask"},
        "types": {"Manifest", "Record", "Results", "Suite"},
    }
    for module, names in named.items():
        assert names <= pinned[module].keys()


def test_entry_points():
    (plugin,) = entry_points(group="pytest11", name="domainsafety")
    assert plugin.value == "pytest_domainsafety.plugin"
    (command,) = entry_points(group="console_scripts", name="domainsafety")
    assert command.value == "pytest_domainsafety.cli:main"


def test_groups_by_which_others_add_providers_and_judges():
    from pytest_domainsafety.judging import registry as judges
    from pytest_domainsafety.providers import registry as providers

    assert providers.ENTRY_POINTS == "pytest_domainsafety.providers"
    assert judges.ENTRY_POINTS == "pytest_domainsafety.judges"


@pytest.mark.parametrize("module", ["", ".errors", ".runs", ".stats", ".judging"])
def test_a_public_package_is_imported_for_next_to_nothing(module):
    code = (
        f"import sys, pytest_domainsafety{module}\n"
        "heavy = {'numpy', 'scipy', 'pydantic', 'httpx', 'yaml', 'rich', 'sqlite3'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_the_package_says_what_is_public():
    said = import_module("pytest_domainsafety").__doc__
    for module in MODULES:
        assert f"`{module}" in said
    assert "All else is private" in said
