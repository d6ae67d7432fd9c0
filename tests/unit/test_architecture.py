"""Imports point down only, and siblings do not import each other (architecture.md)."""

import ast
from importlib import import_module
from pathlib import Path

import pytest

import pytest_domainsafety

PACKAGE = Path(pytest_domainsafety.__file__).parent
NAME = "pytest_domainsafety"

# From the ground up. A room may import from rooms below it, and from itself.
FLOORS = (
    {"errors", "subjects", "text"},
    {"types", "files", "config"},
    {"providers", "store", "suite", "stats"},
    {"judging", "analysis", "reporting"},
    {"engine"},
    {"runs"},
    {"session", "commands"},
    {"plugin", "cli"},
)
MOST_IN_THE_ROOT = 7

CONNECTIONS = {"providers/connections.py", "providers/plain.py"}
# Who may import what others may not: (package, who, why).
KEEPERS = (
    ("pytest", {"session", "plugin.py"}, "all else works without a pytest run"),
    ("xdist", {"session"}, "all else works without workers"),
    ("_pytest", {"session/internals.py"}, "private parts change with a release"),
    ("sqlite3", {"store"}, "one place knows the tables"),
    ("httpx", CONNECTIONS, "we want to be able to change it"),
    ("httpcore", CONNECTIONS, "we want to be able to change it"),
)

MODULES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def floor(name: str) -> int:
    found = [number for number, rooms in enumerate(FLOORS) if name in rooms]
    assert found, f"{name} stands on no floor: give it one in FLOORS"
    return found[0]


def runtime_imports(path: Path):
    """Yield the dotted names that a module imports, type checking aside."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    hidden = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module == NAME:
                yield from (f"{NAME}.{alias.name}" for alias in node.names)
            else:
                yield node.module


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_down(path):
    own = room(path)
    if own == "__init__":
        assert not list(runtime_imports(path))
        return
    for name in runtime_imports(path):
        if not name.startswith(f"{NAME}.") or name == f"{NAME}.__version__":
            continue
        other = name.split(".")[1]
        below = other == own or floor(other) < floor(own)
        assert below, f"{own} must not import {other}"


@pytest.mark.parametrize(("package", "keepers", "why"), KEEPERS)
def test_some_packages_are_known_to_one_room(package, keepers, why):
    users = set()
    for path in MODULES:
        if any(name.split(".")[0] == package for name in runtime_imports(path)):
            place = str(path.relative_to(PACKAGE))
            users.add(place if place in keepers else room_of_path(path))
    assert users == keepers, f"{package}: {why}"


def room_of_path(path: Path) -> str:
    """Return the folder below the package, or the module's own name in its root."""
    return path.relative_to(PACKAGE).parts[0]


def test_the_root_has_few_modules():
    assert len(list(PACKAGE.glob("*.py"))) <= MOST_IN_THE_ROOT


def test_a_command_stands_in_the_file_of_its_name():
    for path in (PACKAGE / "commands").glob("[!_]*.py"):
        module = import_module(f"{NAME}.commands.{path.stem}")
        assert [command.name for command in module.commands] == [path.stem]


def test_every_floor_is_lived_on():
    there = {room(path) for path in MODULES} - {"__init__"}
    assert there == set().union(*FLOORS)


def test_the_unused_plugin_imports_nothing_heavy():
    import subprocess
    import sys

    code = (
        "import sys, pytest_domainsafety.plugin\n"
        "heavy = {'numpy', 'scipy', 'pydantic', 'httpx', 'ollama', 'yaml', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
